"""Address → county and time zone, or the reason why we cannot come. PURE.

The county decides: 67 of Florida and 21 of New Jersey, and nowhere else. Nine counties of Florida
are on Central time, one (Gulf) is on both. Source of the zones: 49 CFR 71.5.
"""

import re
import unicodedata
from dataclasses import dataclass

SERVED_STATES = ("FL", "NJ")
EASTERN, CENTRAL = "America/New_York", "America/Chicago"
CENTRAL_COUNTIES = frozenset(
    {
        "Escambia", "Santa Rosa", "Okaloosa", "Walton", "Holmes", "Washington", "Bay", "Jackson",
        "Calhoun",
    }
)  # fmt: skip
SPLIT_COUNTY = "Gulf"

# code → what its reader is told.
SENTENCES = {
    "served": "We come to this area.",
    "out_of_area": "We only treat at addresses in Florida and New Jersey, and are sorry.",
    "state_zip_mismatch": "This ZIP code belongs to another state. Please check both.",
    "unknown_state": "There is no such state. Please use its two letters, such as FL.",
    "unknown_zip": "There is no such ZIP code. Please check its digits.",
    "inactive_zip": "This ZIP code is not in use any more. Please check it.",
    "military": "We cannot come to military (APO, FPO, DPO) addresses.",
    "po_box": "We come to the door: please give the street address, not a post office box.",
    "pmb": "We come to the door: please give the street address, not a private mailbox.",
    "general_delivery": "We come to the door: please give the street address.",
    "county_mismatch": "This ZIP code does not lie in that county. Please choose one of its own.",
    "time_zone_mismatch": "This place is not in that time zone. Please check it.",
}

MILITARY_STATES = ("AA", "AE", "AP")
STATES = {
    "ALABAMA": "AL", "ALASKA": "AK", "ARIZONA": "AZ", "ARKANSAS": "AR", "CALIFORNIA": "CA",
    "COLORADO": "CO", "CONNECTICUT": "CT", "DELAWARE": "DE", "DISTRICT OF COLUMBIA": "DC",
    "FLORIDA": "FL", "FLA": "FL", "GEORGIA": "GA", "HAWAII": "HI", "IDAHO": "ID",
    "ILLINOIS": "IL", "INDIANA": "IN", "IOWA": "IA", "KANSAS": "KS", "KENTUCKY": "KY",
    "LOUISIANA": "LA", "MAINE": "ME", "MARYLAND": "MD", "MASSACHUSETTS": "MA", "MICHIGAN": "MI",
    "MINNESOTA": "MN", "MISSISSIPPI": "MS", "MISSOURI": "MO", "MONTANA": "MT", "NEBRASKA": "NE",
    "NEVADA": "NV", "NEW HAMPSHIRE": "NH", "NEW JERSEY": "NJ", "N J": "NJ", "NEW MEXICO": "NM",
    "NEW YORK": "NY", "NORTH CAROLINA": "NC", "NORTH DAKOTA": "ND", "OHIO": "OH",
    "OKLAHOMA": "OK", "OREGON": "OR", "PENNSYLVANIA": "PA", "PUERTO RICO": "PR",
    "RHODE ISLAND": "RI", "SOUTH CAROLINA": "SC", "SOUTH DAKOTA": "SD", "TENNESSEE": "TN",
    "TEXAS": "TX", "UTAH": "UT", "VERMONT": "VT", "VIRGINIA": "VA", "WASHINGTON": "WA",
    "WEST VIRGINIA": "WV", "WISCONSIN": "WI", "WYOMING": "WY", "GUAM": "GU",
    "AMERICAN SAMOA": "AS", "VIRGIN ISLANDS": "VI", "NORTHERN MARIANA ISLANDS": "MP",
}  # fmt: skip
LONGEST_STATE = max(map(len, STATES))
KNOWN_STATES = frozenset(STATES.values()) | {*MILITARY_STATES, "FM", "MH", "PW"}

# Letters of other alphabets that look like ours.
LOOKALIKES = str.maketrans(
    "АВЕІКМНОРСТУХΑΒΕΙΚΜΝΟΡΤΥΧ",
    "ABEIKMHOPCTYXABEIKMNOPTYX",
)

