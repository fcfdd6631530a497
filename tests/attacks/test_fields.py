"""Field by field: a canary in every personal and clinical column of one patient, and who reads it.

The table is `FIELDS`: a word for the patient, for staff and for physicians, as in `matrix`. Others
find nothing of it at any door: another patient, a physician without care, a visitor, and an
administrator, but by broken glass: then what a physician in care finds. A new column of this kind
without a row fails.
"""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from psycopg import sql

from accounts.models import User
from notifications.models import BadPhone, OptOut
from patients.models import ContactChange, Patient
from records import clock
from records.crypto import Encrypted, EncryptedJson, encrypt
from records.models import Correction
from scheduling.models import CarrierEvent, Delivery
from tests.attacks.matrix import ROWS
from tests.attacks.test_a63_canary import canary, personal
from tests.attacks.test_matrix import PLACE, House, _house
from tests.conftest import Caller, owner
from tests.contract import promised

FIELDS = """
accounts_apitoken.name                   -    -    -
accounts_sentcode.to                     -    -    -
accounts_user.email                      -    -    -
accounts_user.name                       -    -    -
accounts_user.phone                      -    -    -
notifications_badphone.phone             -    -    -
notifications_inboundmessage.body        -    all  care
notifications_inboundmessage.sender      -    all  care
notifications_message.body               -    -    -
notifications_message.to                 -    -    -
notifications_optout.phone               -    -    -
patients_address.city                    own  all  care
patients_address.line1                   own  all  care
patients_address.line2                   own  all  care
patients_address.reason                  -    -    -
patients_assessment.answers              -    -    care
patients_assessment.contact              -    -    -
patients_assessment.crisis_answers       -    -    care
patients_assessment.flags                -    -    care
patients_assessment.crisis               -    -    care
patients_brokenglass.reason              -    -    -
patients_clinicalhold.note               -    -    care
patients_clinicalhold.reason             -    -    care
patients_consent.phone                   -    -    -
patients_contactchange.new               -    -    -
patients_contactchange.old               -    -    -
patients_contactchange.reason            -    -    -
patients_identitycheck.last4             -    -    -
patients_patient.date_of_birth           own  all  care
patients_patient.email                   own  all  care
patients_patient.first_name              own  all  care
patients_patient.last_name               own  all  care
patients_patient.phone                   own  all  care
patients_supportperson.date_of_birth     own  all  -
patients_supportperson.name              own  all  -
patients_supportperson.phone             own  all  -
records_correction.reason                -    -    -
records_workitem.note                    -    -    care
scheduling_billingperiod.paid_reference  -    -    -
scheduling_carrierevent.body             -    -    -
scheduling_carrierevent.carrier          -    -    -
scheduling_carrierevent.reason           -    -    -
scheduling_carrierevent.signed_by        -    -    -
scheduling_carrierevent.tracking         -    -    -
scheduling_consultation.cancel_reason    -    -    -
scheduling_consultation.location_city    own  all  care
scheduling_consultation.location_line1   own  all  care
scheduling_consultation.note             -    -    care
scheduling_decision.note                 -    -    care
scheduling_decision.outcome              own  all  care
scheduling_delivery.carrier              own  all  care
scheduling_delivery.signed_by            own  all  care
scheduling_delivery.signer_date_of_birth own  all  care
scheduling_delivery.signer_name          own  all  care
scheduling_delivery.tracking             own  all  care
scheduling_prescription.days_supply      own  -    care
scheduling_prescription.external_reference own - care
scheduling_reading.pulse                 own  -    care
scheduling_reading.systolic              own  -    care
scheduling_treatmentsession.check_in_note own -   care
scheduling_treatmentsession.feeling      own  -    care
scheduling_treatmentsession.override_reason - - -
"""
# What is clinical and no text: what stands there, and how an answer would tell it.
TOLD: dict[str, tuple[Any, str]] = {
    "patients_assessment.flags": (["ZQFLAG"], '"ZQFLAG"'),
    "patients_assessment.crisis": (True, '"crisis":true'),
    "patients_clinicalhold.reason": ("check_in", '"reason":"check_in"'),
    "scheduling_decision.outcome": ("declined", '"outcome":"declined"'),
    "scheduling_prescription.days_supply": (113, '"days_supply":113'),
    "scheduling_reading.pulse": (131, '"pulse":131'),
    "scheduling_reading.systolic": (217, '"systolic":217'),
    "scheduling_treatmentsession.feeling": ("unsure", '"feeling":"unsure"'),
}
ASK = ("visitor", "alice", "eve", "sam", "chen", "dora", "admin", "ada")
# What no broken glass shows an administrator: texts that came in, and notes of physicians' work.
NO_GLASS = ("notifications_inboundmessage", "records_workitem")
# Of what is done, each role reads its own: here what a physician wrote.
ONLY = {"records_workitem": sql.SQL(" AND status = 'closed' AND for_role = 'physician'")}


def table() -> dict[str, dict[str, str]]:
    """Column → role → word."""
    rows = (line.split() for line in FIELDS.strip().splitlines())
    return {
        place: dict(zip(("alice", "sam", "chen"), words, strict=True)) for place, *words in rows
    }


