"""The API's manners: strict input, problem+json, cursors, ETags, answers once."""

import csv
import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from io import StringIO
from typing import IO, Any, NoReturn
from uuid import UUID

from django.core.exceptions import PermissionDenied, RequestDataTooBig, ValidationError
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import exceptions, pagination, parsers, permissions, renderers, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from structlog.contextvars import bind_contextvars

from records.events import log_access
from records.idempotency import answer_once
from records.limits import Taken, address_of, take
from records.outage import DATABASE_AWAY
from records.refused import CODES, Refused, pointer, problem_body
from records.strict_json import read_json

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.A)

NO_CURSOR = "Use a cursor from the next or previous of this list."


class JsonParser(parsers.BaseParser):
    """JSON as records/strict_json.py reads it; the size is bounded by the middleware."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None
    ) -> Any:
        try:
            return read_json(stream.read())
        except ValueError as error:
            raise exceptions.ParseError(str(error)) from error


@extend_schema_field(OpenApiTypes.DATETIME)
class InstantField(serializers.Field):  # type: ignore[type-arg]
    """An instant: RFC 3339 with an offset in, UTC with ``Z`` out."""

    default_error_messages = {
        "invalid": "Use RFC 3339 with an offset, such as 2026-11-24T09:00:00-05:00.",
        "out_of_range": "Use a time between the years 2000 and 2100.",
    }

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str) or not RFC3339.fullmatch(data):
            self.fail("invalid")
        try:
            value = datetime.fromisoformat(data).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail("invalid")
        if not 2000 <= value.year <= 2100:
            self.fail("out_of_range")
        return value

    def to_representation(self, value: datetime) -> str:
        return instant(value)


class DayField(serializers.DateField):
    """A date ``YYYY-MM-DD`` between the years 1900 and 2100."""

    def to_internal_value(self, value: Any) -> date:
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.A):
            self.fail("invalid", format="YYYY-MM-DD")
        day = super().to_internal_value(value)
        if not 1900 <= day.year <= 2100:
            self.fail("invalid", format="YYYY-MM-DD")
        return day


@extend_schema_field({"type": "string", "pattern": r"^\d\d:\d\d$", "example": "08:30"})
class WallTimeField(serializers.TimeField):
    """Hours and minutes on somebody's wall."""

    def __init__(self, **options: Any) -> None:
        super().__init__(format="%H:%M", input_formats=["%H:%M"], **options)


class TextField(serializers.CharField):
    """Text as typed: a string, not a number or a truth value that would be turned into one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class MailField(serializers.EmailField):
    """A mail address of plain letters.

    Of others some have the capitals of plain ones (ı, ſ): to the database they would be the same
    address, and to mail servers another one.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=254, **options)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not (text.isascii() and text.isprintable()):
            self.fail("invalid")
        return text


class IdField(serializers.UUIDField):
    """A UUID as text; not a number that would be made into one."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class NumberField(serializers.IntegerField):
    """A whole number; not ``"5"``, not ``5.0``."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


class TruthField(serializers.BooleanField):
    """``true`` or ``false``; not ``"yes"``, not ``1``."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Input(serializers.Serializer):  # type: ignore[type-arg]
    """What a request may say; an unknown field is refused, not ignored."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [key for key in data if key not in self.fields]
            if unknown:
                raise serializers.ValidationError(
                    {
                        key: [exceptions.ErrorDetail("There is no such field.", "unknown_field")]
                        for key in unknown
                    }
                )
        return super().to_internal_value(data)


class Nothing(Input):
    """No fields."""


class GateOut(serializers.Serializer[Any]):
    """What is missing, who clears it, and by when."""

    code = serializers.CharField()
    detail = serializers.CharField()
    who = serializers.CharField()
    until = InstantField(allow_null=True)


def read(
    serializer: type[serializers.Serializer],  # type: ignore[type-arg]
    data: Any,
    **context: Any,
) -> dict[str, Any]:
    """The validated input; raises a 400 with pointers."""
    incoming = serializer(data=data, context=context)
    incoming.is_valid(raise_exception=True)
    return dict(incoming.validated_data)


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": 100, "default": 25})
class LimitField(TextField):
    """How many rows a page has; `Cursor` reads it."""


class ListQuery(Input):
    """What every list takes; one with filters adds them."""

    cursor = TextField(required=False)
    limit = LimitField(required=False)


def query(
    serializer: type[serializers.Serializer],  # type: ignore[type-arg]
    request: Request,
) -> dict[str, Any]:
    """The validated query string; a parameter given twice or unknown is refused."""
    twice = [key for key in request.query_params if len(request.query_params.getlist(key)) > 1]
    if twice:
        raise serializers.ValidationError({key: ["Give it once."] for key in twice})
    return read(serializer, request.query_params.dict(), request=request)


def instant(value: datetime) -> str:
    """An instant as the API tells it: UTC with ``Z``."""
    text = value.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")


