"""The cast: Alice in Pensacola, Bruno in Newark, Dr. Chen, Sam, Eve, an administrator.

``python -m tests.cast`` writes them into the database that the environment names.
"""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
CAST = {name: f"{name}@hearth.test" for name in ("alice", "bruno", "eve", "chen", "sam", "admin")}
PASSWORD = "correct horse battery"
PENSACOLA = {"line1": "100 Palafox St", "city": "Pensacola", "state": "FL", "postal_code": "32501"}
NEWARK = {"line1": "21 Ferry St", "city": "Newark", "state": "NJ", "postal_code": "07105"}
TOMS_RIVER = {"line1": "8 Bay Ave", "city": "Toms River", "state": "NJ", "postal_code": "08753"}
ALBANY = {"line1": "1 Main St", "city": "Albany", "state": "NY", "postal_code": "12207"}
YES = {"privacy": True, "telehealth": True, "sms": True}


def person(number: int, **more: Any) -> dict[str, Any]:
    """Somebody new, as a visitor types them; numbers from the range for fiction."""
    return {
        "first_name": "Nora",
        "last_name": f"New{number}",
        "date_of_birth": "1990-05-17",
        "phone": f"+1352555{100 + number:04d}",
        "email": f"nora{number}@example.org",
        **more,
    }


def write() -> None:
    """Write the cast down, as they are at `NOW`."""
    from accounts.models import Role, User
    from patients.assessments.actions import submit_assessment
    from records.actor import Actor
    from scheduling.demo import answers
    from scheduling.models import Licence, Physician, Plan, WorkingHours

    for name, role in (("chen", "physician"), ("sam", "staff"), ("admin", "administrator")):
        User.objects.create_user(
            role=role,
            name=name.title(),
            email=CAST[name],
            password=PASSWORD,
            phone="+18505550111" if name == "chen" else "",
            is_superuser=name == "admin",
        )
    chen = Physician.objects.create(
        user=User.objects.get(role=Role.PHYSICIAN),
        name="Dr. Chen",
        join_url="https://video.hearth.test/chen",
    )
    for weekday in range(5):
        WorkingHours.objects.create(
            physician=chen, weekday=weekday, opens=time(8, 30), closes=time(17)
        )
    for state in ("FL", "NJ"):
        Licence.objects.create(
            physician=chen,
            state=state,
            number="1",
            valid_from=date(2020, 1, 1),
            expires_on=date(2028, 12, 31),
        )
    for name, price in (("Essential", "250"), ("Steady", "350"), ("Close", "450")):
        Plan.objects.create(
            name=name,
            monthly_price=Decimal(price),
            sessions_per_month=4,
            deliveries_per_month=1,
        )
    for number, (name, address) in enumerate(
        (("alice", PENSACOLA), ("bruno", NEWARK), ("eve", TOMS_RIVER))
    ):
        submit_assessment(
            person={
                "first_name": name.title(),
                "last_name": "Test",
                "date_of_birth": date(1988, 4, 12),
                "phone": f"+1850555010{number + 1}",
                "email": CAST[name],
            },
            address=address,
            answers=answers(),
            consents=YES,
            by=Actor(role="visitor"),
            now=NOW,
        )


if __name__ == "__main__":
    import django

    django.setup()
    write()
