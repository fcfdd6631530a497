"""The sandbox as an app of its own, which production refuses."""

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class SandboxConfig(AppConfig):
    name = "notifications.sandbox"
    label = "sandbox"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        if not settings.SANDBOX:
            raise ImproperlyConfigured("The sandbox has no place beside a real provider.")
