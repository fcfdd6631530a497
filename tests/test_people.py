"""Who works here: invited by a link, helped by a second person, out at once; callers' contacts."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiToken, PasswordLink, User
from notifications import sending, writing
from notifications.models import Message
from notifications.sandbox.models import SandboxMessage
from patients.models import ContactChange, Patient
from records import clock
from records.models import Correction, Event, WorkItem
from scheduling.models import Physician
from tests.cast import CAST, PASSWORD
from tests.conftest import Caller, caller, owner
from tests.signing import App, Browser, last_code, with_factor
from tests.started import wait_for

NEW = {"role": "staff", "name": "Nia New", "email": "nia@hearth.test"}
GOOD = "tangerine window lamp"


def pk_of(name: str) -> str:
    return str(User.objects.get(email=CAST[name]).pk)


def token_in_the_mail(to: str) -> str:
    """Everything that waits leaves; the token of the last mail."""
    writing.write_messages(now=clock.now())
    sending.send_due(clock=clock.now)
    body = SandboxMessage.objects.filter(to=to).latest("id").body
    return body.split("/join/")[1].split()[0]


# --- joining -------------------------------------------------------------------------------------


def test_somebody_joins_by_the_link_of_a_mail_and_sets_up_a_factor(web: str) -> None:
    admin = caller("admin")
    made = admin.post("invitations/", NEW)
    assert (made.status_code, made.json()["email"]) == (201, NEW["email"])
    assert [row["name"] for row in admin.get("invitations/").json()["results"]] == ["Nia New"]
    token = token_in_the_mail(NEW["email"])
    message = Message.objects.get(kind="invitation")
    assert token not in message.body + message.secret + str(list(PasswordLink.objects.values()))
    assert Client().get(f"/join/{token}").status_code == 200
    assert not User.objects.get(email=NEW["email"]).is_active  # looking has changed nothing
    weak = Caller().post("invitations/accept/", {"token": token, "password": "password1234"})
    assert (weak.status_code, weak.json()["errors"][0]["pointer"]) == (400, "/password")
    sent = {"token": token, "password": GOOD}
    assert Caller().post("invitations/accept/", sent).status_code == 200
    assert Caller().post("invitations/accept/", sent).status_code == 404
    assert Client().get(f"/join/{token}").status_code == 404
    nia = App()
    done = nia.auth("auth/login", {"email": NEW["email"], "password": GOOD})
    assert done.status_code == 200
    assert nia.get("work-items/").json()["code"] == "mfa_required"
    assert admin.get("invitations/").json()["results"] == []
    kinds = Event.objects.filter(kind__startswith="user.").values_list("kind", flat=True)
    assert set(kinds) == {"user.invited", "user.joined"}


def test_the_page_of_the_link_sets_the_password_too(web: str) -> None:
    caller("admin").post("invitations/", NEW)
    token = token_in_the_mail(NEW["email"])
    page = Client(enforce_csrf_checks=True)
    shown = page.get(f"/join/{token}")
    assert shown["Referrer-Policy"] == "same-origin"
    assert page.post(f"/join/{token}", {"password": GOOD}).status_code == 403
    csrf = {"csrfmiddlewaretoken": page.cookies["csrftoken"].value}
    weak = page.post(f"/join/{token}", {**csrf, "password": "short"})
    assert (weak.status_code, b"too short" in weak.content) == (400, True)
    done = page.post(f"/join/{token}", {**csrf, "password": GOOD})
    assert b"Your password is set" in done.content
    assert User.objects.get(email=NEW["email"]).check_password(GOOD)


def test_a_link_ends_by_real_time_by_withdrawal_and_by_another_invitation(admin: Caller) -> None:
    from accounts.people.actions import issue_link

    def opens(token: str) -> bool:
        return Client().get(f"/join/{token}").status_code == 200

    first = admin.post("invitations/", NEW).json()["id"]
    token = issue_link(first)
    clock.move(clock.now() + timedelta(days=30))
    assert opens(token)
    second = admin.post("invitations/", {**NEW, "role": "administrator"}).json()["id"]
    assert not opens(token)
    token = issue_link(second)
    assert opens(token)
    PasswordLink.objects.filter(pk=second).update(expires_at=Now() - timedelta(seconds=1))
    assert not opens(token)
    third = issue_link(admin.post("invitations/", NEW).json()["id"])
    (row,) = admin.get("invitations/").json()["results"]
    assert admin.delete(f"invitations/{row['id']}/").status_code == 204
    assert admin.delete(f"invitations/{row['id']}/").status_code == 404
    assert not opens(third)
    assert User.objects.get(email=NEW["email"]).role == "staff"


def test_no_mail_leaves_for_a_link_that_was_withdrawn(web: str) -> None:
    admin = caller("admin")
    link = admin.post("invitations/", NEW).json()["id"]
    writing.write_messages(now=clock.now())
    admin.delete(f"invitations/{link}/")
    sending.send_due(clock=clock.now)
    assert Message.objects.get(kind="invitation").status == "cancelled"
    assert not SandboxMessage.objects.exists()


def test_a_physician_who_joins_has_a_calendar(admin: Caller) -> None:
    from accounts.people.actions import issue_link

    wish = {**NEW, "role": "physician", "name": "Dr. New", "phone": "+18505550112"}
    token = issue_link(admin.post("invitations/", wish).json()["id"])
    assert Physician.objects.count() == 1
    Caller().post("invitations/accept/", {"token": token, "password": GOOD})
    new = Physician.objects.get(name="Dr. New")
    assert (new.is_active, new.user.email) == (True, NEW["email"])
    hours = {"weekday": 0, "opens": "09:00", "closes": "12:00"}
    assert Caller(new.user).post(f"physicians/{new.pk}/working-hours/", hours).status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "patient"}, {"email": "x"}, {"email": ""}, {"name": ""}, {"phone": "12"},
        {"phone": "+442071838750"}, {"phone": "\x00"}, {"phone": 1}, {"is_superuser": True},
        {"phone": "+18765550123"}, {"phone": "+18005550199"},
    ],
)  # fmt: skip
def test_an_invitation_that_says_nonsense_is_400(admin: Caller, wrong: dict[str, Any]) -> None:
    assert admin.post("invitations/", {**NEW, **wrong}).status_code == 400
    assert not PasswordLink.objects.exists()


@pytest.mark.parametrize("name", ["alice", "sam", "chen"])
def test_only_administrators_see_and_change_who_works_here(now: object, name: str) -> None:
    who, sam = caller(name), pk_of("sam")
    for path in ("users/", "invitations/", f"users/{sam}/sessions/", f"users/{sam}/tokens/"):
        assert who.get(path).status_code == 403
    assert who.post("invitations/", NEW).status_code == 403
    for verb in ("deactivate", "reactivate", "role", "reset-factors", "password-link"):
        assert who.post(f"users/{sam}/{verb}/", {}).status_code == 403


def test_an_administrator_sees_who_works_here_and_no_patient(admin: Caller) -> None:
    App().sign_in("sam")
    rows = {row["email"]: row for row in admin.get("users/").json()["results"]}
    assert set(rows) == {CAST["admin"], CAST["chen"], CAST["sam"]}
    sam = rows[CAST["sam"]]
    assert (sam["role"], sam["is_active"], sam["has_second_factor"]) == ("staff", True, True)
    assert sam["last_seen"]
    assert (rows[CAST["chen"]]["has_second_factor"], rows[CAST["chen"]]["last_seen"]) == (
        False, None,
    )  # fmt: skip
    assert admin.post(f"users/{pk_of('alice')}/deactivate/").status_code == 404


@pytest.mark.parametrize("path", ["users/", "invitations/", "me/tokens/", "me/sessions/"])
def test_a_list_of_people_asks_no_more_for_three_than_for_one(admin: Caller, path: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert admin.get(path).status_code == 200
        return len(seen)

    App().sign_in("admin")
    admin.post("invitations/", NEW)
    one = queries()
    for n in range(2):
        App().sign_in("admin")
        admin.post("invitations/", {**NEW, "email": f"n{n}@hearth.test"})
        Caller(admin.user)
    assert queries() == one


# --- what a second person does --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "sent"),
    [
        ("deactivate", {}), ("role", {"role": "staff"}), ("reset-factors", {"reason": "r"}),
        ("password-link", {}),
    ],
)  # fmt: skip
def test_nobody_does_it_for_themselves(admin: Caller, verb: str, sent: dict[str, str]) -> None:
    refused = admin.post(f"users/{pk_of('admin')}/{verb}/", sent)
    assert (refused.status_code, refused.json()["code"]) == (409, "second_person")


@pytest.mark.parametrize("third", [False, True])
def test_of_two_administrators_who_remove_each_other_one_stays(committed: str, third: bool) -> None:
    """Each alone is right; both at once would leave nobody. They wait until both have begun.

    Nor does somebody who was removed just now remove the other, where a third one is there.
    """
    one = caller("admin")
    if third:
        User.objects.create_user(role="administrator", name="C", email="c@hearth.test")
    other = Caller(User.objects.create_user(role="administrator", name="B", email="b@hearth.test"))
    answers: list[int] = []

    def remove(by: Caller, whom: Any) -> None:
        answers.append(by.post(f"users/{whom.pk}/deactivate/").status_code)
        connection.close()

    pairs = ((one, other.user), (other, one.user))
    threads = [threading.Thread(target=remove, args=pair) for pair in pairs]
    with owner(committed) as its:
        with its.transaction():
            its.execute("SELECT FROM accounts_user WHERE role = 'administrator' FOR UPDATE")
            for thread in threads:
                thread.start()
            wait_for(lambda: _waiting(committed) == 2, "two who wait")
        for thread in threads:
            thread.join()
    assert sorted(answers) == [200, 409]
    assert User.objects.filter(role="administrator", is_active=True).count() == 1 + third


def _waiting(database: str) -> int:
    """How many wait for a lock."""
    with owner(database) as its:
        ((count,),) = its.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'",
            [database],
        ).fetchall()
    return int(count)


def test_a_physician_who_leaves_is_offered_no_more_and_comes_back(admin: Caller) -> None:
    chen, alice = pk_of("chen"), caller("alice")
    from tests.test_manners import wish

    assert alice.post("consultations/", wish()).status_code == 201
    assert admin.post(f"users/{chen}/deactivate/").json()["is_active"] is False
    assert alice.get("physicians/").json()["results"] == []
    assert WorkItem.objects.get(kind="physician_left").for_role == "staff"
    assert admin.post(f"users/{chen}/deactivate/").status_code == 409
    assert admin.post(f"users/{chen}/reactivate/").json()["is_active"] is True
    assert len(alice.get("physicians/").json()["results"]) == 1


def test_whoever_becomes_a_physician_has_a_calendar_and_no_right_of_before(admin: Caller) -> None:
    sam = pk_of("sam")
    assert admin.post(f"users/{sam}/role/", {"role": "administrator"}).status_code == 200
    assert User.objects.get(pk=sam).is_superuser
    assert admin.post(f"users/{sam}/role/", {"role": "physician"}).status_code == 200
    assert not User.objects.get(pk=sam).is_superuser
    assert Physician.objects.filter(user_id=sam, is_active=True).exists()
    assert admin.post(f"users/{sam}/role/", {"role": "physician"}).status_code == 409
    assert admin.post(f"users/{sam}/role/", {"role": "patient"}).status_code == 400
    event = Event.objects.filter(kind="user.role_changed").latest("id")
    assert event.payload == {"old": "administrator", "new": "physician"}


def test_a_lost_factor_is_reset_by_another_and_the_person_is_told(web: str) -> None:
    admin, sam = caller("admin"), with_factor("sam")
    done = admin.post(f"users/{sam.pk}/reset-factors/", {"reason": "Her phone fell into the bay."})
    assert done.json()["has_second_factor"] is False
    assert Correction.objects.get().reason == "Her phone fell into the bay."
    assert "bay" not in str(list(Event.objects.values()))
    writing.write_messages(now=clock.now())
    sending.send_due(clock=clock.now)
    assert "second factor" in SandboxMessage.objects.get(to=CAST["sam"]).body
    half = App()
    assert half.by_password("sam").status_code == 200
    assert half.get("work-items/").json()["code"] == "mfa_required"


def test_the_only_administrator_gets_in_again_by_the_command(now: object) -> None:
    admin = App().sign_in("admin")
    call_command("reset_factors", CAST["admin"])
    assert not Authenticator.objects.exists()
    assert admin.get("users/").status_code == 401
    with pytest.raises(CommandError, match="No colleague"):
        call_command("reset_factors", CAST["alice"])


def test_a_forgotten_password_is_set_by_a_link_which_is_no_second_factor(web: str) -> None:
    admin, sam = caller("admin"), with_factor("sam")
    assert admin.post(f"users/{sam.pk}/password-link/").status_code == 200
    sent = {"token": token_in_the_mail(CAST["sam"]), "password": GOOD}
    assert Caller().post("invitations/accept/", sent).status_code == 200
    half = App()
    done = half.auth("auth/login", {"email": CAST["sam"], "password": GOOD})
    assert done.status_code == 401
    assert half.get("work-items/").status_code == 401


def test_a_link_for_a_password_ends_with_the_account(admin: Caller) -> None:
    from accounts.people.actions import issue_link

    sam = pk_of("sam")
    admin.post(f"users/{sam}/password-link/")
    token = issue_link(PasswordLink.objects.get().pk)
    admin.post(f"users/{sam}/deactivate/")
    sent = {"token": token, "password": GOOD}
    assert Caller().post("invitations/accept/", sent).status_code == 404
    assert not User.objects.get(pk=sam).is_active


def test_an_administrator_ends_anybody_s_sessions_and_tokens(admin: Caller) -> None:
    sam, pk = App().sign_in("sam"), pk_of("sam")
    made = sam.post("me/tokens/", {"scope": "read", "name": "nightly"}).json()
    token = {"Authorization": f"Bearer {made['token']}"}
    assert Caller().get("work-items/", headers=token).status_code == 200
    (row,) = admin.get(f"users/{pk}/tokens/").json()["results"]
    assert (row["name"], row["scope"], "token" in row) == ("nightly", "read", False)
    assert admin.post(f"users/{pk}/tokens/", {"scope": "write"}).status_code == 405
    assert admin.delete(f"users/{pk}/tokens/{row['id']}/").status_code == 204
    assert Caller().get("work-items/", headers=token).status_code == 401
    (row,) = admin.get(f"users/{pk}/sessions/").json()["results"]
    assert admin.delete(f"users/{pk}/sessions/{row['id']}/").status_code == 204
    assert sam.get("work-items/").status_code == 401


def test_a_colleague_revokes_their_own_token_and_no_other_s(now: object) -> None:
    sam, chen = App().sign_in("sam"), App().sign_in("chen")
    pk = sam.post("me/tokens/", {"scope": "write"}).json()["id"]
    assert chen.delete(f"me/tokens/{pk}/").status_code == 404
    assert sam.delete(f"me/tokens/{pk}/").status_code == 204
    assert not ApiToken.objects.filter(pk=pk).exists()
    assert App().sign_in("alice").post("me/tokens/", {"scope": "read"}).status_code == 403


# --- contacts of a caller -------------------------------------------------------------------------


def test_staff_change_a_caller_s_number_after_a_look_at_a_photo_id(now: Any, sam: Caller) -> None:
    alice, patient = App().sign_in("alice"), Patient.objects.get(email=CAST["alice"])
    path = f"patients/{patient.pk}/contact/"
    wish = {"phone": "850-555-0188", "reason": "new number"}
    refused = sam.post(path, wish)
    assert (refused.status_code, refused.json()["code"]) == (409, "gate_unmet")
    assert refused.json()["unmet_gates"][0]["code"] == "not_just_identified"
    seen = {"document": "passport", "last4": "1234"}
    sam.post(f"patients/{patient.pk}/identity-checks/", seen)
    clock.move(now + timedelta(hours=25))
    assert sam.post(path, wish).status_code == 409
    clock.move(now + timedelta(hours=23))
    assert sam.post(path, wish).json()["phone"] == "+18505550188"
    assert alice.get("me/").status_code == 401
    change = ContactChange.objects.get()
    assert (change.reason, change.changed_by) == ("new number", sam.user)
    writing.write_messages(now=clock.now())
    told = Message.objects.get(kind="contact_changed")
    assert told.to == "+18505550101"
    assert User.objects.get(email=CAST["alice"]).phone_verified_at is None
    assert not Event.objects.filter(kind="user.factors_reset").exists()  # there was none
    assert App().by_code(phone="+18505550188").get("me/").status_code == 200


def test_whose_telephone_was_stolen_is_signed_out_everywhere_and_its_passkeys_open_nothing(
    now: Any, sam: Caller
) -> None:
    """They keep the number, on another telephone."""
    alice, patient = App().sign_in("alice"), Patient.objects.get(email=CAST["alice"])
    Authenticator.objects.create(user=patient.user, type="webauthn", data={})
    seen = {"document": "passport", "last4": "1234"}
    sam.post(f"patients/{patient.pk}/identity-checks/", seen)
    same = {"phone": "+18505550101", "reason": "the telephone was stolen"}
    assert sam.post(f"patients/{patient.pk}/contact/", same).status_code == 200
    assert alice.get("me/").status_code == 401
    assert not Authenticator.objects.filter(user=patient.user).exists()
    assert App().by_code(phone="+18505550101").get("me/").status_code == 200


def test_staff_do_not_give_a_caller_what_somebody_else_has_proved(now: Any, sam: Caller) -> None:
    App().by_code(phone="+18505550103")
    patient = Patient.objects.get(email=CAST["alice"])
    seen = {"document": "passport", "last4": "1234"}
    sam.post(f"patients/{patient.pk}/identity-checks/", seen)
    sent = {"phone": "+18505550103", "reason": "r"}
    refused = sam.post(f"patients/{patient.pk}/contact/", sent)
    assert (refused.status_code, refused.json()["code"]) == (409, "contact_taken")
    assert sam.post(f"patients/{patient.pk}/contact/", {"reason": "r"}).status_code == 400


def test_texts_to_a_new_number_need_a_new_yes(now: Any) -> None:
    from notifications.reach import way_to

    alice, patient = App().sign_in("alice"), Patient.objects.get(email=CAST["alice"])
    assert way_to(patient) == ("sms", "+18505550101")
    alice.post("me/phone/", {"phone": "+18505550177"})
    alice.post("me/phone/confirm/", {"code": last_code()})
    patient.refresh_from_db()
    assert way_to(patient) == ("mail", CAST["alice"])
    alice.post("me/consents/", {"kind": "sms", "accepted": True})
    assert way_to(patient) == ("sms", "+18505550177")


def test_the_code_reaches_the_new_number_and_the_news_the_old_one(web: str) -> None:
    """What waits to be texted is pointed to where somebody is reached now: but not these two."""
    alice = App().sign_in("alice")
    alice.post("me/phone/", {"phone": "+18505550177"})
    code = last_code()
    sending.send_due(clock=clock.now)
    assert code in SandboxMessage.objects.get(to="+18505550177").body
    assert alice.post("me/phone/confirm/", {"code": code}).status_code == 200
    writing.write_messages(now=clock.now())
    sending.send_due(clock=clock.now)
    (told,) = SandboxMessage.objects.filter(body__contains="was changed")
    assert told.to == "+18505550101"
    assert "+1850555017" not in told.body


# --- pages ---------------------------------------------------------------------------------------


def test_a_colleague_without_a_factor_is_led_to_set_one_up(now: object) -> None:
    browser = Client()
    sent = {"login": CAST["sam"], "password": PASSWORD}
    done = browser.post("/accounts/login/", sent, follow=True)
    assert done.redirect_chain[-1][0] == "/accounts/2fa/"
    page = browser.get("/accounts/2fa/totp/activate/")
    assert (page.status_code, b"data:image/svg" in page.content) == (200, True)
    assert browser.get("/accounts/password/change/")["Location"] == "/accounts/2fa/"


def test_the_pages_of_signing_in_open_and_hold_no_script_or_style_of_their_own(
    now: object,
) -> None:
    sam, alice = Browser().sign_in("sam").client, Browser().sign_in("alice").client
    pages = [
        (Client(), "login/"), (Client(), "login/code/"), (sam, "2fa/"), (sam, "sessions/"),
        (sam, "logout/"), (sam, "2fa/totp/deactivate/"), (sam, "2fa/recovery-codes/generate/"),
        (sam, "2fa/webauthn/"), (sam, "2fa/webauthn/add/"), (sam, "2fa/reauthenticate/"),
        (sam, "password/change/"), (alice, "2fa/"), (alice, "sessions/"), (alice, "2fa/webauthn/"),
        (alice, "reauthenticate/code/"),
    ]  # fmt: skip
    for client, path in pages:
        page = client.get(f"/accounts/{path}")
        assert page.status_code == 200, path
        text = page.content.decode()
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick=" not in text
        for script in text.split("<script")[1:]:
            assert "src=" in script.split(">")[0] or "application/json" in script.split(">")[0]
    for path in ("2fa/totp/activate/", "2fa/recovery-codes/", "password/change/"):
        assert alice.get(f"/accounts/{path}").status_code == 403


def test_a_patient_signs_in_by_a_code_on_the_pages_and_stays_on_our_host(now: object) -> None:
    browser = Client()
    away = "?next=https://evil.example/"
    asked = browser.post(f"/accounts/login/code/{away}", {"email": CAST["alice"]})
    assert asked["Location"].startswith("/accounts/login/code/confirm/")
    done = browser.post(asked["Location"], {"code": last_code()})
    assert (done.status_code, done["Location"]) == (302, "/home/")
    assert b"Where you are signed in" in browser.get("/accounts/sessions/").content


def test_a_colleague_gets_no_code_on_the_pages(now: object) -> None:
    Client().post("/accounts/login/code/", {"email": CAST["sam"]})
    assert not Message.objects.exists()


def test_a_patient_shows_again_on_a_page_who_they_are(now: object) -> None:
    from tests.signing import shift

    alice = Browser().sign_in("alice")
    shift(alice, shown=301)
    page = alice.client.get("/accounts/2fa/webauthn/")
    assert page["Location"].startswith("/accounts/reauthenticate/code/?next=")
    alice.client.handler.enforce_csrf_checks = False
    assert alice.client.post(page["Location"], {}).status_code == 200
    wrong = alice.client.post(page["Location"], {"code": "1"})
    assert wrong.status_code == 400
    done = alice.client.post(page["Location"], {"code": last_code()})
    assert done["Location"] == "/accounts/2fa/webauthn/"
    assert alice.client.get("/accounts/2fa/webauthn/").status_code == 200
