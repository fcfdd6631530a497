"""The API of plans."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import Anyone
from records.api import Door, listed
from scheduling.subscriptions.models import Plan


class PlanOut(serializers.ModelSerializer[Plan]):
    class Meta:
        model = Plan
        fields = [
            "id", "name", "monthly_price", "currency", "sessions_per_month", "deliveries_per_month",
        ]  # fmt: skip


class Plans(Door):
    """The plans on offer, the least expensive first."""

    permission_classes = (Anyone,)

    @extend_schema(responses=PlanOut(many=True))
    def get(self, request: Request) -> Response:
        rows = Plan.objects.filter(is_offered=True)
        return listed(self, rows, PlanOut, ordering=("monthly_price", "id"))
