"""The parcels of the practice, by state."""

from accounts.models import Role
from pages.page import Page


class Board(Page):
    """The parcels of the practice, by state."""

    roles = (Role.STAFF,)
    template = "pages/staff/board.html"
