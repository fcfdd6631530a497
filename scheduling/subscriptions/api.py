"""The API of plans, subscriptions and the months that are paid."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import ADMINISTRATOR, CARE, PATIENT, STAFF, Anyone, actor_of, roles, signed_in
from accounts.models import Role, User
from patients.api import (
    CorrectIn,
    OnBehalfIn,
    OptionalChannelIn,
    Verb,
    found,
    look_log,
    looking,
    named,
    patient_for,
    seen,
)
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
    if_match,
    listed,
    query,
    read,
    with_etag,
)
from records.values import in_force
from scheduling import actions as chain
from scheduling.deliveries.models import Delivery
from scheduling.subscriptions import actions
from scheduling.subscriptions.models import BillingPeriod, Plan, Status, Subscription


class PlanOut(serializers.ModelSerializer[Plan]):
    class Meta:
        model = Plan
        fields = [
            "id", "name", "monthly_price", "currency", "sessions_per_month", "deliveries_per_month",
        ]  # fmt: skip


class NewPlanIn(Input):
    name = TextField(max_length=60)
    monthly_price = serializers.DecimalField(max_digits=8, decimal_places=2, coerce_to_string=True)
    sessions_per_month = NumberField(min_value=1, max_value=31)
    deliveries_per_month = NumberField(min_value=1, max_value=4)


class Plans(Door):
    """The plans on offer, the least expensive first; staff and administrators add some."""

    permission_classes = (Anyone,)

    @extend_schema(responses=PlanOut(many=True))
    def get(self, request: Request) -> Response:
        rows = Plan.objects.filter(is_offered=True)
        return listed(self, rows, PlanOut, ordering=("monthly_price", "id"))

    @extend_schema(request=NewPlanIn, responses={201: PlanOut})
    def post(self, request: Request) -> Response:
        if not roles(STAFF, ADMINISTRATOR)().has_permission(request, self):
            self.permission_denied(request, "Staff and administrators offer plans.")
        sent = read(NewPlanIn, request.data)
        row = actions.offer_plan(**sent, by=actor_of(request), now=clock.now())
        return Response(PlanOut(row).data, status=201)


class WithdrawPlan(Door):
    """A plan that nobody subscribes to any more."""

    permission_classes = (roles(STAFF, ADMINISTRATOR),)

    @extend_schema(request=Nothing, responses=PlanOut)
    def post(self, request: Request, pk: UUID) -> Response:
        read(Nothing, request.data)
        plan = found(Plan.objects.all(), pk)
        row = actions.withdraw_plan(plan=plan, by=actor_of(request), now=clock.now())
        return Response(PlanOut(row).data)


# --- subscriptions -------------------------------------------------------------------------------


class PeriodOut(serializers.ModelSerializer[BillingPeriod]):
    """A month, up to but not including ``ends_on``; ``due_at``: until when it should be paid."""

    paid_at = InstantField(allow_null=True)
    due_at = serializers.SerializerMethodField()

    class Meta:
        model = BillingPeriod
        fields = [
            "id", "number", "starts_on", "ends_on", "price", "currency", "status", "paid_at",
            "due_at",
        ]  # fmt: skip

    def get_due_at(self, row: BillingPeriod) -> datetime:
        zone = row.subscription.patient.time_zone
        return actions.period_facts(row, zone, self.context["values"]).due_at


class SubscriptionOut(serializers.ModelSerializer[Subscription]):
    """Days are days where the patient lives; ``ends_on`` is the first one that is not billed."""

    plan_name = serializers.CharField(source="plan.name")
    time_zone = serializers.CharField(source="patient.time_zone")
    started_at = InstantField()
    pause_requested_at = InstantField(allow_null=True)
    paused_at = InstantField(allow_null=True)
    cancelled_at = InstantField(allow_null=True)
    periods = PeriodOut(many=True)

    class Meta:
        model = Subscription
        fields = [
            "id", "reference", "patient", "plan", "plan_name", "status", "started_at",
            "pause_requested_at", "paused_at", "paused_until", "ends_on", "ending", "cancelled_at",
            "time_zone", "periods",
        ]  # fmt: skip


def whole(user: User) -> Any:
    """The subscriptions that the user sees, with all that their answer needs."""
    rows = Subscription.objects.visible_to(user).select_related("plan", "patient__address")
    return rows.prefetch_related("periods")


def answer(user: User, row: Subscription, now: datetime, status: int = 200) -> Response:
    """A subscription with its months."""
    body = SubscriptionOut(whole(user).get(pk=row.pk), context={"values": in_force(now)}).data
    return with_etag(Response(body, status=status), row.version)


class SubscribeIn(OnBehalfIn):
    plan = IdField()


class SubscriptionQuery(ListQuery):
    status = serializers.ChoiceField(choices=Status.values, required=False)
    patient = IdField(required=False)
    plan = IdField(required=False)
    updated_since = InstantField(required=False)


FILTERS = {
    "status": "status",
    "patient": "patient_id",
    "plan": "plan_id",
    "updated_since": "changed_at__gte",
}


class Subscriptions(CsvDoor):
    """Subscribe to a plan, and look at who did."""

    permission_classes = (looking(*CARE),)

    @extend_schema(parameters=[SubscriptionQuery], responses=SubscriptionOut(many=True))
    def get(self, request: Request) -> Response:
        user, asked = signed_in(request), query(SubscriptionQuery, request)
        rows = whole(user).filter(**{FILTERS[k]: v for k, v in asked.items() if k in FILTERS})
        return seen(self, "subscription", rows, SubscriptionOut, values=in_force(clock.now()))

    @extend_schema(request=SubscribeIn, responses={201: SubscriptionOut})
    def post(self, request: Request) -> Response:
        user = signed_in(request)
        if user.role == Role.PHYSICIAN:
            self.permission_denied(request, "Patients subscribe, or staff for them.")
        sent, now = read(SubscribeIn, request.data, user=user), clock.now()
        subscription = actions.subscribe(
            patient=patient_for(user, sent),
            plan=named(Plan.objects.all(), sent["plan"], field="plan"),
            by=actor_of(request, channel=sent.get("channel", "web")),
            now=now,
        )
        look_log(user, "subscription", [subscription])
        return answer(user, subscription, now, status=201)


class SubscriptionDetail(Door):
    """One subscription with its months."""

    permission_classes = (looking(*CARE),)

    @extend_schema(responses=SubscriptionOut)
    def get(self, request: Request, pk: UUID) -> Response:
        user = signed_in(request)
        row = found(Subscription.objects.visible_to(user), pk)
        look_log(user, "subscription", [row])
        return answer(user, row, clock.now())


class PauseIn(OptionalChannelIn):
    until = DayField(required=False, allow_null=True, default=None)


class EndPlanIn(OptionalChannelIn):
    when = serializers.ChoiceField(choices=["period_end", "now"])


class ChangePlanIn(OptionalChannelIn):
    plan = IdField()


class Act(Verb):
    """One verb on a subscription."""

    permission_classes = (roles(PATIENT, STAFF),)
    noun = "subscription"
    takes = OptionalChannelIn

    def rows(self, user: User) -> Any:
        return Subscription.objects.visible_to(user)

    def answer(self, user: User, row: Any, now: datetime) -> Response:
        return answer(user, row, now)


@extend_schema(request=PauseIn, responses=SubscriptionOut)
class Pause(Act):
    takes, do = PauseIn, staticmethod(chain.pause)


@extend_schema(request=OptionalChannelIn, responses=SubscriptionOut)
class Resume(Act):
    do = staticmethod(actions.resume)


@extend_schema(request=EndPlanIn, responses=SubscriptionOut)
class Cancel(Act):
    takes, do = EndPlanIn, staticmethod(actions.cancel)

    def arguments(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {"at_once": sent["when"] == "now"}


@extend_schema(request=ChangePlanIn, responses=SubscriptionOut)
class ChangePlan(Act):
    takes, do = ChangePlanIn, staticmethod(actions.change_plan)

    def arguments(self, sent: dict[str, Any]) -> dict[str, Any]:
        return {"plan": named(Plan.objects.all(), sent["plan"], field="plan")}


# --- months --------------------------------------------------------------------------------------


class OfMonthOut(serializers.ModelSerializer[Delivery]):
    class Meta:
        model = Delivery
        fields = ["id", "reference", "status"]


class PeriodPaidOut(PeriodOut):
    deliveries = OfMonthOut(many=True)

    class Meta(PeriodOut.Meta):
        fields = [*PeriodOut.Meta.fields, "deliveries"]


class PaidIn(Input):
    reference = TextField(max_length=60)


class MarkPaid(Door):
    """Staff saw the payment of a month; its delivery is there before this answers."""

    permission_classes = (roles(STAFF),)

    @extend_schema(request=PaidIn, responses=PeriodPaidOut)
    def post(self, request: Request, pk: UUID, number: int) -> Response:
        subscription = found(Subscription.objects.visible_to(signed_in(request)), pk)
        sent, now = read(PaidIn, request.data), clock.now()
        try:
            period = chain.mark_paid(
                subscription=subscription,
                number=number,
                paid_reference=sent["reference"],
                by=actor_of(request),
                now=now,
                version=if_match(request),
            )
        except BillingPeriod.DoesNotExist as error:
            raise Http404 from error
        return _month(period, now)


class CorrectPeriod(Door):
    """A month was not paid after all."""

    permission_classes = (roles(STAFF),)

    @extend_schema(request=CorrectIn, responses=PeriodPaidOut)
    def post(self, request: Request, pk: UUID) -> Response:
        mine = Subscription.objects.visible_to(signed_in(request))
        period = found(BillingPeriod.objects.filter(subscription__in=mine), pk)
        sent, now = read(CorrectIn, request.data), clock.now()
        corrected = actions.correct_period(
            period=period, reason=sent["reason"], by=actor_of(request), now=now
        )
        return _month(corrected, now)


def _month(period: BillingPeriod, now: datetime) -> Response:
    return Response(PeriodPaidOut(period, context={"values": in_force(now)}).data)
