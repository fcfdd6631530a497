"""A patient's record: who looked, copies, what is to be amended."""

from accounts.models import Role
from pages.page import Page


class Record(Page):
    """A patient's record: who looked, copies, what is to be amended."""

    roles = (Role.PATIENT,)
    template = "pages/patient/record.html"
