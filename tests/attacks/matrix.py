"""The table of access: every operation of the schema, and what each role may do with what.

A row is an operation, and a word for visitors, patients, staff, physicians and administrators.
What ``{stands}`` in an operation is a thing of the world of `test_matrix`, in its path or in what
is sent. A new operation without a row fails the walk, as does a row without an operation.

=========  ======================================================================================
``-``      never: 401 for a visitor, 403 for all others, whatever it is about
``yes``    everybody in this role, about nobody else
``own``    one's own; what is another's is the same as what never was: 404
``all``    whatever there is; what never was is 404
``care``   of patients in one's care; that of others is the same as what never was
``glass``  never, but within an hour after breaking the glass: then as ``care``
``none``   this thing is another role's: the same as what never was
``mine``   one's own; another's is 403, for that there is one is told to everybody
``secret`` whoever has its secret; with another one, it is the same as what never was
``fresh``  after showing once more who one is: never by a bearer token
=========  ======================================================================================
"""

from dataclasses import dataclass
from typing import Any

from scheduling.demo import answers
from tests.cast import NEWARK, PENSACOLA, YES, person

ROLES = ("visitor", "patient", "staff", "physician", "administrator")
TABLE = """
post   amendments/{amendment}/answer/                  -      -      -      care   -
get    assessments/                                     -      own    all   care  glass
post   assessments/                                     yes    yes    all   -     -
get    assessments/{assessment}/                        -      own    all   care  glass
post   assessments/drafts/                              yes    yes    yes   yes   yes
patch  assessments/drafts/{draft}/                      secret secret secret secret secret
post   assessments/drafts/{draft}/submit/               secret secret secret secret secret
get    assessments/questions/                           yes    yes    yes   yes   yes
get    calendar/                                        -      -      all   own   -
post   clinical-holds/{clinical_hold}/clear/            -      -      -     care  -
get    closures/                                        -      -      yes   -     -
post   closures/                                        -      -      yes   -     -
delete closures/{closure}/                              -      -      all   -     -
get    consultations/                                   -      own    all   care  glass
post   consultations/                                   -      yes    all   -     -
get    consultations/{meeting}/                         -      own    all   care  glass
post   consultations/{meeting}/arrive/                  -      -      -     care  -
post   consultations/{meeting}/cancel/                  -      own    all   care  -
post   consultations/{meeting}/complete/                -      -      -     care  -
post   consultations/{meeting}/confirm/                 -      own    all   -     -
post   consultations/{meeting}/correct/                 -      -      all   care  -
post   consultations/{meeting}/decide/                  -      -      -     care  -
get    consultations/{meeting}/history/                 -      own    all   care  glass
post   consultations/{meeting}/no-show/                 -      -      -     care  -
post   consultations/{meeting}/note/                    -      -      -     care  -
post   consultations/{meeting}/reschedule/              -      own    all   care  -
get    deliveries/                                      -      own    all   care  glass
get    deliveries/{parcel}/                             -      own    all   care  glass
post   deliveries/{parcel}/attempt/                     -      -      all   -     -
post   deliveries/{parcel}/cancel/                      -      -      all   -     -
post   deliveries/{parcel}/choose-window/               -      own    all   -     -
post   deliveries/{parcel}/confirm-receipt/             -      own    all   -     -
post   deliveries/{parcel}/correct/                     -      -      all   -     -
get    deliveries/{parcel}/custody/                     -      -      all   care  glass
post   deliveries/{parcel}/deliver/                     -      -      all   -     -
post   deliveries/{parcel}/dispatch/                    -      -      all   -     -
post   deliveries/{parcel}/hold/                        -      -      all   -     -
post   deliveries/{parcel}/investigate/                 -      -      all   -     -
post   deliveries/{parcel}/lose/                        -      -      all   -     -
post   deliveries/{parcel}/no-signer/                   -      own    all   -     -
post   deliveries/{parcel}/out-for-delivery/            -      -      all   -     -
post   deliveries/{parcel}/pack/                        -      -      all   -     -
post   deliveries/{parcel}/recall/                      -      -      all   -     -
post   deliveries/{parcel}/release/                     -      -      all   -     -
post   deliveries/{parcel}/replace/                     -      -      -     care  -
post   deliveries/{parcel}/return/                      -      -      all   -     -
post   deliveries/bulk/                                 -      -      yes   -     -
post   deliveries/tracking/                             -      -      yes   -     -
get    delivery-windows/                                -      yes    all   care  -
post   delivery-windows/                                -      -      all   -     -
delete delivery-windows/{window}/                       -      -      all   -     -
patch  delivery-windows/{window}/                       -      -      all   -     -
get    delivery-zones/                                  -      -      yes   yes   -
post   delivery-zones/                                  -      -      yes   -     -
delete delivery-zones/{zone}/                           -      -      all   -     -
post   delivery-zones/{zone}/take-counties/             -      -      all   -     -
get    events/                                          -      -      all   -     -
post   holds/                                           yes    yes    yes   yes   yes
delete holds/{hold}/                                    secret secret secret secret secret
get    holidays/                                        -      -      yes   -     -
post   holidays/                                        -      -      yes   -     -
delete holidays/{holiday}/                              -      -      all   -     -
get    inbox/                                           -      -      all   care  -
get    invitations/                                     -      -      -     -     yes
post   invitations/                                     -      -      -     -     yes
delete invitations/{invitation}/                        -      -      -     -     all
post   invitations/accept/                              secret secret secret secret secret
get    me/                                              -      own    -     -     -
patch  me/                                              -      yes    -     -     -
get    me/accesses/                                     -      yes    -     -     -
get    me/amendments/                                  -      own    -      -      -
post   me/amendments/                                  -      yes    -      -      -
post   me/address/                                      -      yes    -     -     -
get    me/consents/                                     -      own    -     -     -
post   me/consents/                                     -      yes    -     -     -
post   me/email/                                        -      fresh  -     -     -
post   me/email/confirm/                                -      yes    -     -     -
get    me/exports/                                     -      own    -      -      -
post   me/exports/                                     -      fresh  -      -      -
get    me/exports/{export}/                            -      own    -      -      -
post   me/phone/                                        -      fresh  -     -     -
post   me/phone/confirm/                                -      yes    -     -     -
post   me/reauthenticate/                               -      yes    -     -     -
post   me/reauthenticate/confirm/                       -      fresh  -     -     -
get    me/sessions/                                     -      yes    yes   yes   yes
delete me/sessions/{session_of_alice}/                  -      own    own   own   own
get    me/support-persons/                              -      own    -     -     -
post   me/support-persons/                              -      yes    -     -     -
get    me/timeline/                                     -      own    -     -     -
get    me/tokens/                                       -      -      yes   yes   yes
post   me/tokens/                                       -      -      fresh fresh fresh
delete me/tokens/{token_of_chen}/                       -      -      own   own   own
get    messages/                                        -      own    all   care  glass
get    messages/{message}/                              -      own    all   care  glass
post   messages/{message}/cancel/                       -      -      all   -     -
post   messages/{message}/resend/                       -      -      all   -     -
get    messages/pause/                                  -      -      yes   -     -
post   messages/pause/                                  -      -      yes   -     -
post   messages/resume/                                 -      -      yes   -     -
get    patients/                                        -      -      all   care  glass
post   patients/                                        -      -      yes   -     -
get    patients/{patient}/                              -      -      all   care  glass
post   patients/{patient}/address/                      -      -      all   -     -
get    patients/{patient}/amendments/                  -      -      -      care   glass
post   patients/{patient}/break-glass/                  -      -      -     all   all
get    patients/{patient}/clinical-holds/               -      -      -     care  glass
post   patients/{patient}/clinical-holds/               -      -      -     care  -
post   patients/{patient}/consents/                     -      -      all   -     -
post   patients/{patient}/contact/                      -      -      all   -     -
post   patients/{patient}/identity-checks/              -      -      all   care  -
post   patients/{patient}/legal-hold/                  -      -      -      -      all
delete patients/{patient}/legal-hold/                  -      -      -      -      all
post   patients/{patient}/opt-out/                      -      -      all   -     -
delete patients/{patient}/opt-out/                      -      -      all   -     -
get    patients/{patient}/prescriptions/                -      -      -     care  glass
get    patients/{patient}/support-persons/              -      -      all   -     -
post   patients/{patient}/support-persons/              -      -      all   -     -
post   patients/{patient}/text-hours/                   -      -      all   -     -
get    patients/{patient}/timeline/                     -      -      all   care  glass
post   periods/{period}/correct/                        -      -      all   -     -
get    physicians/                                      yes    yes    yes   yes   yes
get    physicians/{physician}/licences/                 -      -      all   all   -
post   physicians/{physician}/licences/                 -      -      mine  mine  -
delete physicians/{physician}/licences/{licence}/       -      -      -     mine  -
get    physicians/{physician}/openings/                 -      -      all   all   -
post   physicians/{physician}/openings/                 -      -      mine  mine  -
delete physicians/{physician}/openings/{opening}/       -      -      -     mine  -
get    physicians/{physician}/time-off/                 -      -      all   all   -
post   physicians/{physician}/time-off/                 -      -      mine  mine  -
delete physicians/{physician}/time-off/{time_off}/      -      -      -     mine  -
get    physicians/{physician}/working-hours/            -      -      all   all   -
post   physicians/{physician}/working-hours/            -      -      mine  mine  -
delete physicians/{physician}/working-hours/{hours}/    -      -      -     mine  -
post   plans/                                           -      -      yes   -     yes
post   plans/{plan}/withdraw/                           -      -      all   -     all
get    practice/                                        -      -      yes   yes   yes
put    practice/                                        -      -      yes   -     yes
put    practice/on-call/                                -      -      yes   yes   yes
get    plans/                                           yes    yes    yes   yes   yes
get    prescriptions/                                   -      own    -     care  glass
post   prescriptions/                                   -      -      -     care  -
post   prescriptions/{prescription}/end/                -      -      -     care  -
get    reminders/                                       -      own    all   care  glass
get    rules/                                           -      -      -     yes   -
post   rules/                                           -      -      -     yes   -
get    service-area/                                    yes    yes    yes   yes   yes
get    session-times/                                   -      yes    all   care  -
get    sessions/                                        -      own    all   care  glass
post   sessions/                                        -      yes    all   care  -
get    sessions/{session}/                              -      own    all   care  glass
post   sessions/{session}/cancel/                       -      own    all   care  -
post   sessions/{session}/check-in/                     -      own    all   care  -
post   sessions/{session}/finish/                       -      own    all   care  -
post   sessions/{session}/pre-check/                    -      own    all   care  -
post   sessions/{session}/reschedule/                   -      own    all   care  -
post   sessions/{session}/start/                        -      own    all   care  -
get    settings/                                        -      -      yes   yes   -
patch  settings/                                        -      -      -     yes   -
get    slots/                                           yes    yes    yes   yes   yes
get    subscriptions/                                   -      own    all   care  glass
post   subscriptions/                                   -      yes    all   -     -
get    subscriptions/{subscription}/                    -      own    all   care  glass
post   subscriptions/{subscription}/cancel/             -      own    all   -     -
post   subscriptions/{subscription}/change-plan/        -      own    all   -     -
post   subscriptions/{subscription}/pause/              -      own    all   -     -
post   subscriptions/{subscription}/resume/             -      own    all   -     -
post   subscriptions/{subscription}/periods/{number}/mark-paid/  - -  all   -     -
post   support-persons/{stays}/confirm/                 secret secret secret secret secret
get    users/                                           -      -      -     -     yes
post   users/{user}/deactivate/                         -      -      -     -     all
post   users/{user}/password-link/                      -      -      -     -     all
post   users/{user}/reactivate/                         -      -      -     -     all
post   users/{user}/reset-factors/                      -      -      -     -     all
post   users/{user}/role/                               -      -      -     -     all
get    users/{user}/sessions/                           -      -      -     -     all
delete users/{user}/sessions/{session_of_user}/         -      -      -     -     all
get    users/{user}/tokens/                             -      -      -     -     all
delete users/{user}/tokens/{token_of_user}/             -      -      -     -     all
get    work-items/                                      -      -      yes   yes   yes
post   work-items/{item_of_staff}/approve/              -      -      all   none  -
post   work-items/{item_of_staff}/claim/                -      -      all   none  none
post   work-items/{item_of_staff}/close/                -      -      all   none  none
post   work-items/{item_of_physicians}/approve/         -      -      none  all   -
post   work-items/{item_of_physicians}/claim/           -      -      none  all   none
post   work-items/{item_of_physicians}/close/           -      -      none  all   none
post   work-items/{closed_item}/claim/                  -      -      none  care  none
post   work-items/{closed_item}/close/                  -      -      none  care  none
post   work-items/{item_of_administrators}/claim/       -      -      none  none  all
post   work-items/{item_of_administrators}/close/       -      -      none  none  all
"""
# Whose a thing is, where it is not Alice's.
OWNER = {"physician": "chen", "token_of_chen": "chen", "licence": "chen", "opening": "chen",
         "time_off": "chen", "hours": "chen"}  # fmt: skip


