"""Those whom the cast does not have: a physician who cares for nobody of it."""

from datetime import date

from accounts.models import User
from patients.models import Assessment
from scheduling.models import Licence, Physician
from tests.conftest import Caller


def dora() -> Caller:
    """Dr. Dora, licensed in both states; nobody waits in the practice's queue any more."""
    user = User.objects.create_user(role="physician", name="Dora", email="dora@hearth.test")
    dora = Physician.objects.create(user=user, name="Dr. Dora")
    for state in ("FL", "NJ"):
        until = date(2028, 12, 31)
        Licence.objects.create(
            physician=dora, state=state, number="2", valid_from=date(2020, 1, 1), expires_on=until
        )
    Assessment.objects.update(status=Assessment.Status.REVIEWED)
    return Caller(user)
