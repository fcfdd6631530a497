"""One line of JSON for each log record; keys outside the allow-list are dropped."""

import logging
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

# Ids, codes and counts: nothing that a person typed, no URL with a query, no body.
ALLOWED = {
    "event", "level", "timestamp", "logger", "request_id", "user_id", "code", "sweep", "count",
    "message_id", "seconds", "status", "exception", "error",
}  # fmt: skip


def only_allowed(_logger: Any, _method: str, record: EventDict) -> EventDict:
    """Drop what is not on the allow-list."""
    return {key: value for key, value in record.items() if key in ALLOWED}


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
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            only_allowed,
            structlog.processors.JSONRenderer(),
        ],
    )
