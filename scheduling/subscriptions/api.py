"""The API of plans."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import Anyone
from records.api import Cursor, Door
from scheduling.subscriptions.models import Plan


class PlanOut(serializers.ModelSerializer[Plan]):
    class Meta:
        model = Plan
        fields = [
            "id", "name", "monthly_price", "currency", "sessions_per_month", "deliveries_per_month",
        ]  # fmt: skip


class ByPrice(Cursor):
    ordering = ("monthly_price", "id")


class Plans(Door):
    """The plans on offer, the least expensive first."""

    permission_classes = (Anyone,)

    @extend_schema(responses=PlanOut(many=True))
    def get(self, request: Request, **_: Any) -> Response:
        pages = ByPrice()
        page = pages.paginate_queryset(Plan.objects.filter(is_offered=True), request, self)
        return pages.get_paginated_response(PlanOut(page, many=True).data)
