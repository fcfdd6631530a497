"""The admin of what has no state of a patient: plans, zones, the windows of a week, holidays."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from scheduling.models import DeliveryZone, Holiday, Plan, WindowTemplate, ZoneCounty


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What a month costs is said once: another price is another plan."""

    list_display = ("name", "monthly_price", "currency", "is_offered")

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> tuple[str, ...]:
        return ("monthly_price", "currency") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        return False


class ShownAlone(admin.options.BaseModelAdmin):  # type: ignore[type-arg]
    """Staff change it through the doors, which mark those whom it meets."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class CountyInline(ShownAlone, admin.TabularInline):  # type: ignore[type-arg]
    model = ZoneCounty


class TemplateInline(ShownAlone, admin.TabularInline):  # type: ignore[type-arg]
    model = WindowTemplate


@admin.register(DeliveryZone)
class DeliveryZoneAdmin(ShownAlone, admin.ModelAdmin):  # type: ignore[type-arg]
    """Counties and the windows of every week."""

    list_display = ("name", "time_zone", "cutoff", "transit_days")
    inlines = (CountyInline, TemplateInline)


@admin.register(Holiday)
class HolidayAdmin(ShownAlone, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("day", "name", "effect")
