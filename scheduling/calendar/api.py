"""The API of the calendar: physicians, slots, holds, hours, and all that takes time."""

import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import PHYSICIAN, STAFF, Anyone, actor_of, roles, signed_in, user_of
from accounts.models import Role, User
from accounts.people.api import Accept, ColleagueVerb, RoleIn
from patients.actions import place_of
from patients.api import TimeZoneField, ZipField, exactly, found, my_patient
from patients.service_area import KNOWN_STATES, SENTENCES, SERVED_STATES
from records import clock
from records.api import (
    DayField,
    Door,
    IdField,
    Input,
    InstantField,
    Nothing,
    NumberField,
    TextField,
    WallTimeField,
    listed,
    query,
    read,
)
from records.refused import Refused
from records.values import in_force
from scheduling.calendar import actions
from scheduling.calendar.actions import Wish
from scheduling.calendar.agenda import agendas
from scheduling.calendar.models import (
    Licence,
    Opening,
    Physician,
    Reservation,
    TimeOff,
    WorkingHours,
)
from scheduling.calendar.slots import KINDS, free_slots, offer_of
from scheduling.intervals import Interval

LONGEST = 62  # days of slots in one answer
BROWSER = "hearth_browser"
EASTERN = "America/New_York"


class PhysicianOut(serializers.ModelSerializer[Physician]):
    states = serializers.SerializerMethodField()
    kinds = serializers.SerializerMethodField()

    class Meta:
        model = Physician
        fields = ["id", "name", "time_zone", "states", "kinds"]

    def get_states(self, physician: Physician) -> list[str]:
        today = self.context["now"].astimezone(ZoneInfo(physician.time_zone)).date()
        valid = (x for x in physician.licences.all() if x.valid_from <= today <= x.expires_on)
        return sorted({licence.state for licence in valid})

    def get_kinds(self, physician: Physician) -> list[str]:
        return list(KINDS)


class Physicians(Door):
    """The physicians of the practice, and where they may practise today, in their own zone."""

    permission_classes = (Anyone,)

    @extend_schema(responses=PhysicianOut(many=True))
    def get(self, request: Request) -> Response:
        rows = Physician.objects.filter(is_active=True).prefetch_related("licences")
        return listed(self, rows, PhysicianOut, now=clock.now())


# --- slots and holds ---------------------------------------------------------------------------


class StateField(TextField):
    """Two letters of a state."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data).upper()
        if len(text) != 2 or not text.isascii() or not text.isalpha():
            raise serializers.ValidationError("Use the two letters of a state, such as FL.")
        return text


class DaysQuery(Input):
    """Some days, both inclusive."""

    def get_fields(self) -> dict[str, Any]:
        return {"from": DayField(), "to": DayField(), **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["to"] < attrs["from"]:
            raise serializers.ValidationError({"to": ["Use a day on or after the first."]})
        if (attrs["to"] - attrs["from"]).days >= LONGEST:
            raise serializers.ValidationError({"to": [f"Ask for up to {LONGEST} days."]})
        return attrs


class DaysOfPatient(DaysQuery):
    """Colleagues also name the ``patient``."""

    patient = IdField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        is_patient = self.context["request"].user.role == Role.PATIENT
        exactly(attrs, set() if is_patient else {"patient"}, of={"patient"})
        return super().validate(attrs)


class SlotQuery(DaysQuery):
    state = StateField(required=False)
    postal_code = ZipField(max_length=20, required=False)
    time_zone = TimeZoneField(required=False)
    physician = IdField(required=False)
    kind = serializers.ChoiceField(choices=KINDS, default="initial")


class SlotOut(serializers.Serializer[Any]):
    physician = serializers.UUIDField()
    start = InstantField()
    end = InstantField()
    time_zone = serializers.CharField()

    class Meta:
        ref_name = "Slot"


class SlotsOut(serializers.Serializer[Any]):
    results = SlotOut(many=True)


class Slots(Door):
    """Free slots, local to the reader's zone; nobody has to sign in."""

    permission_classes = (Anyone,)
    limits = {"GET": "look"}

    @extend_schema(parameters=[SlotQuery], responses=SlotsOut)
    def get(self, request: Request) -> Response:
        asked = query(SlotQuery, request)
        state, zone = _where(request, asked)
        only = [asked["physician"]] if "physician" in asked else None
        slots = free_times(
            (asked["from"], asked["to"]),
            kind=asked["kind"],
            state=state,
            zone=zone,
            physicians=only,
            now=clock.now(),
        )
        rows = [
            {"physician": physician, "start": start, "end": end, "time_zone": local}
            for start, end, physician, local in slots
        ]
        return Response(SlotsOut({"results": rows}).data)