class Cursor(pagination.CursorPagination):
    """``{next, previous, results}`` by cursor; ``limit`` up to 100."""

    page_size = 25
    max_page_size = 100
    page_size_query_param = "limit"
    ordering: str | tuple[str, ...] = "id"

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get("limit", str(self.page_size))
        if not re.fullmatch(r"[1-9]\d?|100", text, re.A):
            raise serializers.ValidationError({"limit": ["Use a number from 1 to 100."]})
        return int(text)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (
            exceptions.NotFound,
            ValidationError,
            ValueError,
            OverflowError,
            DataError,
        ) as error:
            if "cursor" not in request.query_params:
                raise
            raise serializers.ValidationError({"cursor": [NO_CURSOR]}) from error

    def get_paginated_response(self, data: Any) -> Response:
        """With the neighbours in ``Link`` (RFC 8288), too: a list as CSV has no other place."""
        answer = super().get_paginated_response(data)
        near = {"next": self.get_next_link(), "prev": self.get_previous_link()}
        links = [f'<{url}>; rel="{rel}"' for rel, url in near.items() if url]
        if links:
            answer["Link"] = ", ".join(links)
        return answer

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """In the words of OpenAPI 3.1: the ends of a list have no next, or no previous."""
        shape: dict[str, Any] = super().get_paginated_response_schema(schema)
        for name in ("next", "previous"):
            shape["properties"][name] = {"type": ["string", "null"], "format": "uri"}
        return shape


def listed(
    door: APIView,
    rows: Any,
    shape: type[serializers.BaseSerializer],  # type: ignore[type-arg]
    *,
    ordering: tuple[str, ...] = ("id",),
    **context: Any,
) -> Response:
    """A list without filters, page by page."""
    query(ListQuery, door.request)
    pages = Cursor()
    pages.ordering = ordering
    page: Any = pages.paginate_queryset(rows, door.request, door)
    return pages.get_paginated_response(shape(page, many=True, context=context).data)


# As a spreadsheet reads it: behind blanks, and in full width too.
FORMULA = re.compile(r"[\t\r\n]|\s*[=+\-@＝＋－＠]")


class Csv(renderers.BaseRenderer):
    """The rows of a list as CSV (RFC 4180, UTF-8), with a line of names; a refusal stays JSON.

    What is nested has its fields in columns of their own (``window.starts``), other lists and
    objects are told as JSON. A text that a spreadsheet would take for a formula is led by an
    apostrophe.
    """

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: Any = None, context: Any = None) -> bytes:
        if not isinstance(data, Mapping) or "results" not in data:
            return renderers.JSONRenderer().render(data)
        columns = list(_columns(data["results"].serializer.child))
        rows = json.loads(renderers.JSONRenderer().render(data["results"]))
        text = StringIO()
        sheet = csv.writer(text)
        sheet.writerow(".".join(column) for column in columns)
        sheet.writerows([_cell(row, column) for column in columns] for row in rows)
        return text.getvalue().encode()


def _columns(shape: serializers.Serializer[Any], at: tuple[str, ...] = ()) -> Iterator[Any]:
    """The path of every column of a row."""
    for name, field in shape.fields.items():
        if isinstance(field, serializers.Serializer):
            yield from _columns(field, (*at, name))
        else:
            yield (*at, name)


def _cell(row: Any, column: tuple[str, ...]) -> Any:
    for name in column:
        row = row[name] if row is not None else None
    return json.dumps(row) if isinstance(row, (dict, list, bool)) else plain_cell(row)


def plain_cell(value: Any) -> Any:
    """As a spreadsheet may have it: a text that it would take for a formula is led by an
    apostrophe."""
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


class Door(APIView):
    """A view with all the manners.

    ``limits``: method → which of `records.limits.LIMITS` counts it. What is malformed (400) is not
    counted, and where ``counts`` names statuses, only what is answered so.
    """

    parser_classes: Sequence[type[parsers.BaseParser]] = (JsonParser,)
    pagination_class = Cursor
    metadata_class = None  # nobody is told the choices of a field by OPTIONS: the schema does
    limits: Mapping[str, str] = {}
    counts: Container[int] = ()
    taken = Taken()

    def check_throttles(self, request: Request) -> None:
        """Before the transaction of what is asked: what is refused or undone counts, too."""
        method = "GET" if request.method == "HEAD" else str(request.method)  # it looks as much
        if what := self.limits.get(method):
            self.taken = take(what, **self.counted_by(request))

    def counted_by(self, request: Request) -> dict[str, str]:
        """Who asks: a user, else an address."""
        if request.user.is_authenticated:
            return {"user": str(request.user.pk)}
        return {"address": address_of(request)}

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """As in `APIView.dispatch`, with the answer given once for an Idempotency-Key."""
        self.args, self.kwargs = args, kwargs
        asked = self.initialize_request(request, *args, **kwargs)
        self.request = asked
        self.headers = self.default_response_headers
        try:
            _ = asked.body
            self.initial(asked, *args, **kwargs)
            method = str(asked.method).lower()
            handler = getattr(self, method, None) if method in self.http_method_names else None
            handler = handler or self.http_method_not_allowed
            response = answer_once(
                asked, lambda: handler(asked, *args, **kwargs), self.handle_exception
            )
        except Exception as error:  # noqa: BLE001  every answer is made in one place
            response = self.handle_exception(error)
        if response.status_code == 400 or (self.counts and response.status_code not in self.counts):
            self.taken.give_back()
        if response.status_code == 404 and "pk" in kwargs and asked.user.is_authenticated:
            note_denied(asked.user, kwargs["pk"])
        self.response = self.finalize_response(asked, response, *args, **kwargs)
        return self.response

    def perform_authentication(self, request: Request) -> None:
        super().perform_authentication(request)
        if request.user.is_authenticated:
            bind_contextvars(user_id=str(request.user.pk))

    def permission_denied(
        self, request: Request, message: str | None = None, code: str | None = None
    ) -> NoReturn:
        """Who signed in and counts as nobody is told what is missing."""
        if isinstance(why := getattr(request.auth, "refused", None), Refused):
            raise why
        super().permission_denied(request, message, code)


