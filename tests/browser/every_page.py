"""Every page that there is, by who looks: for axe, for pictures, for the count of queries.

A page without a line here fails `test_every_page`. Of an address with an id, ``of`` finds one in
the demo.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.browser import pages_patient, pages_physician, pages_public, pages_staff


@dataclass(frozen=True)
class Look:
    """``name`` is that of the picture, ``route`` the address as `pages.urls` has it.

    ``who`` looks: a part of the cast, or nobody. ``of`` gives the address in the demo; None is the
    route itself.
    """

    name: str
    route: str
    who: str = ""
    of: Callable[[], str] | None = None

    @property
    def address(self) -> str:
        return self.of() if self.of else f"/{self.route}"


# Doors that show no page of their own: they answer with a file, nothing, or another page.
NO_PAGE = {
    "home/",
    "still-here/",
    "exports/<str:token>",
    "care/appointments/<uuid:pk>/appointment.ics",
    "staff/papers/<slug:kind>.<slug:shape>",
    *pages_public.ON_THE_WAY,
}
LOOKS = [
    Look(*line)
    for line in (
        *pages_public.LOOKS,
        *pages_patient.LOOKS,
        *pages_physician.LOOKS,
        *pages_staff.LOOKS,
        ("account-keys", "accounts/2fa/", "sam"),
        ("account-keys-patient", "accounts/2fa/", "alice"),
        ("account-sessions", "accounts/sessions/", "sam"),
        ("account-passkey", "accounts/2fa/webauthn/add/", "alice"),
        ("account-recovery", "accounts/2fa/recovery-codes/generate/", "sam"),
        ("practice", "practice/", "admin"),
        ("practice-physician", "practice/", "chen"),
        ("people", "practice/people/", "admin"),
    )
]
