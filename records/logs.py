"""One line of JSON for each log record: ids and codes, never what a person typed."""

import logging
import traceback
from collections.abc import Iterator

import structlog
from structlog.typing import EventDict, Processor

# Ids, codes and counts: nothing that a person typed, no URL with a query, no body.
ALLOWED = {
    "event", "level", "timestamp", "logger", "request_id", "user_id", "code", "sweep", "count",
    "message_id", "event_id", "patient_id", "seconds", "status", "exception", "method", "door",
    "ms", "run_id", "zone_id", "export_id",
}  # fmt: skip
FRAMES = 12  # of each exception, the innermost


def only_allowed(_logger: object, _method: str, record: EventDict) -> EventDict:
    """Drop what is not on the allow-list."""
    return {key: value for key, value in record.items() if key in ALLOWED}


def without_words(_logger: object, _method: str, record: EventDict) -> EventDict:
    """An exception as its types and places: its message may hold a row (PostgreSQL's DETAIL)."""
    raised = record.pop("exc_info", None)
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        record["exception"] = [line for one in _chain(error) for line in _told(one)]
    source = record.get("_record")
    if source is not None and source.name == "celery.app.trace":
        record["event"], record["sweep"] = "sweep_failed", getattr(source, "data", {}).get("name")
    return record


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """What was raised, then what led to it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _told(error: BaseException) -> Iterator[str]:
    yield f"{type(error).__module__}.{type(error).__qualname__}"
    for frame in traceback.extract_tb(error.__traceback__)[-FRAMES:]:
        yield f"  {frame.filename}:{frame.lineno} {frame.name}"


def formatter() -> logging.Formatter:
    """The formatter of every handler."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        use_get_message=False,  # a sentence as it stands in the code, without what is filled in
        processors=[
            without_words,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            only_allowed,
            structlog.processors.JSONRenderer(),
        ],
    )