def test_every_personal_and_clinical_column_has_its_row() -> None:
    places = {f"{model._meta.db_table}.{field.column}" for model, field in personal()}
    assert places | TOLD.keys() == table().keys()


def rest(house: House) -> None:
    """Rows that no door of `_house` writes."""
    patient, sam = Patient.objects.get(pk=house.things["patient"]), house.people["sam"].user
    now, phone = clock.now(), str(patient.phone)
    assert house.people["alice"].post("me/reauthenticate/").status_code == 202
    OptOut.objects.create(phone=phone, source="reply", at=now)
    BadPhone.objects.create(phone=phone, code="30006", at=now)
    ContactChange.objects.create(
        patient=patient, kind="phone", old=phone, new=phone, at=now, changed_by=sam
    )
    Correction.objects.create(
        object_kind="consultation", object_id=house.things["meeting"], was="arrived",
        reason="r", corrected_by=sam, corrected_at=now,
    )  # fmt: skip
    CarrierEvent.objects.create(
        carrier="UPS", tracking="1", code="x", occurred_at=now, body="b",
        delivery=Delivery.objects.get(pk=house.things["parcel"]),
    )  # fmt: skip


def written_in(model: Any, place: str, word: str) -> Any:
    """A word as its column takes it."""
    field = next(f for f in model._meta.local_fields if f.column == place.split(".")[1])
    if isinstance(field, EncryptedJson):
        return encrypt(json.dumps({"reason": word}), of=place)
    if isinstance(field, Encrypted):
        return encrypt(word, of=place)
    return word


def of_alice(model: Any, house: House) -> tuple[str, str]:
    """Which rows of a table are hers; what has no column for it is all hers in this house."""
    columns = {f.column for f in model._meta.local_fields}
    alice, patient = str(house.people["alice"].user.pk), house.things["patient"]
    if model in (User, Patient):
        return "id", alice if model is User else patient
    if "patient_id" in columns:
        return "patient_id", patient
    return ("user_id", alice) if "user_id" in columns else ("", "")


def planted(database: str, house: House) -> dict[str, str]:
    """A canary into every column of the table, in rows of Alice; column → what it looks like."""
    models = {model._meta.db_table: model for model in apps.get_models()}
    words = {
        f"{model._meta.db_table}.{field.column}": canary(number, field)
        for number, (model, field) in enumerate(personal())
    }
    with owner(database) as its:
        its.execute("SET session_replication_role = replica")  # also into what only grows
        for place in table():
            name, column = place.split(".")
            model = models[name]
            value, _ = TOLD.get(place) or (written_in(model, place, words[place]), "")
            whose, pk = of_alice(model, house)
            where = sql.SQL("{} = %s").format(sql.Identifier(whose)) if whose else sql.SQL("true")
            done = its.execute(
                sql.SQL("UPDATE {} SET {} = %s WHERE ").format(
                    sql.Identifier(name), sql.Identifier(column)
                )
                + where
                + ONLY.get(name, sql.SQL("")),
                [value, *([pk] if whose else [])],
            )
            assert done.rowcount, f"{place}: there is no row to find"
    return words | {place: word for place, (_, word) in TOLD.items()}


def lists() -> set[str]:
    """The paths that take a ``limit``."""
    return {
        path.removeprefix("/api/v1/")
        for path, at in promised()["paths"].items()
        if any(p["name"] == "limit" for p in at.get("get", {}).get("parameters", ()))
    }


def looks(house: House, role: str) -> Iterator[tuple[str, str]]:
    """Address and kind of all that can be looked through."""
    consulted = {**house.things, "meeting": house.things["consulted"]}
    for row in ROWS:
        if row.method != "get" or row.path == "assessments/questions/":
            continue
        is_list = PLACE.sub("{}", row.path) in lists()
        for things in (house.things, consulted) if "{meeting}" in row.path else (house.things,):
            fill = partial(PLACE.sub, lambda place, of=things: of[place[1]])
            asked = json.loads(fill(json.dumps(row.sent(role)))) | (
                {"limit": 100} if is_list else {}
            )
            path = fill(f"/api/v1/{row.path}?")
            yield path + urlencode(asked), "application/json"
            if row.path == "work-items/":
                yield path + urlencode({**asked, "status": "closed"}), "application/json"
            if is_list:
                yield path + urlencode(asked), "text/csv"


def shown(who: Caller, house: House) -> str:
    """All that somebody is shown."""
    pages = []
    for address, accept in looks(house, who.user.role if who.user else "visitor"):
        answer = who.client.get(address, headers={"Accept": accept})
        assert answer.status_code < 500, address
        if answer.status_code == 200:
            pages.append(answer.content.decode())
    return "\n".join(pages)


def test_each_column_is_read_by_whom_the_table_says_and_by_nobody_else(committed: str) -> None:
    house = _house()
    rest(house)
    words = planted(committed, house)
    seen = {name: shown(who, house) for name, who in house.people.items() if name in ASK}
    found = {
        (place, name)
        for name, text in seen.items()
        for place, word in words.items()
        if word in text
    }
    said = {(place, name) for place, may in table().items() for name in may if may[name] != "-"}
    through_glass = {
        (place, "ada") for place, name in said if name == "chen" and not place.startswith(NO_GLASS)
    }
    assert found == said | through_glass
