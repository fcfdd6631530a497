"""The API of windows: zones, windows, closures, holidays."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import CARE, PHYSICIAN, STAFF, actor_of, roles, signed_in
from accounts.models import Role
from patients.api import TimeZoneField, found, named, patient_for
from patients.zip_table import corrections
from records import clock
from records.api import (
    DayField,
    Door,
    IdField,
    Input,
    InstantField,
    NumberField,
    TextField,
    listed,
    query,
    read,
)
from records.refused import Refused
from scheduling.calendar.api import DaysOfPatient, HoursIn, WallTimeField, days
from scheduling.deliveries.windows import actions
from scheduling.deliveries.windows.models import (
    Closure,
    DeliveryWindow,
    DeliveryZone,
    Holiday,
    WindowTemplate,
)
from scheduling.subscriptions.actions import local_day

# --- zones and windows ---------------------------------------------------------------------------


class TemplateOut(serializers.ModelSerializer[WindowTemplate]):
    opens = WallTimeField()
    closes = WallTimeField()

    class Meta:
        model = WindowTemplate
        fields = ["weekday", "opens", "closes", "capacity"]


class ZoneOut(serializers.ModelSerializer[DeliveryZone]):
    """``counties`` as ``FL Bay``; Monday is 0; ``cutoff`` is the pharmacy's wall clock."""

    cutoff = WallTimeField()
    counties = serializers.SerializerMethodField()
    templates = TemplateOut(many=True)

    class Meta:
        model = DeliveryZone
        fields = [
            "id", "name", "time_zone", "pharmacy_time_zone", "cutoff", "transit_days",
            "ship_weekdays", "counties", "templates",
        ]  # fmt: skip

    def get_counties(self, row: DeliveryZone) -> list[str]:
        return sorted(f"{county.state} {county.county}" for county in row.counties.all())


