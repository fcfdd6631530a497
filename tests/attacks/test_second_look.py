"""What a second look at signing in, limits and looking found: each attack as a test."""

from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import Role, User
from accounts.people.actions import change_role
from patients.models import Patient
from records import clock
from records.actor import Actor
from records.limits import LIMITS
from records.models import AccessLog
from tests.cast import CAST, PASSWORD
from tests.conftest import Caller, handler
from tests.signing import App, Browser, last_code, shift, totp_code, with_factor
from tests.texting import book

ALICE = "+18505550101"


@pytest.mark.parametrize("address", ["2001:db8:1:2::7", "::ffff:192.0.2.4", "fe80::1%eth0", ""])
def test_whoever_has_another_kind_of_address_signs_in_and_looks(now: Any, address: str) -> None:
    """A network is no address to the columns that keep one, and a socket has none."""
    app = App()
    app.client = Client(REMOTE_ADDR=address)
    app.client.handler = handler()
    app.sign_in("sam")
    (session,) = app.get("me/sessions/").json()["results"]
    told = {"2001:db8:1:2::7": "2001:db8:1:2::7", "::ffff:192.0.2.4": "192.0.2.4"}.get(address)
    assert session["ip"] == (told or "::")
    assert app.get("patients/").status_code == 200
    assert AccessLog.objects.latest("id").address == told


@pytest.mark.parametrize("wish", ["text/csv; charset=utf-8", "text/csv;header=present"])
def test_a46_however_the_file_is_asked_for_it_is_one(now: Any, wish: str) -> None:
    app = App().sign_in("sam")
    assert app.ask("GET", "patients/", Accept=wish)["Content-Type"].startswith("text/csv")
    shift(app, shown=301)
    answer = app.ask("GET", "patients/", Accept=wish)
    assert (answer.status_code, answer.json()["code"]) == (403, "reauthentication_required")


def test_a46_a_file_through_broken_glass_is_one_too(now: Any) -> None:
    app, alice = App().sign_in("admin"), Patient.objects.get(email=CAST["alice"])
    broken = app.post(f"patients/{alice.pk}/break-glass/", {"reason": "nobody else is here"})
    assert broken.status_code == 201
    shift(app, shown=301)
    assert app.get("consultations/").status_code == 200
    answer = app.ask("GET", "consultations/", Accept="text/csv")
    assert (answer.status_code, answer.json()["code"]) == (403, "reauthentication_required")


