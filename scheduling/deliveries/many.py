"""The API of many parcels at once: one verb for all, or a sheet of tracking numbers."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from typing import IO, Any
from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, parsers, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import STAFF, actor_of, roles, signed_in
from accounts.models import User
from records import clock
from records.actor import Actor
from records.api import Door, IdField, Input, TextField, problem, read
from records.refused import CODES, Refused, problem_body
from scheduling.deliveries import actions
from scheduling.deliveries.api import VERBS, DispatchIn
from scheduling.deliveries.carrier.actions import dispatch_packed
from scheduling.deliveries.models import Delivery

MOST_AT_ONCE = 200
NOWHERE = problem_body("not_found", CODES["not_found"][1] + ".")


class BulkIn(Input):
    """With the fields that the verb takes, the same for all."""

    action = serializers.ChoiceField(choices=list(VERBS))
    ids = serializers.ListField(child=IdField(), allow_empty=False, max_length=MOST_AT_ONCE)


class BulkRowOut(serializers.Serializer[Any]):
    """``status`` of the delivery now, or the ``problem`` that kept it as it was."""

    id = serializers.UUIDField()
    ok = serializers.BooleanField()
    status = serializers.CharField(required=False)
    problem = serializers.DictField(required=False)


class BulkOut(serializers.Serializer[Any]):
    results = BulkRowOut(many=True)


class Bulk(Door):
    """One verb on up to 200 parcels; one that is refused stops nothing."""

    permission_classes = (roles(STAFF),)

    @extend_schema(request=BulkIn, responses=BulkOut)
    def post(self, request: Request) -> Response:
        user: User = signed_in(request)
        body: Any = request.data
        is_object = isinstance(body, Mapping)
        head = {k: v for k, v in body.items() if k in ("action", "ids")} if is_object else body
        sent = read(BulkIn, head)
        verb = VERBS[sent["action"]]()
        rest = read(verb.takes, {k: v for k, v in body.items() if k not in head}, user=user)
        done = actions.each(
            deliveries=Delivery.objects.visible_to(user).filter(pk__in=sent["ids"]),
            act=verb.do,
            arguments=verb.arguments(rest),
            by=actor_of(request),
            now=clock.now(),
        )
        rows = [{"id": pk, **result_of(done.get(pk))} for pk in sent["ids"]]
        return Response(BulkOut({"results": rows}).data)


def result_of(done: Delivery | Refused | None) -> dict[str, Any]:
    """What came of one of many: its status now, or the problem; None was nowhere."""
    if isinstance(done, Delivery):
        return {"ok": True, "status": done.status}
    return {"ok": False, "problem": done.problem() if done else NOWHERE}


# --- tracking numbers ----------------------------------------------------------------------------

COLUMNS = ("delivery", "carrier", "tracking")
UUID_SHAPE = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", re.A)


class CsvParser(parsers.BaseParser):
    """A sheet: UTF-8 with a line of names; the size is bounded as that of JSON."""

    media_type = "text/csv"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None
    ) -> Any:
        return rows_of(stream.read())


Sheet = list[tuple[int, dict[Any, Any]]]


def rows_of(body: bytes) -> Sheet:
    """The cells of a sheet by column, each row with its line; raises ParseError."""
    try:
        text = body.decode("utf-8-sig")
        sheet = csv.DictReader(StringIO(text, newline=""), strict=True)
        rows = [(sheet.line_num, cells) for cells in sheet]
    except (UnicodeDecodeError, csv.Error) as error:
        raise exceptions.ParseError("This cannot be read as CSV in UTF-8.") from error
    if sorted(sheet.fieldnames or ()) != sorted(COLUMNS):
        raise exceptions.ParseError(f"The first line names the columns {', '.join(COLUMNS)}.")
    if not 1 <= len(rows) <= MOST_AT_ONCE:
        raise exceptions.ParseError(f"Send 1 to {MOST_AT_ONCE} rows.")
    return rows


class RowIn(DispatchIn):
    """``delivery``: its id or reference, in whatever case."""

    delivery = TextField(max_length=36)

    def validate_delivery(self, text: str) -> str:
        return text.upper()


class RowOut(serializers.Serializer[Any]):
    """``row``: its line in the sheet, where the names are line 1.

    ``status`` of the delivery now, or the ``problem`` with the row.
    """

    row = serializers.IntegerField()
    delivery = serializers.CharField(allow_null=True)
    ok = serializers.BooleanField()
    status = serializers.CharField(required=False)
    problem = serializers.DictField(required=False)


class TrackingOut(serializers.Serializer[Any]):
    results = RowOut(many=True)


class Tracking(Door):
    """A sheet of parcels that left: ``delivery`` (id or reference), ``carrier``, ``tracking``.

    Each row is a dispatch of a packed parcel; one that is refused stops nothing.
    """

    permission_classes = (roles(STAFF),)
    parser_classes = (CsvParser,)

    @extend_schema(request={"text/csv": OpenApiTypes.STR}, responses=TrackingOut)
    def post(self, request: Request) -> Response:
        mine = Delivery.objects.visible_to(signed_in(request))
        sheet: Any = request.data or rows_of(b"")  # of an empty body, no parser is asked
        results = dispatch_rows(sheet, mine, by=actor_of(request), now=clock.now())
        return Response(TrackingOut({"results": results}).data)


def dispatch_rows(
    sheet: Sheet, mine: QuerySet[Delivery], *, by: Actor, now: datetime
) -> list[dict[str, Any]]:
    """Dispatch what a sheet names of these deliveries; what came of each row, as `RowOut`."""
    rows = [_row(number, cells) for number, cells in sheet]
    _look_up(rows, mine)
    sent = {row.pk: row.sent for row in rows if row.pk and not row.problem}

    def act(*, delivery: Delivery, **more: Any) -> Delivery:
        return dispatch_packed(delivery=delivery, **sent[delivery.pk], **more)

    wanted = mine.filter(pk__in=sent)
    done = actions.each(deliveries=wanted, act=act, arguments={}, by=by, now=now)
    return [row.told(done) for row in rows]


@dataclass(slots=True)
class Row:
    """A row of the sheet; ``name`` of the delivery as sent, ``sent`` what dispatching takes."""

    number: int
    name: str | None
    sent: dict[str, Any]
    problem: dict[str, Any] | None = None
    pk: UUID | None = None

    def told(self, done: Mapping[UUID, Delivery | Refused]) -> dict[str, Any]:
        where = {"row": self.number, "delivery": self.name}
        if self.problem or self.pk is None:
            return {**where, "ok": False, "problem": self.problem}
        return {**where, **result_of(done.get(self.pk))}


def _row(number: int, cells: dict[Any, Any]) -> Row:
    try:
        return Row(number, cells["delivery"], read(RowIn, cells))
    except serializers.ValidationError as error:
        refusal = problem(error)
        return Row(number, cells["delivery"], {}, refusal.data if refusal else None)


def _look_up(rows: list[Row], mine: QuerySet[Delivery]) -> None:
    """Which delivery each row is about; a row about none, or about one a second time, is wrong."""
    good = [row for row in rows if not row.problem]
    names = [row.sent["delivery"] for row in good]
    ids = [name for name in names if UUID_SHAPE.fullmatch(name)]
    found = mine.filter(Q(reference__in=names) | Q(pk__in=ids))
    pks = {name: one.pk for one in found for name in (one.reference, str(one.pk).upper())}
    seen: set[UUID | None] = set()
    for row in good:
        row.pk = pks.get(row.sent.pop("delivery"))
        if row.pk is None:
            row.problem = NOWHERE
        elif row.pk in seen:
            row.problem = problem_body("invalid", "Another row is about this delivery.")
        seen.add(row.pk)
