"""The admin shows users, and nothing of what anybody said or is."""

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import User


@admin.register(User)
class UserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Colleagues and patients: whether they may sign in; the role is shown, not changed."""

    list_display = ("id", "role", "is_active", "created_at")
    list_filter = ("role", "is_active")
    fields = ("id", "role", "is_active", "created_at")
    readonly_fields = ("id", "role", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False
