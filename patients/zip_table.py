"""The ZIP table of the whole country: the `zipcodes` package, corrected where it is wrong."""

import json
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import zipcodes

from patients.service_area import (
    CENTRAL,
    EASTERN,
    MILITARY_STATES,
    SERVED_STATES,
    SPLIT_COUNTY,
    Zip,
    zones_of,
)

CORRECTIONS = Path(__file__).with_name("zip_corrections.json")
FLAGS = ("reshipper", "no_zcta", "base_access")
KNOWN_ZONES = available_timezones()
FLAG_OF_KIND = {"UNIQUE": "unique_zip", "PO BOX": "po_box_zip"}


def rows() -> list[Zip]:
    """Every ZIP code of the country: what is refused is refused by the table, too."""
    return [_row(raw) for raw in zipcodes.list_all()]


def stamp() -> str:
    """Changes when the table would."""
    return f"{version('zipcodes')} {hash_of(CORRECTIONS)} {hash_of(Path(__file__))}"


def hash_of(file: Path) -> str:
    """A short hash of a file's bytes."""
    return sha256(file.read_bytes()).hexdigest()[:12]


@cache
def corrections() -> dict[str, Any]:
    """The corrections, and the true names of all counties by state."""
    read: dict[str, Any] = json.loads(CORRECTIONS.read_text())
    read["by_spelling"] = {
        state: {name.lower(): name for name in names} for state, names in read["counties"].items()
    }
    return read


def _row(raw: dict[str, Any]) -> Zip:
    code, state, kind = raw["zip_code"], raw["state"], raw["zip_code_type"]
    if code in corrections()["not_new_jersey"] or state in MILITARY_STATES:
        state, kind = ("AE" if state == "NJ" else state), "MILITARY"
    counties = _counties(code, state, raw["county"])
    flags = [name for name in FLAGS if code in corrections()[name]]
    if kind in FLAG_OF_KIND:
        flags.append(FLAG_OF_KIND[kind])
    zones = _zones(code, state, counties, corrections()["zone_of"].get(code, raw["timezone"]))
    if unknown := set(zones) - KNOWN_ZONES:
        raise ValueError(f"{code} lies in the time zone {unknown}: correct it in {CORRECTIONS}.")
    return Zip(
        postal_code=code,
        state=state,
        city=raw["city"],
        cities=tuple(raw["acceptable_cities"]),
        counties=counties,
        time_zones=zones,
        kind=kind,
        active=raw["active"],
        flags=tuple(flags),
    )


def _counties(code: str, state: str, typed: str) -> tuple[str, ...]:
    """The counties that a ZIP code touches, the package's own first."""
    name = corrections()["county_of"].get(code) or typed.removesuffix(" County")
    if state in SERVED_STATES and name:
        name = corrections()["by_spelling"][state][name.lower()]
    touching = corrections()["touching_counties"].get(code, "")
    others = [county for county in touching.split(" / ") if county and county != name]
    return (name, *others) if name else tuple(others)


def _zones(code: str, state: str, counties: tuple[str, ...], zone: str) -> tuple[str, ...]:
    """In Florida and New Jersey the county decides; in Gulf County the ZIP code, or the patient."""
    if code in corrections()["both_time_zones"]:
        return (EASTERN, CENTRAL)
    if state in SERVED_STATES and counties:
        known = (zone,) if counties[0] == SPLIT_COUNTY else (EASTERN, CENTRAL)
        return zones_of(counties[0], known)
    return (zone,) if zone else ()
