"""The chain of care of who looks."""

from accounts.models import Role
from pages.page import Page


class Care(Page):
    """The chain of care of who looks."""

    roles = (Role.PATIENT,)
    template = "pages/patient/care.html"
