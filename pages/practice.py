"""What a practice has set up, and what is still to do."""

from accounts.models import Role
from pages.page import Page


class Practice(Page):
    """What a practice has set up, and what is still to do."""

    roles = (Role.STAFF, Role.PHYSICIAN, Role.ADMINISTRATOR)
    template = "pages/practice.html"
