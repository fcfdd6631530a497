"""The admin of the dated rules: a row is added, and never changed."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from records.models import Rule


@admin.register(Rule)
class RuleAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("code", "state", "valid_from", "valid_to", "source")
    list_filter = ("code", "state")

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        """A rule may have no last day, and wait for its review."""
        field = super().formfield_for_dbfield(db_field, request, **options)
        if field and db_field.null:
            field.required = False
        return field

    def has_change_permission(self, request: HttpRequest, obj: Rule | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Rule | None = None) -> bool:
        return False
