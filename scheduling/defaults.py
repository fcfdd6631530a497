"""What a new practice begins with: the federal rule, zones over all counties, holidays."""

from datetime import date, time

from django.db import transaction

from patients import zip_table
from patients.service_area import CENTRAL, EASTERN
from records.models import Rule
from scheduling.deliveries.windows.models import (
    DeliveryZone,
    Holiday,
    WindowTemplate,
    ZoneCounty,
)

SHIP_WEEKDAYS = [0, 1, 2, 3]  # Monday to Thursday: what is missed must not lie over a weekend
WEEKDAYS = (1, 2, 3, 4)  # of windows: the day after
HOURS = ((8, 12), (12, 16), (16, 20))
PLACES = 20

PANHANDLE = (
    "Bay", "Calhoun", "Escambia", "Gulf", "Holmes", "Jackson", "Okaloosa", "Santa Rosa", "Walton",
    "Washington",
)  # fmt: skip
SOUTH_FLORIDA = (
    "Broward", "Charlotte", "Collier", "Glades", "Hendry", "Lee", "Martin", "Miami-Dade", "Monroe",
    "Palm Beach",
)  # fmt: skip
CENTRAL_FLORIDA = (
    "Brevard", "Citrus", "DeSoto", "Hardee", "Hernando", "Highlands", "Hillsborough",
    "Indian River", "Lake", "Manatee", "Okeechobee", "Orange", "Osceola", "Pasco", "Pinellas",
    "Polk", "Sarasota", "Seminole", "St. Lucie", "Sumter", "Volusia",
)  # fmt: skip
SOUTH_JERSEY = (
    "Atlantic", "Burlington", "Camden", "Cape May", "Cumberland", "Gloucester", "Ocean", "Salem",
)  # fmt: skip
NAMED = {
    "FL": (
        ("Florida Panhandle", CENTRAL, PANHANDLE),
        ("South Florida", EASTERN, SOUTH_FLORIDA),
        ("Central Florida", EASTERN, CENTRAL_FLORIDA),
    ),
    "NJ": (("South Jersey", EASTERN, SOUTH_JERSEY),),
}
THE_REST = {"FL": "North Florida", "NJ": "North Jersey"}

# Days on which the pharmacy is closed and no carrier with adult signature comes.
HOLIDAYS = (
    (date(2026, 11, 26), "Thanksgiving Day"),
    (date(2026, 12, 25), "Christmas Day"),
    (date(2027, 1, 1), "New Year's Day"),
    (date(2027, 5, 31), "Memorial Day"),
    (date(2027, 7, 5), "Independence Day, observed"),
    (date(2027, 9, 6), "Labor Day"),
    (date(2027, 11, 25), "Thanksgiving Day"),
    (date(2027, 12, 24), "Christmas Day, observed"),
    (date(2027, 12, 31), "New Year's Day, observed"),
)
# 90 FR 61301: the fourth extension of the flexibilities for prescribing by telemedicine.
DEA_FLEX = {
    "code": "DEA_FLEX",
    "state": "US",
    "valid_from": date(2023, 5, 12),
    "valid_to": date(2026, 12, 31),
    "text": "A DEA-registered practitioner may prescribe schedules II to V by telemedicine without "
    "a visit in person before.",
    "source": "90 FR 61301",
}


@transaction.atomic
def load() -> None:
    """Write down what is missing; what somebody has changed or added stays."""
    if not Rule.objects.filter(code=DEA_FLEX["code"]).exists():
        Rule.objects.create(**DEA_FLEX)
    if not DeliveryZone.objects.exists():
        _load_zones()
    if not Holiday.objects.exists():
        effect = Holiday.Effect.NEITHER
        Holiday.objects.bulk_create(
            Holiday(day=day, name=name, effect=effect) for day, name in HOLIDAYS
        )


def _load_zones() -> None:
    counties = zip_table.corrections()["counties"]
    for state, named in NAMED.items():
        taken = {county for _, _, names in named for county in names}
        rest = tuple(county for county in counties[state] if county not in taken)
        for name, zone, names in (*named, (THE_REST[state], EASTERN, rest)):
            row = DeliveryZone.objects.create(
                name=name, time_zone=zone, ship_weekdays=SHIP_WEEKDAYS
            )
            ZoneCounty.objects.bulk_create(
                ZoneCounty(zone=row, state=state, county=county) for county in names
            )
            WindowTemplate.objects.bulk_create(
                WindowTemplate(
                    zone=row, weekday=day, opens=time(a), closes=time(b), capacity=PLACES
                )
                for day in WEEKDAYS
                for a, b in HOURS
            )