def note_denied(user: Any, pk: UUID) -> None:
    """Somebody we know asked for what is not theirs, or never was."""
    log_access(
        user_id=user.pk, role=user.role, kind="", object_ids=[pk], patient_ids=[], denied=True
    )


class CsvDoor(Door):
    """A door whose list can be had as CSV, too (``Accept: text/csv``)."""

    renderer_classes = (renderers.JSONRenderer, Csv)

    def get_renderers(self) -> list[Any]:
        looks = self.request.method in permissions.SAFE_METHODS
        return [r for r in super().get_renderers() if looks or not isinstance(r, Csv)]


def if_match(request: Request) -> int | None:
    """The version that the client saw, from If-Match; None when it does not care."""
    header = request.headers.get("If-Match", "").strip()
    if header in ("", "*"):
        return None
    match = re.fullmatch(r'"(\d{1,9})"', header, re.A)
    return int(match[1]) if match else -1


def with_etag(response: Response, version: int) -> Response:
    """The answer with the object's version as its ETag."""
    response["ETag"] = f'"{version}"'
    return response


# --- errors ------------------------------------------------------------------------------------


def refused(code: str, detail: str) -> Response:
    """A refusal as an answer, where raising it would take back what was written down."""
    return _answer(problem_body(code, detail))


def problem(error: Exception, context: Any = None) -> Response | None:
    """An exception as an RFC 9457 answer; None for what is a fault of ours."""
    if isinstance(error, Refused):
        return _answer(error.problem(), retry_after=error.facts.get("retry_after"))
    if isinstance(error, serializers.ValidationError):
        return _answer(_invalid(error))
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.APIException):
        return _api_error(error)
    if isinstance(error, RequestDataTooBig):
        return _answer(problem_body("too_large", "The body is larger than 256 KiB."))
    if isinstance(error, (OperationalError, InterfaceError)):
        return _answer(problem_body("database_away", DATABASE_AWAY), retry_after=5)
    return None


def _api_error(error: exceptions.APIException) -> Response:
    """The framework's own exceptions, by our words for them."""
    known = str(error.default_code)
    code = {"parse_error": "malformed", "authentication_failed": "not_authenticated"}.get(
        known, known
    )
    detail = CODES[code][1] + "." if code == "not_found" else str(error.detail)
    answer = _answer(problem_body(code, detail), retry_after=getattr(error, "wait", None))
    if header := getattr(error, "auth_header", None):
        answer["WWW-Authenticate"] = header
    return answer


def _answer(body: dict[str, Any], *, retry_after: float | None = None) -> Response:
    body.pop("retry_after", None)
    answer = Response(body, status=body["status"], content_type="application/problem+json")
    if retry_after:
        answer["Retry-After"] = str(int(retry_after) or 1)
    return answer


def _invalid(error: serializers.ValidationError) -> dict[str, Any]:
    errors = list(_flat(error.detail, ""))
    detail = errors[0]["detail"] if len(errors) == 1 else "Some of what was sent cannot be used."
    return problem_body("invalid", detail, errors=errors)


def _flat(detail: Any, at: str) -> Any:
    """Errors as a flat list with JSON pointers (RFC 6901)."""
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            step = "" if key == "non_field_errors" else pointer(str(key))
            yield from _flat(value, at + step)
    elif isinstance(detail, (list, tuple)):
        for index, value in enumerate(detail):
            nested = isinstance(value, (Mapping, list))
            yield from _flat(value, f"{at}/{index}" if nested else at)
    else:
        text = str(detail).encode("ascii", "backslashreplace").decode()
        code = str(getattr(detail, "code", None) or "invalid")
        yield {"pointer": at, "code": code, "detail": text}