# Patterns of lines as `plain` writes them. A box, but no Boxwood and no Box Road.
BOX = r"B ?[O0]? ?X(?![A-Z]| (RD|ROAD|ST|STREET|AVE|AVENUE|LN|LANE|DR|DRIVE|CT|WAY)\b)"
RURAL = re.compile(r"\b(R ?R|R ?F ?D|(RURAL )?(ROUTE|RTE?)|H ?C|HIGHWAY CONTRACT) ?\d+ ?BO?X ?\d+")
LINES = (
    ("military", re.compile(r"\b[AFD]PO( A[AEP]\b| \d{5}|$)|(\b(PSC|CMR)|^UNIT) ?\d+ BOX ?\d")),
    ("pmb", re.compile(r"\bP ?M ?B(\b|\d)|\bPRIVATE MAIL ?BOX\b")),
    ("general_delivery", re.compile(r"\bGEN(ERAL| ?L)? DEL(IVERY\b|$)")),
    (
        "po_box",
        re.compile(
            rf"\bP ?[O0] ?{BOX}|\bP ?O ?B? ?(NO )?\d|\bP ?O ?DRAWER\b|^DRAWER ?\d"
            rf"|\bPOST(AL)? ?(OFFICE ?)?{BOX}|\b(LOCK|CALLER) ?{BOX}|^{BOX} ?\d"
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Zip:
    """A row of the ZIP table.

    ``counties``: the best guess first; ``time_zones`` (IANA): two where the patient must be asked;
    ``kind``: STANDARD, PO BOX, UNIQUE or MILITARY; ``flags``: what a human should look at.
    """

    postal_code: str
    state: str
    city: str
    cities: tuple[str, ...]
    counties: tuple[str, ...]
    time_zones: tuple[str, ...]
    kind: str
    active: bool
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """What an address means; ``code`` is ``served`` or the reason why not.

    ``time_zone`` (IANA) is None where it must be asked: then ``time_zones`` has two. ``review``:
    what a human should look at; it refuses nobody.
    """

    served: bool
    code: str
    detail: str
    state: str | None = None
    county: str | None = None
    counties: tuple[str, ...] = ()
    time_zone: str | None = None
    time_zones: tuple[str, ...] = ()
    review: tuple[str, ...] = ()


def zip_code(text: str) -> str:
    """The five digits of a ZIP code, from "32501" or "32501-1234"; raises ValueError else."""
    match = re.fullmatch(r"\s*(\d{5})(?:-\d{4})?\s*", text, re.ASCII)
    if not match:
        raise ValueError("A ZIP code has five digits.")
    return match[1]


def place(
    row: Zip | None,
    *,
    postal_code: str,
    state: str | None = None,
    city: str | None = None,
    line1: str = "",
    line2: str = "",
    county: str | None = None,
    time_zone: str | None = None,
) -> Place:
    """What an address means; ``row`` is that of its ZIP code, None where the table has none."""
    typed = _state(state) if state else None
    code = (
        _unusable(row, state, typed)
        or _out_of_area(row)
        or _unreachable_line(line1, line2, city or "")
    )
    if code or row is None:
        return _no(code or "unknown_zip", row)
    chosen = _county(row, county)
    if chosen is None:
        return _no("county_mismatch", row)
    zones = zones_of(chosen, row.time_zones) if county else row.time_zones
    if time_zone and time_zone not in zones:
        return _no("time_zone_mismatch", row)
    return Place(
        served=True,
        code="served",
        detail=SENTENCES["served"],
        state=row.state,
        county=chosen,
        counties=row.counties,
        time_zone=time_zone or (zones[0] if len(zones) == 1 else None),
        time_zones=(time_zone,) if time_zone else zones,
        review=_review(row, city, line1),
    )


def zones_of(county: str, of_zip: tuple[str, ...]) -> tuple[str, ...]:
    """The zones of a county of Florida or New Jersey, within those of the ZIP code."""
    if county == SPLIT_COUNTY:
        return of_zip
    return (CENTRAL,) if county in CENTRAL_COUNTIES and CENTRAL in of_zip else (of_zip[0],)


def _no(code: str, row: Zip | None) -> Place:
    return Place(
        served=False,
        code=code,
        detail=SENTENCES[code],
        state=row.state if row else None,
        county=row.counties[0] if row and row.counties else None,
        counties=row.counties if row else (),
        time_zones=row.time_zones if row else (),
    )


def plain(text: str) -> str:
    """Capital letters, digits and single blanks: other alphabets and dots are no disguise."""
    letters = unicodedata.normalize("NFKD", text).upper().translate(LOOKALIKES)
    folded = "".join(c for c in letters if unicodedata.category(c) not in ("Mn", "Cf"))
    return " ".join(re.sub(r"[^\w]|_", " ", folded).split())


def _state(text: str) -> str | None:
    """The two letters of a state as typed; None when there is no such state."""
    word = plain(text)
    found = STATES.get(word, word.replace(" ", ""))
    return found if found in KNOWN_STATES else None


def _unreachable_line(line1: str, line2: str, city: str) -> str | None:
    if plain(city) in ("APO", "FPO", "DPO"):
        return "military"
    for line in (plain(line1), plain(line2)):
        reachable = RURAL.sub(" ", line)
        for code, pattern in LINES:
            if pattern.search(reachable):
                return code
    return None


def _unusable(row: Zip | None, state: str | None, typed: str | None) -> str | None:
    """Why the ZIP code, or the state typed beside it, cannot be."""
    if state and typed is None:
        return "unknown_state"
    if typed in MILITARY_STATES or (row and row.kind == "MILITARY"):
        return "military"
    if row is None:
        return "unknown_zip"
    if not row.active:
        return "inactive_zip"
    return "state_zip_mismatch" if typed and typed != row.state else None


def _out_of_area(row: Zip | None) -> str | None:
    return "out_of_area" if row and row.state not in SERVED_STATES else None


def _county(row: Zip, chosen: str | None) -> str | None:
    """The chosen county if it is one of the ZIP code's; the best guess when none was chosen."""
    if not chosen:
        return row.counties[0] if row.counties else None
    wanted = _spelled(chosen).removesuffix(" COUNTY").replace(" ", "")
    return next((c for c in row.counties if _spelled(c).replace(" ", "") == wanted), None)


def _review(row: Zip, city: str | None, line1: str) -> tuple[str, ...]:
    found = list(row.flags)
    if city and _spelled(city) not in {_spelled(name) for name in (row.city, *row.cities)}:
        found.append("city_unusual")
    if RURAL.search(plain(line1)):
        found.append("rural_route")
    return tuple(found)


def _spelled(name: str) -> str:
    """A city's or county's name however Saint, Fort and Mount are written."""
    words = {"ST": "SAINT", "FT": "FORT", "MT": "MOUNT", "TWP": "TOWNSHIP"}
    return " ".join(words.get(word, word) for word in plain(name).split())
