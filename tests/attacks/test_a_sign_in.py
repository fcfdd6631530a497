"""Signing in: other sites, other people's contacts, old sessions, missing factors."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from accounts import sessions
from accounts.models import ApiToken, PasswordLink, SentCode, User
from accounts.people import actions as people
from accounts.tokens import make_token
from notifications import writing
from notifications.models import Message
from patients.models import Consent, ContactChange, Patient
from records import clock
from records.models import Event, IdempotentAnswer, WorkItem
from tests.cast import CAST, PASSWORD
from tests.conftest import Caller
from tests.signing import App, Browser, last_code, shift, totp_code, with_factor
from tests.test_manners import ANYONE, path_of, routes

STAFF_DOOR, PATIENT_DOOR = "work-items/", "me/"
EVE = "+18505550103"
REFUSED = ((403, "mfa_required"), (405, "method_not_allowed"))


# --- A29: another site has the browser ask --------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRFToken": ""},
        {"X-CSRFToken": "x" * 64},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"X-CSRFToken": "", "Content-Type": "text/plain"},
        {"Content-Type": "text/plain", "Origin": "null"},
    ],
)
def test_a29_a_cookie_alone_moves_nothing(now: object, headers: dict[str, str]) -> None:
    alice = Browser().sign_in("alice")
    wish = {"kind": "sms", "accepted": False}
    before = Consent.objects.count()
    assert alice.post("me/consents/", wish, **headers).status_code == 403
    assert alice.post("/accounts/logout/", {}, **headers).status_code == 403
    assert alice.auth("auth/session", method="GET").status_code == 200
    assert Consent.objects.count() == before
    assert alice.post("me/consents/", wish, Origin="http://testserver").status_code == 201


def test_a29_signing_in_by_a_browser_asks_for_the_token_too(now: object) -> None:
    browser = Browser()
    sent = {"email": CAST["sam"], "password": PASSWORD}
    refused = browser.client.post("/_allauth/browser/v1/auth/login", sent, "application/json")
    assert refused.status_code == 403


# --- A33: an address that somebody has ------------------------------------------------------------


@pytest.mark.parametrize("email", [CAST["sam"], CAST["chen"].upper()])
def test_a33_nobody_is_invited_over_an_account_that_is_there(admin: Caller, email: str) -> None:
    before = User.objects.values_list("pk", "password", "role").order_by("pk")
    kept = list(before)
    refused = admin.post("invitations/", {"role": "staff", "name": "E", "email": email})
    assert (refused.status_code, refused.json()["code"]) == (409, "contact_taken")
    assert list(before.all()) == kept
    assert not PasswordLink.objects.exists()


def test_a33_a_colleague_may_have_the_address_of_a_patient_and_gets_nothing_of_theirs(
    admin: Caller,
) -> None:
    wish = {"role": "staff", "name": "Al", "email": CAST["alice"]}
    assert admin.post("invitations/", wish).status_code == 201
    token = people.issue_link(PasswordLink.objects.get().pk)
    sent = {"token": token, "password": PASSWORD}
    assert Caller().post("invitations/accept/", sent).status_code == 200
    assert User.objects.get(email=CAST["alice"], role="patient").has_usable_password() is False
    assert App().by_code(email=CAST["alice"]).get("me/").json()["first_name"] == "Alice"


def test_a33_nobody_signs_up(now: object) -> None:
    for app in (App(), Browser()):
        sent = {"email": CAST["alice"], "password": PASSWORD}
        assert app.auth("auth/signup", sent).status_code == 404
        assert app.auth("auth/webauthn/signup", sent).status_code == 404


# --- A35: taking over a contact -------------------------------------------------------------------


def test_a35_another_s_number_is_not_taken_and_nobody_learns_whose_it_is(now: object) -> None:
    eve = App().by_code(phone=EVE)
    alice = App().sign_in("alice")
    Message.objects.all().delete()
    free = alice.post("me/phone/", {"phone": "+18505550177"})
    Message.objects.all().delete()
    theirs = alice.post("me/phone/", {"phone": EVE})
    assert (theirs.status_code, theirs.content) == (free.status_code, free.content) == (
        202, free.content,
    )  # fmt: skip
    assert not Message.objects.exists()
    assert WorkItem.objects.get(kind="contact_claimed").for_role == "staff"
    wrong = alice.post("me/phone/confirm/", {"code": "000000"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "wrong_code")
    assert User.objects.get(phone=EVE).email == CAST["eve"]
    assert eve.get("me/").json()["phone"] == EVE


@pytest.mark.parametrize(("kind", "new"), [("phone", EVE), ("email", "shared@example.org")])
def test_a35_even_with_the_right_code_a_proved_contact_stays(
    now: object, kind: str, new: str
) -> None:
    """Eve proves it after Alice has asked for a code to it."""
    alice, eve = App().sign_in("alice"), User.objects.get(email=CAST["eve"])
    User.objects.filter(pk=eve.pk).update(phone="")
    assert alice.post(f"me/{kind}/", {kind: new}).status_code == 202
    code = last_code()
    User.objects.filter(pk=eve.pk).update(**{kind: new, f"{kind}_verified_at": clock.now()})
    assert alice.post(f"me/{kind}/confirm/", {"code": code}).status_code == 400
    assert alice.get("me/").json()[kind] != new


def test_a35_a_new_number_is_proved_and_the_old_one_is_told(now: Any) -> None:
    alice, phone_at_home = App().sign_in("alice"), App().sign_in("alice")
    old = str(Patient.objects.get(email=CAST["alice"]).phone)
    assert alice.post("me/phone/", {"phone": "(850) 555-0177"}).status_code == 202
    message = Message.objects.get(kind="contact_code")
    assert (message.channel, message.to) == ("sms", "+18505550177")
    done = alice.post("me/phone/confirm/", {"code": message.secret})
    assert done.json()["phone"] == "+18505550177"
    user = User.objects.get(email=CAST["alice"])
    assert (str(user.phone), bool(user.phone_verified_at)) == ("+18505550177", True)
    assert alice.get("me/").status_code == 200
    assert phone_at_home.get("me/").status_code == 401
    writing.write_messages(now=now)
    told = Message.objects.get(kind="contact_changed")
    assert (told.channel, told.to) == ("sms", old)
    change = ContactChange.objects.get()
    assert (change.old, change.new) == (old, "+18505550177")
    assert old not in str(Event.objects.values_list("payload"))


def test_a35_a_number_that_wants_no_texts_proves_nothing(now: Any) -> None:
    """A code that went by mail in its place would prove a mailbox."""
    from notifications.models import OptOut

    OptOut.objects.create(phone="+18505550177", source="test", at=now)
    App().sign_in("alice").post("me/phone/", {"phone": "+18505550177"})
    assert not Message.objects.filter(kind="contact_code").exists()


def test_a35_a_colleague_s_address_is_nobody_s_to_take(now: object) -> None:
    alice = App().sign_in("alice")
    assert alice.post("me/email/", {"email": CAST["sam"].upper()}).status_code == 202
    assert not Message.objects.filter(kind="contact_code").exists()
    assert alice.post("me/email/", {"email": "new@example.org"}).status_code == 202
    assert alice.post("me/email/confirm/", {"code": last_code()}).json()["email"] == (
        "new@example.org"
    )


def test_a35_three_wrong_codes_end_a_code_whatever_key_they_come_with(now: object) -> None:
    """A refusal under an Idempotency-Key is rolled back: the count of tries must not be."""
    alice = App().sign_in("alice")
    alice.post("me/phone/", {"phone": "+18505550177"})
    code = last_code()
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for n in range(3):
        key = {"Idempotency-Key": f"k{n}"}
        assert alice.post("me/phone/confirm/", {"code": wrong}, **key).status_code == 400
    assert alice.post("me/phone/confirm/", {"code": code}).status_code == 400
    assert SentCode.objects.get(purpose="phone").tries_left == 0


def test_a35_codes_are_not_asked_for_without_end(now: object) -> None:
    alice = App().sign_in("alice")
    asked = [alice.post("me/phone/", {"phone": f"+1850555017{n}"}).status_code for n in range(6)]
    assert asked == [202] * 5 + [429]


# --- A39: where a code must not be ----------------------------------------------------------------


def test_a39_a_code_stands_in_no_answer_no_log_and_no_event(
    now: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    alice = App()
    asked = [alice.auth("auth/code/request", {"email": CAST["alice"]})]
    codes = [last_code()]
    asked.append(alice.auth("auth/code/confirm", {"code": codes[0]}))
    asked.append(alice.post("me/phone/", {"phone": "+18505550177"}, **{"Idempotency-Key": "a"}))
    codes.append(last_code())
    asked.append(alice.post("me/reauthenticate/", {}, **{"Idempotency-Key": "b"}))
    codes.append(last_code())
    kept = str(list(IdempotentAnswer.objects.values())) + str(list(SentCode.objects.values()))
    said = "".join(a.content.decode() + str(a.headers) for a in asked)
    logged = "".join(str(record.__dict__) for record in caplog.records)
    for code in codes:
        assert code not in kept + said + logged + str(list(Event.objects.values()))


def test_a39_secrets_of_factors_and_tokens_lie_nowhere_in_clear(now: object) -> None:
    sam = App().sign_in("sam")
    made = sam.post("me/tokens/", {"scope": "read"}, **{"Idempotency-Key": "t"})
    assert made.status_code == 201
    text = made.json()["token"]
    assert text not in str(
        list(ApiToken.objects.values()) + list(IdempotentAnswer.objects.values())
    )
    assert "JBSWY3DP" not in str(list(Authenticator.objects.values()))
    again = sam.post("me/tokens/", {"scope": "read"}, **{"Idempotency-Key": "t"})
    assert again.json()["token"] != text


# --- A44: sessions that must be over --------------------------------------------------------------


@pytest.mark.parametrize("kind", [App, Browser])
def test_a44_a_session_gets_another_key_when_somebody_signs_in(
    now: object, kind: type[App]
) -> None:
    alice = kind()
    alice.auth("auth/code/request", {"email": CAST["alice"]})
    planted = alice.token or alice.client.cookies["sessionid"].value
    alice.auth("auth/code/confirm", {"code": last_code()})
    assert alice.get("me/").status_code == 200
    thief = App()
    thief.token = planted
    assert thief.get("me/").status_code == 401
    thief.client.cookies["sessionid"] = planted
    thief.token = ""
    assert thief.get("me/").status_code == 401


@pytest.mark.parametrize("kind", [App, Browser])
def test_a44_who_signs_out_is_out(now: object, kind: type[App]) -> None:
    alice = kind().sign_in("alice")
    token = alice.token
    kept = alice.client.cookies["sessionid"].value if not token else ""
    assert alice.auth("auth/session", method="DELETE").status_code == 401
    alice.token = token
    if kept:
        alice.client.cookies["sessionid"] = kept
    assert alice.get("me/").status_code == 401


@pytest.mark.parametrize("kind", [App, Browser])
def test_a44_another_password_ends_the_other_sessions(now: object, kind: type[App]) -> None:
    here, there = kind().sign_in("sam"), App().sign_in("sam")
    new = {"current_password": PASSWORD, "new_password": "tangerine window lamp"}
    assert here.auth("account/password/change", new).status_code == 200
    assert here.get(STAFF_DOOR).status_code == 200
    assert there.get(STAFF_DOOR).status_code == 401


@pytest.mark.parametrize("verb", [("deactivate", {}), ("role", {"role": "administrator"})])
def test_a44_another_role_and_deactivation_end_all_sessions_and_tokens(
    admin: Caller, verb: tuple[str, dict[str, str]]
) -> None:
    sam, browser = App().sign_in("sam"), Browser().sign_in("sam")
    user = User.objects.get(email=CAST["sam"])
    token = {"Authorization": f"Bearer {make_token(user, 'write')}"}
    assert Caller().get(STAFF_DOOR, headers=token).status_code == 200
    assert admin.post(f"users/{user.pk}/{verb[0]}/", verb[1]).status_code == 200
    assert (sam.get(STAFF_DOOR).status_code, browser.get(STAFF_DOOR).status_code) == (401, 401)
    assert Caller().get(STAFF_DOOR, headers=token).status_code == 401


def test_a44_a_role_that_is_changed_past_our_doors_ends_them_as_well(now: object) -> None:
    sam = App().sign_in("sam")
    User.objects.filter(email=CAST["sam"]).update(role="physician")
    assert sam.get(STAFF_DOOR).status_code == 401


def test_a44_a_second_device_is_revoked(now: object) -> None:
    here, there, eve = App().sign_in("alice"), Browser().sign_in("alice"), App().sign_in("eve")
    rows = here.get("me/sessions/").json()["results"]
    assert [row["is_current"] for row in rows].count(True) == 1
    assert here.token not in str(rows)
    other = next(row["id"] for row in rows if not row["is_current"])
    assert eve.delete(f"me/sessions/{other}/").status_code == 404
    assert here.delete(f"me/sessions/{other}/").status_code == 204
    assert there.get("me/").status_code == 401
    assert len(here.get("me/sessions/").json()["results"]) == 1
    assert here.delete(f"me/sessions/{other}/").status_code == 404


def test_a44_factors_that_another_resets_end_all_sessions(admin: Caller) -> None:
    sam = App().sign_in("sam")
    user = User.objects.get(email=CAST["sam"])
    done = admin.post(f"users/{user.pk}/reset-factors/", {"reason": "lost her phone"})
    assert done.json()["has_second_factor"] is False
    assert sam.get(STAFF_DOOR).status_code == 401


def test_a44_another_factor_ends_the_other_sessions(now: object) -> None:
    here, there = App().sign_in("sam"), App().sign_in("sam")
    gone = here.auth("account/authenticators/totp", {}, method="DELETE")
    assert gone.status_code == 200
    assert there.get(STAFF_DOOR).status_code == 401
    assert here.get(STAFF_DOOR).status_code == 200


# --- A45: without a second factor -----------------------------------------------------------------


@pytest.mark.parametrize("kind", [App, Browser])
@pytest.mark.parametrize("name", ["sam", "chen", "admin"])
def test_a45_without_a_second_factor_no_door_opens(now: object, kind: type[App], name: str) -> None:
    """Every route of the API: the password alone is nobody, and is told what is missing."""
    half = kind()
    assert half.by_password(name).status_code == 200
    for route in (route for route in routes() if route not in ANYONE):
        for method in ("GET", "POST", "PATCH", "DELETE"):
            if (route, method) == ("plans/", "GET"):  # anybody may look
                continue
            answer = half.ask(method, path_of(route), None if method == "GET" else {})
            told = (answer.status_code, answer.json()["code"])
            if (route, method) == ("assessments/", "POST"):  # anybody may: as nobody
                assert told == (400, "invalid")
            else:
                assert told in ((403, "mfa_required"), (405, "method_not_allowed")), (route, told)
    assert half.get("service-area/?postal_code=32501").status_code == 200


def test_a45_nor_the_admin_nor_what_is_set_up_once(now: object) -> None:
    half = Browser()
    half.by_password("admin")
    for path in ("/admin/", "/admin/scheduling/plan/"):
        assert half.get(path).status_code == 302
    assert half.get("/admin/login/")["Location"] == "/accounts/2fa/"
    for door in ("account/password/change", "account/authenticators/recovery-codes"):
        refused = half.auth(door, {"new_password": "tangerine window lamp"})
        assert (refused.status_code, refused.json()["code"]) == (403, "mfa_required")


def test_a45_a_session_from_before_may_not_add_a_factor_beside_the_one_there_is(
    now: object,
) -> None:
    """Whoever has the password alone must not get in by a factor of their own."""
    half = App()
    half.by_password("sam")
    with_factor("sam")
    for door in ("totp", "webauthn"):
        refused = half.auth(f"account/authenticators/{door}", method="GET")
        assert (refused.status_code, refused.json()["code"]) == (403, "mfa_required")
    assert half.auth("auth/2fa/reauthenticate", {"code": totp_code()}).status_code == 200
    assert half.get(STAFF_DOOR).status_code == 200


def test_a45_a_factor_that_is_set_up_opens_the_doors(committed: str) -> None:
    sam = App()
    sam.by_password("sam")
    secret = sam.auth("account/authenticators/totp", method="GET").json()["meta"]["secret"]
    done = sam.auth("account/authenticators/totp", {"code": totp_code(secret)})
    assert done.status_code == 200
    assert sam.get(STAFF_DOOR).status_code == 200
    fresh = App()
    assert fresh.by_password("sam").status_code == 401
    assert fresh.get(STAFF_DOOR).status_code == 401
    wrong = fresh.auth("auth/2fa/authenticate", {"code": "000000"})
    assert wrong.status_code == 400
    assert fresh.auth("auth/2fa/authenticate", {"code": totp_code(secret)}).status_code == 200
    assert fresh.get(STAFF_DOOR).status_code == 200


def test_a45_a_code_of_an_authenticator_is_good_once(now: object) -> None:
    with_factor("sam")
    first, second = App(), App()
    first.by_password("sam")
    second.by_password("sam")
    code = totp_code()  # drawn last: both have it within its half minute
    assert first.auth("auth/2fa/authenticate", {"code": code}).status_code == 200
    assert second.auth("auth/2fa/authenticate", {"code": code}).status_code == 400


# --- A46: long after signing in -------------------------------------------------------------------


def test_a46_a_patient_shows_again_who_they_are(now: object) -> None:
    alice = App().sign_in("alice")
    shift(alice, shown=301)
    for path, sent in (
        ("me/phone/", {"phone": "+18505550177"}),
        ("me/email/", {"email": "n@example.org"}),
    ):
        refused = alice.post(path, sent)
        assert (refused.status_code, refused.json()["code"]) == (403, "reauthentication_required")
    passkey = alice.auth("account/authenticators/webauthn", method="GET")
    assert passkey.json()["code"] == "reauthentication_required"
    assert alice.post("me/reauthenticate/").status_code == 202
    assert alice.post("me/reauthenticate/confirm/", {"code": "1"}).status_code == 400
    assert alice.post("me/phone/", {"phone": "+18505550177"}).status_code == 403
    again = Message.objects.filter(kind="sign_in_code").latest("id")
    assert alice.post("me/reauthenticate/confirm/", {"code": again.secret}).status_code == 204
    assert alice.post("me/phone/", {"phone": "+18505550177"}).status_code == 202


def test_a46_a_colleague_does_by_the_second_factor(now: object) -> None:
    sam = App().sign_in("sam")
    shift(sam, shown=301)
    door = "account/authenticators/totp"
    assert sam.auth(door, {}, method="DELETE").json()["code"] == "reauthentication_required"
    assert sam.post("me/tokens/", {"scope": "read"}).status_code == 403
    csv = sam.ask("GET", "deliveries/", Accept="text/csv")
    assert (csv.status_code, csv.json()["code"]) == (403, "reauthentication_required")
    assert sam.auth("auth/reauthenticate", {"password": "wrong"}).status_code == 400
    assert sam.auth("auth/reauthenticate", {"password": PASSWORD}).status_code == 200
    assert sam.ask("GET", "deliveries/", Accept="text/csv").status_code == 200
    assert sam.post("me/tokens/", {"scope": "read"}).status_code == 403
    assert sam.auth("auth/2fa/reauthenticate", {"code": totp_code()}).status_code == 200
    assert sam.post("me/tokens/", {"scope": "read"}).status_code == 201


def test_a46_a_bearer_token_shows_nothing_and_makes_no_other(sam: Caller, alice: Caller) -> None:
    for who, path, sent in (
        (sam, "me/tokens/", {"scope": "write"}),
        (alice, "me/phone/", {"phone": "+18505550177"}),
    ):
        assert who.post(path, sent).json()["code"] == "reauthentication_required"


# --- A47: idle, and too long ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [App, Browser])
@pytest.mark.parametrize(
    ("name", "door", "idle"), [("sam", STAFF_DOOR, 15 * 60), ("alice", PATIENT_DOOR, 30 * 60)]
)
def test_a47_who_does_nothing_is_signed_out(
    now: object, kind: type[App], name: str, door: str, idle: int
) -> None:
    somebody = kind().sign_in(name)
    shift(somebody, used_at=idle - 5)
    assert somebody.get(door).status_code == 200
    shift(somebody, used_at=idle - 5)  # the look before was a use
    assert somebody.get(door).status_code == 200
    shift(somebody, used_at=idle + 1)
    assert somebody.get(door).status_code == 401
    assert somebody.auth("auth/session", method="GET").status_code in (401, 410)


@pytest.mark.parametrize("kind", [App, Browser])
def test_a47_nobody_is_signed_in_for_more_than_twelve_hours(now: object, kind: type[App]) -> None:
    sam = kind().sign_in("sam")
    shift(sam, began_at=12 * 3600 - 5)
    assert sam.get(STAFF_DOOR).status_code == 200
    shift(sam, began_at=10)
    assert sam.get(STAFF_DOOR).status_code == 401


def test_a47_the_clock_of_care_moves_no_session(at: Any) -> None:
    at("2026-11-24T15:00:00+00:00")
    sam = App().sign_in("sam")
    at("2027-11-24T15:00:00+00:00")
    assert sam.get(STAFF_DOOR).status_code == 200


def test_a47_a_request_is_no_write_but_once_a_minute(now: object) -> None:
    sam = App().sign_in("sam")
    with CaptureQueriesContext(connection) as seen:
        sam.get("me/sessions/")
    assert not [q for q in seen.captured_queries if "UPDATE" in q["sql"]]
    shift(sam, used_at=61)
    with CaptureQueriesContext(connection) as seen:
        sam.get("me/sessions/")
    assert len([q for q in seen.captured_queries if "UPDATE" in q["sql"]]) == 2


def test_a47_who_is_signed_out_in_the_admin_signs_in_by_our_page(now: object) -> None:
    admin = Browser().sign_in("admin")
    assert admin.get("/admin/").status_code == 200
    shift(admin, used_at=15 * 60 + 1)
    assert admin.get("/admin/").status_code == 302
    login = admin.client.get("/admin/", follow=True)
    assert login.request["PATH_INFO"] == "/accounts/login/"


def test_a47_what_is_over_is_forgotten_with_where_it_was(now: object) -> None:
    from allauth.usersessions.models import UserSession

    over, ended, open_one = App().sign_in("alice"), App().sign_in("eve"), App().sign_in("sam")
    ended.auth("auth/session", method="DELETE")
    Session.objects.filter(pk=over.token).update(expire_date=Now() - timedelta(seconds=1))
    sessions.forget()
    assert [row.session_key for row in UserSession.objects.all()] == [open_one.token]
    assert not Session.objects.filter(pk=over.token).exists()
    assert open_one.get(STAFF_DOOR).status_code == 200


# --- a token that only reads ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alice", "sam", "chen", "admin"])
def test_a_token_that_reads_writes_at_no_door(now: object, name: str) -> None:
    user = User.objects.get(email=CAST[name])
    token = {"Authorization": f"Bearer {make_token(user, 'read')}"}
    reader = Caller()
    for route in routes():
        path = path_of(route)
        for method in ("post", "patch", "delete"):
            answer = getattr(reader, method)(path, {}, **token)
            assert answer.status_code in (403, 405), (method, path, answer.status_code)