def test_head_looks_as_much_as_get(sam: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its length and its links tell whether somebody was found."""
    monkeypatch.setitem(LIMITS, "search", (("user", 3, 3600),))
    seen = [sam.client.head("/api/v1/patients/?search=a").status_code for _ in range(4)]
    assert seen == [200] * 3 + [429]


def change_phone(sam: Caller) -> User:
    """Alice called: her telephone is lost, she has another number."""
    alice = Patient.objects.get(email=CAST["alice"])
    shown = {"document": "passport", "last4": "1234"}
    assert sam.post(f"patients/{alice.pk}/identity-checks/", shown).status_code == 201
    new = {"phone": "+13525550777", "reason": "lost"}
    assert sam.post(f"patients/{alice.pk}/contact/", new).status_code == 200
    return alice.user


def test_a44_a_code_that_went_to_the_lost_telephone_opens_nothing(sam: Caller) -> None:
    thief = App()
    thief.auth("auth/code/request", {"phone": ALICE})
    code = last_code()
    user = change_phone(sam)
    assert thief.auth("auth/code/confirm", {"code": code}).status_code == 400
    user.refresh_from_db()
    assert str(user.phone) == "+13525550777"


def test_a44_nor_does_it_on_the_page(sam: Caller) -> None:
    thief, at = Client(), "/accounts/login/code/"
    thief.post(at, {"phone": ALICE})
    code = last_code()
    user = change_phone(sam)
    assert thief.post(f"{at}confirm/", {"code": code}).status_code == 200
    assert thief.get("/accounts/sessions/").status_code == 302
    user.refresh_from_db()
    assert str(user.phone) == "+13525550777"


def test_a_kept_answer_is_for_the_role_that_it_was_given_to(
    alice: Caller, chen: Caller, admin: Caller
) -> None:
    book(alice)
    (meeting,) = chen.get("consultations/").json()["results"]
    path = f"consultations/{meeting['id']}/cancel/"
    assert "note" in chen.post(path, Idempotency_Key="k").json()
    user, by = User.objects.get(email=CAST["chen"]), User.objects.get(email=CAST["admin"])
    change_role(
        user=user,
        role=Role.STAFF,
        by=Actor(role=Role.ADMINISTRATOR, user_id=by.pk),
        now=clock.now(),
    )
    again = Caller(User.objects.get(pk=user.pk)).post(path, Idempotency_Key="k")
    assert "Idempotent-Replayed" not in again
    assert "note" not in again.json()


def test_the_admin_changes_no_password_past_our_rules(now: Any) -> None:
    browser = Browser().sign_in("admin")
    answer = browser.client.get("/admin/password_change/")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/password/change/")


def test_a_password_alone_shows_no_sessions(now: Any) -> None:
    half = Browser()
    half.by_password("sam")
    for method in (half.client.get, half.client.post):
        headers = {"X-CSRFToken": half.client.cookies["csrftoken"].value}
        answer = method("/accounts/sessions/", headers=headers)
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/2fa/")


def test_what_is_posted_before_they_show_again_who_they_are_is_kept_nowhere(now: Any) -> None:
    browser = Browser().sign_in("sam")
    shift(browser, shown=301)
    headers = {"X-CSRFToken": browser.client.cookies["csrftoken"].value}
    typed = {"oldpassword": PASSWORD, "password1": "kept-in-no-row", "password2": "kept-in-no-row"}
    answer = browser.client.post("/accounts/password/change/", typed, headers=headers)
    assert (
        answer["Location"]
        == "/accounts/2fa/reauthenticate/?next=%2Faccounts%2Fpassword%2Fchange%2F"
    )
    kept = Session.objects.get(pk=browser.client.cookies["sessionid"].value).get_decoded()
    assert "kept-in-no-row" not in str(kept)
    assert PASSWORD not in str(kept)


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!"}, {"epoch": 7}])
def test_a44_a_sign_in_that_has_begun_ends_with_the_account(
    now: Any, change: dict[str, Any]
) -> None:
    """By password, then somebody deactivates them or sets another one, then by the factor."""
    sam, app, page = with_factor("sam"), App(), Client()
    assert app.by_password("sam").status_code == 401
    page.post("/accounts/login/", {"login": CAST["sam"], "password": PASSWORD})
    User.objects.filter(pk=sam.pk).update(**change)
    answer = app.auth("auth/2fa/authenticate", {"code": totp_code()})
    assert (answer.status_code, answer.json()["meta"]["is_authenticated"]) == (401, False)
    answer = page.post("/accounts/2fa/authenticate/", {"code": totp_code()})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/")
    assert not UserSession.objects.filter(user=sam).exists()


@pytest.mark.parametrize("path", ["/api/v1/me/", "/_allauth/browser/v1/auth/session", "/admin/"])
@pytest.mark.parametrize("name", ["Cookie", "X-Session-Token"])
def test_a_nul_is_refused_before_the_database_sees_it(now: Any, name: str, path: str) -> None:
    sent = {"Cookie": 'sessionid="\\000abcdefghijk"', "X-Session-Token": "\0abcdefghijk"}[name]
    answer = Client().get(path, headers={name: sent})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_a25_the_link_of_a_colleague_is_guessed_no_more_often_than_others(
    outsider: Caller,
) -> None:
    wish = {"token": "x", "password": "a long pass phrase"}
    seen = [outsider.post("invitations/accept/", wish).status_code for _ in range(31)]
    assert seen == [404] * 30 + [429]
    assert outsider.client.get("/join/x").status_code == 429


def test_from_where_a_patient_signs_in_no_administrator_sees(now: Any, admin: Caller) -> None:
    alice = App().sign_in("alice")
    (row,) = alice.get("me/sessions/").json()["results"]
    path = f"users/{User.objects.get(email=CAST['alice']).pk}/sessions/"
    assert admin.get(path).status_code == 404
    assert admin.delete(f"{path}{row['id']}/").status_code == 404
    assert alice.get("me/").status_code == 200


@pytest.mark.parametrize("mail", ["al\u0131ce@hearth.test", "alice@hear\u017fh.test"])
def test_a33_an_address_that_only_looks_the_same_in_capitals_is_none(
    outsider: Caller, alice: Caller, mail: str
) -> None:
    """In most databases its capitals are those of Alice's: the code would leave to another."""
    assert App().auth("auth/code/request", {"email": mail}).status_code == 400
    assert Client().post("/accounts/login/code/", {"email": mail}).status_code == 200
    begun = {"date_of_birth": "1985-05-17", "postal_code": "32501", "email": mail}
    answer = outsider.post("assessments/drafts/", begun)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/email")


def test_a37_capitals_of_other_letters_are_no_more_guesses(outsider: Caller) -> None:
    mails = ("admin@hearth.test", "adm\u0131n@hearth.test", "ADM\u0130N@hearth.test")
    wrong = [App().auth("auth/login", {"email": mails[n % 2], "password": "x"}) for n in range(6)]
    assert [answer.status_code for answer in wrong] == [400] * 5 + [429]
