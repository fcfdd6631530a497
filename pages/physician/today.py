"""The physician's day."""

from accounts.models import Role
from pages.page import Page


class Today(Page):
    """The physician's day."""

    roles = (Role.PHYSICIAN,)
    template = "pages/physician/today.html"