class TemplateIn(HoursIn):
    """A window of every week, which ends on its day."""

    capacity = NumberField(min_value=1, max_value=1000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["closes"] <= attrs["opens"]:
            raise serializers.ValidationError({"closes": ["Use a time after it opens."]})
        return attrs


def _each_once(keys: Iterable[Any]) -> None:
    """400 with the place of what is there twice."""
    seen: set[Any] = set()
    twice = {}
    for index, key in enumerate(keys):
        if key in seen:
            twice[index] = ["Give it once."]
        seen.add(key)
    if twice:
        raise serializers.ValidationError(twice)  # type: ignore[arg-type]


class CountiesField(serializers.ListField):
    """Counties as ``FL Bay``, each once."""

    def __init__(self, **options: Any) -> None:
        name = TextField(max_length=70)
        super().__init__(child=name, max_length=88, **options)

    def to_internal_value(self, data: Any) -> list[str]:
        names: list[str] = super().to_internal_value(data)
        known = {
            f"{state} {county}"
            for state, counties in corrections()["counties"].items()
            for county in counties
        }
        unknown = {
            index: ["There is no such county: use names such as FL Bay."]
            for index, name in enumerate(names)
            if name not in known
        }
        if unknown:
            raise serializers.ValidationError(unknown)  # type: ignore[arg-type]
        _each_once(names)
        return names


class ZoneIn(Input):
    """``transit_days`` lie between shipping, on one of ``ship_weekdays`` (Monday is 0), and a
    window; ``cutoff`` is the pharmacy's wall clock on the business day before shipping. A zone
    without ``counties`` takes them later from others."""

    name = TextField(max_length=60)
    time_zone = TimeZoneField()
    counties = CountiesField()
    templates = serializers.ListField(child=TemplateIn(), allow_empty=False, max_length=100)
    cutoff = WallTimeField()
    transit_days = NumberField(min_value=1, max_value=7)
    ship_weekdays = serializers.ListField(
        child=NumberField(min_value=0, max_value=6), allow_empty=False, max_length=7
    )

    def validate_templates(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        _each_once((row["weekday"], row["opens"]) for row in rows)
        return rows

    def validate_ship_weekdays(self, days: list[int]) -> list[int]:
        _each_once(days)
        return sorted(days)


class Zones(Door):
    """The zones of delivery, with their counties and the windows of every week; staff add some."""

    permission_classes = (roles(STAFF, PHYSICIAN),)

    @extend_schema(responses=ZoneOut(many=True))
    def get(self, request: Request) -> Response:
        rows = DeliveryZone.objects.prefetch_related("counties", "templates")
        return listed(self, rows, ZoneOut, ordering=("name", "id"))

    @extend_schema(request=ZoneIn, responses={201: ZoneOut})
    def post(self, request: Request) -> Response:
        if signed_in(request).role != Role.STAFF:
            self.permission_denied(request, "Staff add zones.")
        sent = read(ZoneIn, request.data)
        row = actions.add_zone(**sent, by=actor_of(request), now=clock.now())
        return Response(ZoneOut(row).data, status=201)


class ZoneDetail(Door):
    """A zone in whose windows no parcel has a place, or had one, is taken away."""

    permission_classes = (roles(STAFF),)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        row = found(DeliveryZone.objects.all(), pk)
        actions.remove_zone(zone=row, by=actor_of(request), now=clock.now())
        return Response(status=204)


class TakeIn(Input):
    """``counties`` as ``FL Bay``, of other zones or of none."""

    counties = CountiesField(allow_empty=False)


class TakeCounties(Door):
    """Counties become those of this zone; who has chosen a window there chooses anew."""

    permission_classes = (roles(STAFF),)

    @extend_schema(request=TakeIn, responses=ZoneOut)
    def post(self, request: Request, pk: UUID) -> Response:
        row = found(DeliveryZone.objects.all(), pk)
        sent = read(TakeIn, request.data)
        actions.take_counties(zone=row, **sent, by=actor_of(request), now=clock.now())
        return Response(ZoneOut(row).data)


class WindowOut(serializers.ModelSerializer[DeliveryWindow]):
    """``time_zone`` is that of the patient; ``cutoff_at``: until then it can be chosen."""

    starts = InstantField()
    ends = InstantField()
    cutoff_at = InstantField()
    time_zone = serializers.SerializerMethodField()
    places_left = serializers.SerializerMethodField()

    class Meta:
        model = DeliveryWindow
        fields = ["id", "starts", "ends", "time_zone", "cutoff_at", "places_left"]

    def get_time_zone(self, row: DeliveryWindow) -> str:
        zone: str = self.context["zone"]
        return zone

    def get_places_left(self, row: DeliveryWindow) -> int:
        return row.capacity - row.taken


class WindowsOut(serializers.Serializer[Any]):
    results = WindowOut(many=True)


class WindowIn(Input):
    """``ship_on``: the day on which it leaves the pharmacy, before that of the window."""

    zone = IdField()
    starts = InstantField()
    ends = InstantField()
    ship_on = DayField()
    cutoff_at = InstantField()
    capacity = NumberField(min_value=1, max_value=1000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["ends"] <= attrs["starts"]:
            raise serializers.ValidationError({"ends": ["Use a time after the start."]})
        if attrs["cutoff_at"] >= attrs["starts"]:
            raise serializers.ValidationError({"cutoff_at": ["Use a time before the start."]})
        return attrs


class Windows(Door):
    """The windows that a patient may choose from; staff open others beside those of the week."""

    permission_classes = (roles(*CARE),)

    @extend_schema(parameters=[DaysOfPatient], responses=WindowsOut)
    def get(self, request: Request) -> Response:
        user, asked = signed_in(request), query(DaysOfPatient, request)
        patient = patient_for(user, asked)
        if patient.address is None or not patient.address.served:
            raise Refused("out_of_area", "We only deliver to addresses in Florida and New Jersey.")
        within = days(asked["from"], asked["to"], patient.time_zone)
        rows = actions.offered(patient, (within.start, within.end), now=clock.now())
        context = {"zone": patient.time_zone}
        return Response(WindowsOut({"results": rows}, context=context).data)

    @extend_schema(request=WindowIn, responses={201: WindowOut})
    def post(self, request: Request) -> Response:
        if signed_in(request).role != Role.STAFF:
            self.permission_denied(request, "Staff open windows.")
        sent = read(WindowIn, request.data)
        zone = named(DeliveryZone.objects.all(), sent.pop("zone"), field="zone")
        if sent["ship_on"] >= local_day(sent["starts"], zone.time_zone):
            raise serializers.ValidationError({"ship_on": ["Use a day before the window's."]})
        row = actions.add_window(zone=zone, **sent, by=actor_of(request), now=clock.now())
        return Response(WindowOut(row, context={"zone": zone.time_zone}).data, status=201)


class CapacityIn(Input):
    capacity = NumberField(min_value=1, max_value=1000)


class WindowDetail(Door):
    """A window gets more places or fewer; one that nobody has a place in is taken away."""

    permission_classes = (roles(STAFF),)

    @extend_schema(request=CapacityIn, responses=WindowOut)
    def patch(self, request: Request, pk: UUID) -> Response:
        row = found(DeliveryWindow.objects.filter(capacity__gt=0).select_related("zone"), pk)
        sent = read(CapacityIn, request.data)
        done = actions.change_capacity(window=row, **sent, by=actor_of(request), now=clock.now())
        return Response(WindowOut(done, context={"zone": row.zone.time_zone}).data)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        row = found(DeliveryWindow.objects.filter(capacity__gt=0), pk)
        actions.remove_window(window=row, by=actor_of(request), now=clock.now())
        return Response(status=204)


# --- closures and holidays -----------------------------------------------------------------------


class ClosureIn(Input):
    """``counties`` as ``FL Bay``; ``to`` is exclusive."""

    counties = CountiesField(allow_empty=False)
    reason = TextField(max_length=200)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": InstantField(), "to": InstantField()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["to"] <= attrs["from"]:
            raise serializers.ValidationError({"to": ["Use a time after the start."]})
        return attrs


class ClosureOut(serializers.ModelSerializer[Closure]):
    lifted_at = InstantField(allow_null=True)

    class Meta:
        model = Closure
        fields = ["id", "counties", "reason", "lifted_at"]

    def get_fields(self) -> dict[str, Any]:
        return {
            **super().get_fields(),
            "from": InstantField(source="start"),
            "to": InstantField(source="end"),
        }


class ClosureDetail(Door):
    """A closure is lifted: the counties are open again."""

    permission_classes = (roles(STAFF),)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        row = found(Closure.objects.filter(lifted_at=None), pk)
        actions.lift_closure(closure=row, by=actor_of(request), now=clock.now())
        return Response(status=204)


class HolidayIn(Input):
    day = DayField()
    name = TextField(max_length=60)
    effect = serializers.ChoiceField(choices=Holiday.Effect.values)


class HolidayOut(serializers.ModelSerializer[Holiday]):
    class Meta:
        model = Holiday
        fields = ["id", "day", "name", "effect"]


class Holidays(Door):
    """Days on which nothing is shipped, or nothing delivered."""

    permission_classes = (roles(STAFF),)

    @extend_schema(responses=HolidayOut(many=True))
    def get(self, request: Request) -> Response:
        return listed(self, Holiday.objects.all(), HolidayOut, ordering=("day", "id"))

    @extend_schema(request=HolidayIn, responses={201: HolidayOut})
    def post(self, request: Request) -> Response:
        sent = read(HolidayIn, request.data)
        row = actions.add_holiday(**sent, by=actor_of(request), now=clock.now())
        return Response(HolidayOut(row).data, status=201)


class HolidayDetail(Door):
    """It is a day like any other again."""

    permission_classes = (roles(STAFF),)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        row = found(Holiday.objects.all(), pk)
        actions.remove_holiday(holiday=row, by=actor_of(request), now=clock.now())
        return Response(status=204)
