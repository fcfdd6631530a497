"""The admin shows users, and nothing of what anybody said or is; the API's doors change them."""

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import User


@admin.register(User)
class UserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Colleagues and patients: whether they may sign in."""

    list_display = ("id", "role", "is_active", "created_at")
    list_filter = ("role", "is_active")
    fields = ("id", "role", "is_active", "created_at")
    readonly_fields = ("id", "role", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False