@dataclass(frozen=True)
class By:
    """What only these send."""

    value: Any
    roles: tuple[str, ...]


def by(value: Any, *roles: str) -> By:
    return By(value, roles)


OF_COLLEAGUES = by("{patient}", "staff", "physician")
BY_TELEPHONE = by("telephone", "staff")
DAYS = {"from": "2026-12-08", "to": "2026-12-20"}
SIGNER = {"name": "S", "date_of_birth": "1980-02-03"}
CALM = {"systolic": 120, "diastolic": 80, "pulse": 70}
HERE = {"location": {"state": "FL"}}
SPAN = {"start": "2026-12-17T15:00:00Z", "end": "2026-12-17T16:00:00Z"}
STAYS = {"name": "B", "date_of_birth": "1980-01-01", "phone": "850 555 0123"}
# What is sent with an operation, in its body or, of a GET, in its query; nothing with the others.
SENT: dict[str, Any] = {
    "post amendments/{amendment}/answer/": {"accepted": True, "text": "t"},
    "post assessments/": {
        "answers": answers(), "consents": YES, "person": by(person(1), "visitor"),
        "address": by(PENSACOLA, "visitor"), "patient": by("{patient}", "staff"),
        "channel": BY_TELEPHONE,
    },
    "post assessments/drafts/": {
        "date_of_birth": "1990-05-17", "postal_code": "32501", "email": "d@example.org",
    },
    "patch assessments/drafts/{draft}/": {
        "secret": "{secret_of_draft}", "answers": {"preg": "no"},
    },
    "post assessments/drafts/{draft}/submit/": {
        "secret": "{secret_of_draft}", "person": person(2), "address": PENSACOLA, "consents": YES,
    },
    "get calendar/": {**DAYS, "physician": "{physician}"},
    "post clinical-holds/{clinical_hold}/clear/": {"note": "n"},
    "post closures/": {
        "counties": ["FL Bay"], "from": SPAN["start"], "to": SPAN["end"], "reason": "r",
    },
    "post consultations/": {
        "start": "2026-12-15T15:00:00Z", "kind": "follow_up", "location": {"state": "FL"},
        "patient": by("{patient}", "staff"), "channel": BY_TELEPHONE,
    },
    "post consultations/{meeting}/arrive/": HERE,
    "post consultations/{meeting}/cancel/": {"channel": BY_TELEPHONE},
    "post consultations/{meeting}/confirm/": {"channel": BY_TELEPHONE},
    "post consultations/{meeting}/correct/": {"reason": "r"},
    "post consultations/{meeting}/decide/": {"outcome": "approved"},
    "post consultations/{meeting}/note/": {"note": "n"},
    "post consultations/{meeting}/reschedule/": {
        "start": "2026-12-15T16:00:00Z", "channel": BY_TELEPHONE,
    },
    "post deliveries/{parcel}/attempt/": {"code": "no_adult"},
    "post deliveries/{parcel}/choose-window/": {"window": "{window}", "signer": SIGNER},
    "post deliveries/{parcel}/confirm-receipt/": {"received": True},
    "post deliveries/{parcel}/correct/": {"reason": "r"},
    "post deliveries/{parcel}/deliver/": {
        "signed_by": "S", "relation": "signer", "id_checked": True, "signer_age": 46,
    },
    "post deliveries/{parcel}/dispatch/": {"carrier": "UPS", "tracking": "1Z9"},
    "post deliveries/{parcel}/return/": {"seal_ok": True},
    "post deliveries/bulk/": {"action": "pack", "ids": ["{parcel}"]},
    "post deliveries/tracking/": "delivery,carrier,tracking\r\n{parcel},UPS,1Z9\r\n",
    "get delivery-windows/": {**DAYS, "patient": OF_COLLEAGUES},
    "patch delivery-windows/{window}/": {"capacity": 40},
    "post delivery-windows/": {
        "zone": "{zone}", "starts": SPAN["start"], "ends": SPAN["end"], "ship_on": "2026-12-15",
        "cutoff_at": "2026-12-14T15:00:00Z", "capacity": 2,
    },
    "post delivery-zones/": {
        "name": "z", "time_zone": "America/Chicago", "counties": [], "cutoff": "11:00",
        "templates": [{"weekday": 1, "opens": "08:00", "closes": "09:00", "capacity": 1}],
        "transit_days": 1, "ship_weekdays": [1],
    },
    "post delivery-zones/{zone}/take-counties/": {"counties": ["FL Bay"]},
    "get events/": {"limit": "100"},
    "post holds/": {"start": "2026-12-16T15:00:00Z", "kind": "initial", "state": "FL"},
    "delete holds/{hold}/": {"secret": "{secret_of_hold}"},
    "post holidays/": {"day": "2026-12-09", "name": "n", "effect": "neither"},
    "post invitations/": {"role": "staff", "name": "N", "email": "n@example.org"},
    "post invitations/accept/": {"token": "{secret_of_invitation}", "password": "a b c d e f g h"},
    "patch me/": {"first_name": "A"},
    "post me/address/": {**NEWARK, "kind": "move"},
    "post me/amendments/": {"about": None, "text": "t"},
    "post me/consents/": {"kind": "sms", "accepted": True},
    "post me/email/": {"email": "n@example.org"},
    "post me/email/confirm/": {"code": "000000"},
    "post me/exports/": {"format": "json"},
    "post me/phone/": {"phone": "850 555 0177"},
    "post me/phone/confirm/": {"code": "000000"},
    "post me/reauthenticate/confirm/": {"code": "000000"},
    "post me/support-persons/": STAYS,
    "post me/tokens/": {"scope": "read"},
    "post patients/": {
        "person": person(3), "address": PENSACOLA, "consents": YES, "channel": "telephone",
    },
    "post patients/{patient}/address/": {**NEWARK, "kind": "move"},
    "post patients/{patient}/break-glass/": {"reason": "unconscious at the door"},
    "post patients/{patient}/clinical-holds/": {"note": "n"},
    "post patients/{patient}/legal-hold/": {"reason": "a court has asked for it"},
    "delete patients/{patient}/legal-hold/": {"reason": "the court is done"},
    "post patients/{patient}/consents/": {
        "kind": "sms", "accepted": True, "channel": "telephone",
    },
    "post patients/{patient}/contact/": {"email": "n@example.org", "reason": "r"},
    "post patients/{patient}/identity-checks/": {"document": "passport", "last4": "1234"},
    "post patients/{patient}/opt-out/": {"source": "telephone"},
    "post patients/{patient}/support-persons/": {**STAYS, "channel": "telephone"},
    "post patients/{patient}/text-hours/": {
        "text_from": "09:00", "text_until": "18:00", "channel": "telephone",
    },
    "post periods/{period}/correct/": {"reason": "r"},
    "post physicians/{physician}/licences/": {
        "state": "FL", "number": "1", "valid_from": "2029-01-01", "expires_on": "2030-01-01",
    },
    "post physicians/{physician}/openings/": SPAN,
    "post physicians/{physician}/time-off/": SPAN,
    "post physicians/{physician}/working-hours/": {
        "weekday": 5, "opens": "09:00", "closes": "12:00",
    },
    "post prescriptions/": {
        "patient": "{patient}", "issued_on": "2026-12-07", "days_supply": 30, "sessions": 4,
        "refills": 5, "use_by": "2027-05-30", "external_reference": "RX-2",
        "registry_checked_at": "2026-12-07T15:30:00Z",
    },
    "post plans/": {
        "name": "New", "monthly_price": "300.00", "sessions_per_month": 4,
        "deliveries_per_month": 1,
    },
    "put practice/": {
        "name": "Hearth", "phone": "850-555-0100", "time_zone": "America/New_York",
    },
    "put practice/on-call/": {"users": []},
    "post rules/": {
        "code": "X", "state": "FL", "valid_from": "2027-01-01", "text": "t", "source": "s",
    },
    "get service-area/": {"postal_code": "32501"},
    "get session-times/": {**DAYS, "patient": OF_COLLEAGUES},
    "post sessions/": {
        "start": "2026-12-12T15:00:00Z", "patient": OF_COLLEAGUES, "channel": BY_TELEPHONE,
    },
    "post sessions/{session}/check-in/": {"feeling": "well"},
    "post sessions/{session}/finish/": CALM,
    "post sessions/{session}/pre-check/": {
        **CALM, **HERE, "support_person_present": True, "measured_at": "2026-12-07T17:00:00Z",
    },
    "post sessions/{session}/reschedule/": {"start": "2026-12-13T15:00:00Z"},
    "patch settings/": {"hold_minutes": 5},
    "get slots/": {
        **DAYS, "state": by("FL", "visitor", "staff", "physician", "administrator"),
    },
    "post subscriptions/": {
        "plan": "{plan}", "patient": by("{patient}", "staff"), "channel": BY_TELEPHONE,
    },
    "post subscriptions/{subscription}/cancel/": {"when": "period_end"},
    "post subscriptions/{subscription}/change-plan/": {"plan": "{plan}"},
    "post subscriptions/{subscription}/periods/{number}/mark-paid/": {"reference": "r"},
    "post users/{user}/reset-factors/": {"reason": "r"},
    "post users/{user}/role/": {"role": "physician"},
    "post work-items/{item_of_staff}/close/": {"note": "n"},
    "post work-items/{item_of_physicians}/close/": {"note": "n"},
    "post work-items/{closed_item}/close/": {"note": "n"},
    "post work-items/{item_of_administrators}/close/": {"note": "n"},
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """An operation, and the word for each role."""

    method: str
    path: str
    may: dict[str, str]

    def sent(self, role: str) -> Any:
        """What this role sends."""
        whole = SENT.get(f"{self.method} {self.path}", {})
        if not isinstance(whole, dict):
            return whole
        given = {name: value for name, value in whole.items() if not isinstance(value, By)}
        mine = {name: v for name, v in whole.items() if isinstance(v, By) and role in v.roles}
        return given | {name: v.value for name, v in mine.items()}


def _rows() -> list[Row]:
    lines = [line.split() for line in TABLE.strip().splitlines()]
    return [Row(at, path, dict(zip(ROLES, words, strict=True))) for at, path, *words in lines]


ROWS = _rows()
