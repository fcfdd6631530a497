"""What patients set themselves."""

from accounts.models import Role
from pages.page import Page


class Settings(Page):
    """What patients set themselves."""

    roles = (Role.PATIENT,)
    template = "pages/patient/settings.html"