def free_times(
    between: tuple[date, date],
    *,
    kind: str,
    state: str,
    zone: str | None,
    now: datetime,
    physicians: Iterable[UUID] | None = None,
) -> list[tuple[datetime, datetime, UUID, str]]:
    """Free slots on some days, inclusive, the soonest first: start, end, physician, zone.

    The days are those of ``zone``, else of each physician; for a patient in ``state``.
    """
    first, last = between
    offer = offer_of(kind, in_force(now), now)
    # A day on each side: a day of the reader's zone may reach into another one's.
    around = days(first, last, EASTERN).padded(DAY, DAY)
    slots = []
    for agenda in agendas(within=around, now=now, physicians=physicians):
        local = zone or agenda.time_zone
        within = days(first, last, local)
        slots += [
            (slot.start, slot.end, agenda.physician, local)
            for slot in free_slots(agenda, offer, state=state, within=within, zone=local)
        ]
    return sorted(slots)


DAY = timedelta(days=1)


def days(first: date, last: date, zone: str) -> Interval:
    """The days from ``first`` to ``last``, inclusive, in ``zone``, in UTC."""
    local = ZoneInfo(zone)
    start = datetime.combine(first, time(), local).astimezone(UTC)
    return Interval(start, datetime.combine(last + DAY, time(), local).astimezone(UTC))


def _where(request: Request, asked: dict[str, Any]) -> tuple[str, str | None]:
    """The state and zone of who asks: of a patient's address, of a ZIP code, or a state alone.

    What a patient says beside the address must agree with it.
    """
    user = user_of(request)
    if user and user.role == Role.PATIENT:
        address = my_patient(request).address
        if address is None or not address.served:
            raise Refused("out_of_area", "We only treat at addresses in Florida and New Jersey.")
        told = [n for n in ("state", "postal_code", "time_zone") if n in asked]
        if wrong := [name for name in told if asked[name] != getattr(address, name)]:
            raise serializers.ValidationError({name: ["Yours is another one."] for name in wrong})
        return address.state, address.time_zone
    if "postal_code" in asked:
        return _of_zip(asked)
    if "state" not in asked:
        raise serializers.ValidationError({"state": ["Give a state or a postal_code."]})
    if asked["state"] not in SERVED_STATES:
        code = "out_of_area" if asked["state"] in KNOWN_STATES else "unknown_state"
        raise Refused(code, SENTENCES[code], pointer="/state")
    return asked["state"], asked.get("time_zone")


def _of_zip(asked: dict[str, Any]) -> tuple[str, str]:
    place = place_of(asked)
    if not place.served:
        raise Refused(place.code, place.detail, pointer="/postal_code")
    if place.time_zone is None:
        raise Refused(
            "time_zone_required",
            "This ZIP code lies in two time zones. Please choose yours.",
            time_zones=list(place.time_zones),
            pointer="/time_zone",
        )
    return str(place.state), place.time_zone


class HoldIn(Input):
    physician = IdField(required=False, allow_null=True)
    start = InstantField()
    kind = serializers.ChoiceField(choices=KINDS)
    state = StateField()


class HoldOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    secret = serializers.CharField()
    expires_at = InstantField()


class Holds(Door):
    """Hold a slot for ten minutes; nobody has to sign in."""

    permission_classes = (Anyone,)
    limits = {"POST": "hold"}

    @extend_schema(request=HoldIn, responses={201: HoldOut})
    def post(self, request: Request) -> Response:
        sent = read(HoldIn, request.data)
        user = user_of(request)
        cookie = request.get_signed_cookie(BROWSER, default="", salt=BROWSER)
        browser = str(user.pk) if user else cookie or secrets.token_urlsafe(18)
        is_patient = user is not None and user.role == Role.PATIENT
        zone = my_patient(request).time_zone if is_patient else EASTERN
        wish = Wish(sent["start"], sent["kind"], sent["state"], zone, sent.get("physician"))
        hold, secret = actions.take_hold(
            wish=wish,
            browser=browser,
            now=clock.now(),
        )
        body = {"id": hold.pk, "secret": secret, "expires_at": hold.expires_at}
        answer = Response(HoldOut(body).data, status=201)
        if not user:
            answer.set_signed_cookie(
                BROWSER,
                browser,
                salt=BROWSER,
                max_age=86_400,
                httponly=True,
                secure=settings.SESSION_COOKIE_SECURE,
                samesite="Lax",
            )
        return answer


class ReleaseIn(Input):
    secret = TextField(max_length=100)


