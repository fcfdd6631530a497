"""The API of deliveries: what a closure meets, and each step of a parcel."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import DateTimeField, Exists, OuterRef, Q, Value
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import CARE, PATIENT, PHYSICIAN, STAFF, actor_of, roles, signed_in
from accounts.models import User
from patients.api import (
    AddressOut,
    CorrectIn,
    OptionalChannelIn,
    Verb,
    found,
    look_log,
    looking,
    named,
    seen,
)
from patients.service_area import CENTRAL, EASTERN
from records import clock
from records.api import (
    CsvDoor,
    DayField,
    Door,
    IdField,
    Input,
    InstantField,
    ListQuery,
    Nothing,
    NumberField,
    TextField,
    TruthField,
    listed,
    query,
    read,
    with_etag,
)
from scheduling.calendar.api import PreviewQuery, days, zone_of
from scheduling.deliveries import actions
from scheduling.deliveries.carrier.actions import dispatch
from scheduling.deliveries.models import EXCEPTIONS, CustodyEvent, Delivery, Status
from scheduling.deliveries.windows.actions import close_counties
from scheduling.deliveries.windows.api import ClosureIn, ClosureOut
from scheduling.deliveries.windows.models import (
    Closure,
    DeliveryWindow,
    ZoneCounty,
)

# --- closures and the parcels that they meet ------------------------------------------------------


class MetOut(serializers.ModelSerializer[Delivery]):
    starts = InstantField(source="window.starts")

    class Meta:
        model = Delivery
        fields = ["id", "reference", "patient", "status", "starts"]


class ClosureMadeOut(ClosureOut):
    """With the deliveries that it meets; ``id`` is null where it is only shown."""

    id = serializers.UUIDField(allow_null=True)
    meets = MetOut(many=True)

    class Meta(ClosureOut.Meta):
        fields = [*ClosureOut.Meta.fields, "meets"]


CLOSED = {200: ClosureMadeOut, 201: ClosureMadeOut}  # 200 where it is only shown


class Closures(Door):
    """Counties to which nothing is brought for a time, and what that meets."""

    permission_classes = (roles(STAFF),)

    @extend_schema(responses=ClosureOut(many=True))
    def get(self, request: Request) -> Response:
        return listed(self, Closure.objects.all(), ClosureOut, ordering=("-start", "id"))

    @extend_schema(parameters=[PreviewQuery], request=ClosureIn, responses=CLOSED)
    def post(self, request: Request) -> Response:
        only_shows = query(PreviewQuery, request)["preview"] == "true"
        sent = read(ClosureIn, request.data)
        names = {"from": "start", "to": "end"}
        given = {names.get(key, key): value for key, value in sent.items()}
        row = Closure(**given)
        if not only_shows:
            row = close_counties(**given, by=actor_of(request), now=clock.now())
        user = signed_in(request)
        meets = list(Delivery.objects.visible_to(user).met_by(row))
        look_log(user, "delivery", meets)
        body: Any = {
            **given,
            "id": None if only_shows else row.pk,
            "lifted_at": None,
            "meets": meets,
        }
        return Response(ClosureMadeOut(body).data, status=200 if only_shows else 201)


# --- parcels -------------------------------------------------------------------------------------


class ChosenOut(serializers.ModelSerializer[DeliveryWindow]):
    starts = InstantField()
    ends = InstantField()
    cutoff_at = InstantField()

    class Meta:
        model = DeliveryWindow
        fields = ["id", "starts", "ends", "cutoff_at"]


class SignerOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    date_of_birth = serializers.DateField()


class DeliveryOut(serializers.ModelSerializer[Delivery]):
    """``time_zone`` is that of who reads; ``choose_by``: until then a window should be chosen."""

    time_zone = serializers.SerializerMethodField()
    period_number = serializers.IntegerField(source="period.number")
    window = ChosenOut(allow_null=True)
    address = AddressOut(allow_null=True)
    signer = serializers.SerializerMethodField()
    created_at = InstantField()
    choose_by = InstantField()
    packed_at = InstantField(allow_null=True)
    dispatched_at = InstantField(allow_null=True)
    delivered_at = InstantField(allow_null=True)

    class Meta:
        model = Delivery
        fields = [
            "id", "reference", "status", "patient", "period", "period_number", "number", "window",
            "time_zone", "address", "signer", "created_at", "choose_by", "packed_at",
            "dispatched_at", "delivered_at", "carrier", "tracking", "attempts", "failure",
            "held_because", "signed_by", "relation",
        ]  # fmt: skip

    def get_time_zone(self, row: Delivery) -> str:
        return self.context["zone"] or row.patient.time_zone

    @extend_schema_field(SignerOut(allow_null=True))
    def get_signer(self, row: Delivery) -> Any:
        born = row.signer_date_of_birth
        named_so = {"name": row.signer_name, "date_of_birth": born}
        return SignerOut(named_so).data if born else None


def answer(user: User, row: Delivery, status: int = 200) -> Response:
    """A delivery as its reader may see it."""
    whole = Delivery.objects.with_people().get(pk=row.pk)  # allowed: the door has found it
    body = DeliveryOut(whole, context={"zone": zone_of(user)}).data
    return with_etag(Response(body, status=status), whole.version)


class DeliveryQuery(ListQuery):
    status = serializers.ChoiceField(choices=Status.values, required=False)
    zone = IdField(required=False)
    date = DayField(required=False)
    exception = serializers.ChoiceField(choices=["true", "false"], required=False)
    patient = IdField(required=False)
    updated_since = InstantField(required=False)
    ordering = serializers.ChoiceField(
        choices=["starts", "-starts", "created_at", "-created_at"], default="created_at"
    )


def on_day(day: date) -> Q:
    """Windows of a day, in the zone of each."""
    of_day = Q(pk__in=[])
    for zone in (EASTERN, CENTRAL):  # as zones may be in
        within = days(day, day, zone)
        of_day |= Q(
            window__zone__time_zone=zone,
            window__starts__gte=within.start,
            window__starts__lt=within.end,
        )
    return of_day


FILTERS: dict[str, Callable[[Any], Q]] = {
    "status": lambda status: Q(status=status),
    "zone": lambda zone: Q(
        Exists(
            ZoneCounty.objects.filter(
                zone=zone,
                state=OuterRef("patient__address__state"),
                county=OuterRef("patient__address__county"),
            )
        )
    ),
    "date": on_day,
    "exception": lambda wanted: (
        Q(status__in=EXCEPTIONS) if wanted == "true" else ~Q(status__in=EXCEPTIONS)
    ),
    "patient": lambda patient: Q(patient=patient),
    "updated_since": lambda at: Q(changed_at__gte=at),
}
NEVER = datetime.fromisoformat("9999-01-01T00:00:00+00:00")  # what has no window comes last


class Deliveries(CsvDoor):
    """Parcels, by what staff track: status, zone, day of the window, what is out of the way."""

    permission_classes = (looking(*CARE),)

    @extend_schema(parameters=[DeliveryQuery], responses=DeliveryOut(many=True))
    def get(self, request: Request) -> Response:
        user, asked = signed_in(request), query(DeliveryQuery, request)
        rows = Delivery.objects.visible_to(user).with_people()
        rows = rows.annotate(
            starts=Coalesce("window__starts", Value(NEVER), output_field=DateTimeField())
        )
        for key in FILTERS.keys() & asked.keys():
            rows = rows.filter(FILTERS[key](asked[key]))
        ordering = (asked["ordering"], "id")
        return seen(self, "delivery", rows, DeliveryOut, ordering=ordering, zone=zone_of(user))


class DeliveryDetail(Door):
    """One parcel."""

    permission_classes = (looking(*CARE),)

    @extend_schema(responses=DeliveryOut)
    def get(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        row = found(Delivery.objects.visible_to(user), pk)
        look_log(user, "delivery", [row])
        return answer(user, row)


class CustodyOut(serializers.ModelSerializer[CustodyEvent]):
    at = InstantField()
    recorded_at = InstantField()

    class Meta:
        model = CustodyEvent
        fields = ["id", "number", "status", "at", "recorded_at", "recorded_by", "role", "details"]


class Custody(Door):
    """Who had a parcel in hand, first things first."""

    permission_classes = (looking(STAFF, PHYSICIAN),)

    @extend_schema(responses=CustodyOut(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        row = found(Delivery.objects.visible_to(user), pk)
        look_log(user, "custodyevent", [row])
        return listed(self, row.custody.all(), CustodyOut, ordering=("number", "id"))


class SignerIn(Input):
    name = TextField(max_length=120)
    date_of_birth = DayField()


class ChooseIn(OptionalChannelIn):
    window = IdField()
    signer = SignerIn()


class ReceiptIn(OptionalChannelIn):
    received = TruthField()


def carrier_name(text: str) -> str:
    """``ups`` and ``UPS`` are one carrier, however it is spaced."""
    return " ".join(text.upper().split())


class CarrierField(TextField):
    """The name of a carrier, in upper case with single spaces: ``ups`` and ``UPS`` are one."""

    def __init__(self) -> None:
        super().__init__(max_length=40)

    def to_internal_value(self, data: Any) -> str:
        return carrier_name(super().to_internal_value(data))


class DispatchIn(Input):
    carrier = CarrierField()
    tracking = TextField(max_length=60)


class DeliverIn(Input):
    signed_by = TextField(max_length=120)
    relation = serializers.ChoiceField(choices=Delivery.Relation.values)
    id_checked = TruthField()
    signer_age = NumberField(min_value=0, max_value=120)


class AttemptIn(Input):
    code = serializers.ChoiceField(choices=Delivery.Failure.values)


class ReturnIn(Input):
    seal_ok = TruthField()


class Act(Verb):
    """One verb on a delivery; most are of staff."""

    permission_classes = (roles(STAFF),)
    noun = "delivery"

    def rows(self, user: User) -> Any:
        return Delivery.objects.visible_to(user)

    def answer(self, user: User, row: Any, now: datetime) -> Response:
        return answer(user, row)


@extend_schema(request=ChooseIn, responses=DeliveryOut)
class ChooseWindow(Act):
    permission_classes = (roles(PATIENT, STAFF),)
    takes, do = ChooseIn, staticmethod(actions.choose_window)

    def arguments(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {**sent, "window": named(DeliveryWindow.objects, sent["window"], field="window")}


@extend_schema(request=OptionalChannelIn, responses=DeliveryOut)
class NoSigner(Act):
    """Nobody of 21 or older is there to take it: staff arrange something, and call."""

    permission_classes = (roles(PATIENT, STAFF),)
    takes, do = OptionalChannelIn, staticmethod(actions.miss_signer)


@extend_schema(request=ReceiptIn, responses=DeliveryOut)
class ConfirmReceipt(Act):
    permission_classes = (roles(PATIENT, STAFF),)
    takes, do = ReceiptIn, staticmethod(actions.confirm_receipt)


@extend_schema(request=Nothing, responses=DeliveryOut)
class Pack(Act):
    do = staticmethod(actions.pack)


@extend_schema(request=DispatchIn, responses=DeliveryOut)
class Dispatch(Act):
    takes, do = DispatchIn, staticmethod(dispatch)


@extend_schema(request=Nothing, responses=DeliveryOut)
class OutForDelivery(Act):
    do = staticmethod(actions.out_for_delivery)


@extend_schema(request=DeliverIn, responses=DeliveryOut)
class Deliver(Act):
    takes, do = DeliverIn, staticmethod(actions.deliver)


@extend_schema(request=AttemptIn, responses=DeliveryOut)
class Attempt(Act):
    takes, do = AttemptIn, staticmethod(actions.attempt)


@extend_schema(request=Nothing, responses=DeliveryOut)
class Hold(Act):
    do = staticmethod(actions.hold)

    def arguments(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {"reason": "staff"}


@extend_schema(request=Nothing, responses=DeliveryOut)
class Release(Act):
    do = staticmethod(actions.release)


@extend_schema(request=Nothing, responses=DeliveryOut)
class Recall(Act):
    do = staticmethod(actions.recall)


@extend_schema(request=ReturnIn, responses=DeliveryOut)
class Return(Act):
    takes, do = ReturnIn, staticmethod(actions.take_back)


@extend_schema(request=Nothing, responses=DeliveryOut)
class Investigate(Act):
    do = staticmethod(actions.look_for)


@extend_schema(request=Nothing, responses=DeliveryOut)
class Lose(Act):
    do = staticmethod(actions.lose)


@extend_schema(request=Nothing, responses=DeliveryOut)
class Cancel(Act):
    do = staticmethod(actions.cancel)


@extend_schema(request=CorrectIn, responses=DeliveryOut)
class Correct(Act):
    takes, do = CorrectIn, staticmethod(actions.correct)


@extend_schema(request=Nothing, responses={201: DeliveryOut})
class Replace(Act):
    """A physician decides that another parcel goes out for one that did not arrive."""

    permission_classes = (roles(PHYSICIAN),)
    do = staticmethod(actions.replace)

    def answer(self, user: User, row: Any, now: datetime) -> Response:
        return answer(user, row, status=201)


VERBS: dict[str, type[Act]] = {
    "pack": Pack,
    "dispatch": Dispatch,
    "out-for-delivery": OutForDelivery,
    "deliver": Deliver,
    "attempt": Attempt,
    "hold": Hold,
    "release": Release,
    "recall": Recall,
    "return": Return,
    "investigate": Investigate,
    "lose": Lose,
    "cancel": Cancel,
}
