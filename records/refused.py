"""A rule said no: one exception, and the closed list of its codes."""

from typing import Any

# code → (HTTP status, title). The sentence for the reader comes with the refusal itself.
CODES: dict[str, tuple[int, str]] = {
    # What no rule says, but the door itself.
    "malformed": (400, "The request cannot be read"),
    "invalid": (400, "Some of what was sent cannot be used"),
    "not_authenticated": (401, "Please sign in"),
    "permission_denied": (403, "Not for this role"),
    "reauthentication_required": (403, "Please show once more that it is you"),
    "not_found": (404, "There is nothing here for you"),
    "method_not_allowed": (405, "Not a method of this address"),
    "not_acceptable": (406, "Not a format that is spoken here"),
    "too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "Not a format that is read here"),
    "throttled": (429, "Too many requests"),
    "database_away": (503, "Our records cannot be reached"),
    "no_worker": (503, "No worker is running"),
    # Rules.
    "built_on": (409, "Something was built on it already"),
    "blocked_location": (409, "Not licensed where the patient is"),
    "contact_required": (422, "A telephone number or an e-mail address is needed"),
    "gate_unmet": (409, "Something has to happen first"),
    "in_progress": (409, "The same request is still being answered"),
    "in_the_past": (422, "That time has passed"),
    "not_offered": (409, "This time is not offered"),
    "own_review": (409, "Somebody else has to look at this"),
    "over_budget": (429, "Too many of these for now"),
    "patient_busy": (409, "The patient has something else at that time"),
    "slot_taken": (409, "Somebody else has this time"),
    "stale": (412, "It has changed since you looked"),
    "too_early": (409, "It is too early for that"),
    "too_far_ahead": (422, "That is further ahead than can be booked"),
    "too_late": (409, "It is too late for that"),
    "under_age": (422, "This is a service for adults"),
    "window_full": (409, "This window is full"),
    "window_elsewhere": (422, "This window is not for the patient's address"),
    "signer_under_age": (422, "The one who takes it must be 21 or older"),
    "wrong_state": (409, "Not possible any more"),
    "idempotency_key_invalid": (400, "Idempotency-Key is malformed"),
    "idempotency_mismatch": (422, "The same Idempotency-Key came with another request"),
    "not_us_number": (422, "Not a telephone number in the United States"),
    "consent_required": (422, "A consent is missing"),
    # An address that cannot be used; patients/service_area.py says which.
    "out_of_area": (422, "Not in Florida or New Jersey"),
    "state_zip_mismatch": (422, "The ZIP code belongs to another state"),
    "unknown_state": (422, "No such state"),
    "unknown_zip": (422, "No such ZIP code"),
    "inactive_zip": (422, "This ZIP code is not in use any more"),
    "military": (422, "A military address"),
    "po_box": (422, "A post office box"),
    "pmb": (422, "A private mailbox"),
    "general_delivery": (422, "General delivery"),
    "county_mismatch": (422, "The county does not belong to the ZIP code"),
    "time_zone_mismatch": (422, "The time zone does not belong to the ZIP code"),
    "time_zone_required": (422, "The time zone must be chosen"),
}


class Refused(Exception):
    """A rule said no.

    ``code`` is one of `CODES`, ``detail`` a sentence for the person who reads it, ``facts`` what
    helps to do better (``next_slots``, ``unmet_gates``, ``retry_after`` seconds, ``pointer``).
    """

    def __init__(self, code: str, detail: str, **facts: Any) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.facts = facts

    def problem(self) -> dict[str, Any]:
        """The body of an RFC 9457 answer."""
        facts = dict(self.facts)
        if "pointer" in facts:
            at = facts.pop("pointer")
            facts["errors"] = [{"pointer": at, "code": self.code, "detail": self.detail}]
        return problem_body(self.code, self.detail, **facts)


def problem_body(code: str, detail: str, **facts: Any) -> dict[str, Any]:
    """An RFC 9457 body; ``type`` names the page of the code in the documentation."""
    status, title = CODES[code]
    return {
        "type": f"/problems/{code}/",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        **facts,
    }


def pointer(*keys: str) -> str:
    """A JSON pointer (RFC 6901); what UTF-8 cannot say is escaped, what is long is cut."""
    return "".join("/" + _token(key) for key in keys)


def _token(key: str) -> str:
    safe = key.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\u0000")
    return safe[:100].replace("~", "~0").replace("/", "~1")