class Hold(Door):
    """Give a held slot back, with its secret in the body."""

    permission_classes = (Anyone,)
    limits, counts = {"DELETE": "guess"}, (404,)

    @extend_schema(request=ReleaseIn, responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        try:
            actions.release_hold(hold_id=pk, secret=read(ReleaseIn, request.data)["secret"])
        except Reservation.DoesNotExist as error:
            raise Http404 from error
        return Response(status=204)


# --- a physician's hours -----------------------------------------------------------------------


class HoursIn(Input):
    weekday = NumberField(min_value=0, max_value=6)
    opens = WallTimeField()
    closes = WallTimeField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["closes"] != time(0) and attrs["closes"] <= attrs["opens"]:
            raise serializers.ValidationError(
                {"closes": ["Close after opening; 00:00 is midnight."]}
            )
        return attrs


class SpanIn(Input):
    start = InstantField()
    end = InstantField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["end"] <= attrs["start"]:
            raise serializers.ValidationError({"end": ["Use a time after the start."]})
        return attrs


class OpeningIn(SpanIn):
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["end"] - attrs["start"] > DAY:
            raise serializers.ValidationError({"end": ["An opening lasts 24 hours at most."]})
        return super().validate(attrs)


class PreviewQuery(Input):
    """Whether to show only what would happen."""

    preview = serializers.ChoiceField(choices=["true", "false"], default="false")


class LicenceIn(Input):
    state = serializers.ChoiceField(choices=["FL", "NJ"])
    number = TextField(max_length=30)
    valid_from = DayField()
    expires_on = DayField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["expires_on"] < attrs["valid_from"]:
            raise serializers.ValidationError({"expires_on": ["Use a day after the first."]})
        return attrs


class HoursOut(serializers.ModelSerializer[WorkingHours]):
    opens = WallTimeField()
    closes = WallTimeField()

    class Meta:
        model = WorkingHours
        fields = ["id", "weekday", "opens", "closes"]


class OpeningOut(serializers.ModelSerializer[Opening]):
    start = InstantField()
    end = InstantField()

    class Meta:
        model = Opening
        fields = ["id", "start", "end"]


class TimeOffOut(serializers.ModelSerializer[TimeOff]):
    start = InstantField()
    end = InstantField()

    class Meta:
        model = TimeOff
        fields = ["id", "start", "end"]


class LicenceOut(serializers.ModelSerializer[Licence]):
    class Meta:
        model = Licence
        fields = ["id", "state", "number", "valid_from", "expires_on"]


def shapes(shape_in: type[Input], shape_out: Any) -> Any:
    """The schema of one table of a physician's hours."""
    return extend_schema_view(
        get=extend_schema(responses=shape_out(many=True)),
        post=extend_schema(request=shape_in, responses={201: shape_out}),
    )


class OfPhysician(Door):
    """A table of a physician's hours: staff look, the physician himself writes."""

    permission_classes = (roles(PHYSICIAN, STAFF),)
    model: Any = WorkingHours
    shape_in: type[Input] = HoursIn
    shape_out: Any = HoursOut
    add: Callable[..., Any] = staticmethod(actions.add_working_hours)

    def get(self, request: Request, pk: UUID) -> Response:
        rows = self.model.objects.filter(physician=found(Physician.objects.all(), pk))
        return listed(self, rows, self.shape_out)

    def post(self, request: Request, pk: UUID) -> Response:
        physician = own_physician(self, request, pk)
        sent = read(self.shape_in, request.data)
        row = self.add(physician=physician, **sent, by=actor_of(request), now=clock.now())
        return Response(self.shape_out(row).data, status=201)


@shapes(HoursIn, HoursOut)
class WorkingHoursOf(OfPhysician):
    """Hours of a weekday, every week."""


@shapes(OpeningIn, OpeningOut)
class OpeningsOf(OfPhysician):
    """Additional hours, once."""

    model, shape_in, shape_out = Opening, OpeningIn, OpeningOut
    add = staticmethod(actions.add_opening)


@shapes(LicenceIn, LicenceOut)
class LicencesOf(OfPhysician):
    """Where the physician may practise, and until when."""

    model, shape_in, shape_out = Licence, LicenceIn, LicenceOut
    add = staticmethod(actions.add_licence)


def physician_of(user: User) -> Physician:
    """The physician that a user in this role is; 403 for one who was not entered as one."""
    row = Physician.objects.filter(user=user).first()
    if row is None:
        raise PermissionDenied
    return row


def zone_of(user: User) -> str | None:
    """The zone in which a physician reads; None for others, who read in the patient's."""
    return physician_of(user).time_zone if user.role == Role.PHYSICIAN else None


class RowOfPhysician(Door):
    """A row of such a table goes."""

    permission_classes = (roles(PHYSICIAN),)
    model: Any = WorkingHours

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, pk: UUID, row: UUID) -> Response:
        rows = self.model.objects.filter(physician=own_physician(self, request, pk))
        actions.remove(found(rows, row), by=actor_of(request), now=clock.now())
        return Response(status=204)


def own_physician(door: Door, request: Request, pk: UUID) -> Physician:
    """The physician who asks; to change another one's hours is 403, 404 when there is none."""
    physician: Physician = found(Physician.objects.all(), pk)
    if physician.user_id != signed_in(request).pk:
        door.permission_denied(request, "Only the physician changes this.")
    return physician


# --- whoever is a physician by their account ---------------------------------------------------


@extend_schema(request=RoleIn)
class ChangeRole(ColleagueVerb):
    """Another role; every session and token of theirs ends."""

    takes = RoleIn
    do = actions.change_role


@extend_schema(request=Nothing)
class Deactivate(ColleagueVerb):
    """Somebody is out at once."""

    do = actions.deactivate


@extend_schema(request=Nothing)
class Reactivate(ColleagueVerb):
    """Somebody may sign in again."""

    do = actions.reactivate


class Join(Accept):
    """Whoever holds the link of a mail sets a password; then they sign in."""

    do = actions.join
