"""Signing in: patients by a code, colleagues by password; nobody learns who is known."""

from datetime import timedelta
from typing import Any

import pytest
import requests
from django.db.models.functions import Now

from accounts.models import ApiToken, User
from accounts.tokens import digest, make_token
from notifications import sending
from notifications.models import Message
from notifications.sandbox.models import SandboxMessage
from patients.models import Patient
from records import clock
from tests.cast import CAST, PASSWORD
from tests.conftest import Caller, caller

ALICE = "+18505550101"
API = "/_allauth/app/v1/auth/"


def ask(web: str, **contact: str) -> requests.Response:
    return requests.post(web + API + "code/request", json=contact, timeout=10)


def code_for(to: str) -> str:
    """Sends what waits, and reads the code from the text or mail."""
    sending.send_due(clock=clock.now)
    body = SandboxMessage.objects.filter(to=to).latest("id").body
    return next(word for word in body.replace(".", " ").split() if word.isdigit())


def confirm(web: str, asked: requests.Response, code: str) -> requests.Response:
    header = {"X-Session-Token": asked.json()["meta"]["session_token"]}
    return requests.post(
        web + API + "code/confirm", json={"code": code}, headers=header, timeout=10
    )


def me(web: str, token: str) -> requests.Response:
    return requests.get(web + "/api/v1/me/", headers={"X-Session-Token": token}, timeout=10)


@pytest.mark.parametrize(
    "contact",
    [{"phone": ALICE}, {"phone": "(850) 555-0101"}, {"email": CAST["alice"]}],
)
def test_a_patient_signs_in_with_the_code_that_arrives(web: str, contact: dict[str, str]) -> None:
    asked = ask(web, **contact)
    assert asked.status_code == 401
    done = confirm(web, asked, code_for(CAST["alice"] if "email" in contact else ALICE))
    assert done.status_code == 200
    token = done.json()["meta"]["session_token"]
    assert me(web, token).json()["first_name"] == "Alice"
    gone = requests.delete(web + API + "session", headers={"X-Session-Token": token}, timeout=10)
    assert gone.status_code == 401
    assert me(web, token).status_code == 401


def test_a_contact_that_nobody_has_gets_the_same_answer_and_no_message(web: str) -> None:
    def shape(answer: requests.Response) -> Any:
        body = answer.json()
        body["meta"].pop("session_token")
        return answer.status_code, body

    for known, unknown in (
        ({"phone": ALICE}, {"phone": "+13525550999"}),
        ({"email": CAST["alice"]}, {"email": "nobody@example.org"}),
    ):
        assert shape(ask(web, **known)) == shape(ask(web, **unknown))
    sending.send_due(clock=clock.now)
    assert {row.to for row in SandboxMessage.objects.all()} == {ALICE, CAST["alice"]}


@pytest.mark.parametrize("name", ["chen", "sam", "admin"])
def test_colleagues_get_no_codes(web: str, name: str) -> None:
    assert ask(web, email=CAST[name]).status_code == 401
    assert ask(web, phone="+18505550111").status_code == 401
    assert not Message.objects.exists()


def test_three_wrong_codes_end_the_attempt(web: str) -> None:
    asked = ask(web, phone=ALICE)
    right = code_for(ALICE)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    codes = [confirm(web, asked, wrong).status_code for _ in range(3)]
    assert set(codes) <= {400, 409}
    assert confirm(web, asked, right).status_code != 200


def test_a_code_works_once_and_only_in_its_own_sign_in(web: str) -> None:
    first = ask(web, phone=ALICE)
    code = code_for(ALICE)
    other = ask(web, email=CAST["eve"])
    assert confirm(web, other, code).status_code == 400
    assert confirm(web, first, code).status_code == 200
    assert confirm(web, first, code).status_code != 200


def test_a_code_leaves_at_night_and_is_nowhere_kept_once_it_has_left(web: str) -> None:
    from datetime import datetime

    clock.move(datetime.fromisoformat("2026-11-25T08:00:00+00:00"))
    ask(web, phone=ALICE)
    assert len(Message.objects.get().secret) == 6
    code = code_for(ALICE)
    row = Message.objects.get()
    assert row.secret == ""
    assert code not in row.body + str(row.history)
    assert caller("alice").get("messages/").json()["results"] == []


def test_after_stop_the_code_comes_by_mail(web: str) -> None:
    reply = {"from": ALICE, "body": "STOP"}
    assert requests.post(web + "/sandbox/reply/", json=reply, timeout=5).status_code == 200
    asked = ask(web, phone=ALICE)
    done = confirm(web, asked, code_for(CAST["alice"]))
    assert done.status_code == 200
    codes = SandboxMessage.objects.filter(to=ALICE, body__contains="your code")
    assert not codes.exists()


def test_the_number_belongs_to_whoever_proved_it(web: str) -> None:
    """Eve types Alice's number into an assessment of her own: she gets no way in."""
    eve = Patient.objects.get(email=CAST["eve"])
    User.objects.filter(pk=eve.user_id).update(phone=ALICE)
    done = confirm(web, ask(web, phone=ALICE), code_for(ALICE))
    assert me(web, done.json()["meta"]["session_token"]).json()["first_name"] == "Alice"
    assert User.objects.get(email=CAST["alice"]).phone_verified_at


def test_a_mailed_code_opens_the_account_of_a_patient_and_never_of_a_colleague(web: str) -> None:
    """Sam and Bruno share an address; Sam was there first."""
    User.objects.filter(email=CAST["bruno"]).update(email=CAST["sam"].upper())
    done = confirm(web, ask(web, email=CAST["sam"]), code_for(CAST["sam"]))
    assert me(web, done.json()["meta"]["session_token"]).json()["first_name"] == "Bruno"
    User.objects.filter(email=CAST["sam"].upper()).update(is_active=False)
    ask(web, email=CAST["sam"])
    sending.send_due(clock=clock.now)
    assert SandboxMessage.objects.filter(to=CAST["sam"]).count() == 1


def test_the_number_of_somebody_deactivated_stays_theirs(web: str) -> None:
    confirm(web, ask(web, phone=ALICE), code_for(ALICE))
    eve = Patient.objects.get(email=CAST["eve"])
    User.objects.filter(pk=eve.user_id).update(phone=ALICE)
    User.objects.filter(email=CAST["alice"]).update(is_active=False)
    ask(web, phone=ALICE)
    sending.send_due(clock=clock.now)
    assert SandboxMessage.objects.filter(to=ALICE).count() == 1


def test_who_asks_again_and_again_is_told_to_wait(web: str) -> None:
    answers = [ask(web, phone=ALICE) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 7
    assert answers[-1].json()["code"] == "over_budget"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600
    assert Message.objects.count() == 5


@pytest.mark.parametrize(
    "contact",
    [
        {}, {"phone": ""}, {"phone": "12"}, {"phone": "+442071838750"},
        {"phone": "\x00"}, {"email": "x"}, {"email": None}, {"email": ["a@example.org"]},
        {"email": "a\x00@example.org"}, {"email": "\ud800@example.org"}, {"phone": "\ud800"},
        {"email": "a" * 300 + "@example.org"}, {"phone": "+1850555" + "0" * 500},
    ],
)  # fmt: skip
def test_a_contact_that_is_none_is_400_and_never_a_fault(web: str, contact: dict[str, Any]) -> None:
    answer = ask(web, **contact)
    assert answer.status_code in (400, 401), answer.text
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("method", "door"),
    [("post", "code/request"), ("post", "code/confirm"), ("post", "login"), ("delete", "session")],
)
def test_a_body_that_cannot_be_read_is_a_problem_at_every_door(
    web: str, method: str, door: str
) -> None:
    for body, status in (
        (b"[" * 100_000, 400),
        (b'{"email": ' + b"9" * 5000 + b"}", 400),
        (b'{"phone": ' + b"[" * 400 + b"]" * 400 + b"}", 400),
        (b'{"email": "\\ud800@example.org", "password": "\\ud800", "code": "\\ud800"}', 400),
        (b'{"email": "a@example.org", "password": "\\u0000", "code": "\\u0000"}', 400),
        (b"{", 400), (b"[]", 400), (b"\xff", 400), (b'"x"', 400),
        (b'{"email": "' + b"x" * 300_000 + b'"}', 413),
    ):  # fmt: skip
        told = requests.request(method, f"{web}{API}{door}", data=body, timeout=10)
        assert told.status_code == status, (body[:30], told.text[:200])
        assert told.headers["Content-Type"] == "application/problem+json"
        assert told.json()["code"] == {400: "malformed", 413: "too_large"}[status]


@pytest.mark.parametrize("name", ["chen", "sam", "admin"])
def test_colleagues_sign_in_with_a_password(web: str, name: str) -> None:
    right = {"email": CAST[name], "password": PASSWORD}
    done = requests.post(web + API + "login", json=right, timeout=10)
    assert done.status_code == 200
    wrong = requests.post(web + API + "login", json={**right, "password": "guess"}, timeout=10)
    assert wrong.status_code == 400


def test_a_patient_has_no_password_and_nobody_signs_up(web: str) -> None:
    for password in ("", "!", PASSWORD):
        sent = {"email": CAST["alice"], "password": password}
        assert requests.post(web + API + "login", json=sent, timeout=10).status_code == 400
    new = {"email": "new@example.org", "password": PASSWORD}
    assert requests.post(web + API + "signup", json=new, timeout=10).status_code == 404
    assert not User.objects.filter(email="new@example.org").exists()


def test_who_was_deactivated_is_out_at_once(web: str) -> None:
    done = confirm(web, ask(web, phone=ALICE), code_for(ALICE))
    token = done.json()["meta"]["session_token"]
    alice = caller("alice")
    User.objects.filter(email=CAST["alice"]).update(is_active=False)
    assert me(web, token).status_code == 401
    assert alice.get("me/").status_code == 401
    before = SandboxMessage.objects.count()
    ask(web, phone=ALICE)
    sending.send_due(clock=clock.now)
    assert SandboxMessage.objects.count() == before


def test_of_allauth_s_doors_only_those_of_signing_in_are_open(web: str) -> None:
    """By the others a patient could take over somebody's number, or set a password."""
    done = confirm(web, ask(web, phone=ALICE), code_for(ALICE))
    header = {"X-Session-Token": done.json()["meta"]["session_token"]}
    for path, body in (
        ("account/phone", {"phone": "+18505550187"}),
        ("account/email", {"email": "x@example.org"}),
        ("auth/password/request", {"email": CAST["chen"]}),
        ("auth/password/reset", {"key": "k", "password": PASSWORD}),
        ("auth/phone/verify", {"code": "123456"}),
        ("auth/email/verify", {"key": "k"}),
        ("auth/code/resend", {}),
        ("auth/provider/signup", {"email": "x@example.org"}),
        ("auth/webauthn/signup", {"email": "x@example.org"}),
        ("auth/2fa/trust", {"trust": True}),
        ("auth/sessions", {}),
        ("config", {}),
        ("auth/signup", {"email": "x@example.org", "password": PASSWORD}),
    ):
        for client in ("app", "browser"):
            url = f"{web}/_allauth/{client}/v1/{path}"
            for method in ("get", "post"):
                asked = requests.request(method, url, json=body, headers=header, timeout=10)
                assert asked.status_code == 404, (method, path)
    for path, body in (
        ("account/password/change", {"new_password": PASSWORD}),
        ("account/authenticators/totp", {"code": "123456"}),
        ("account/authenticators/recovery-codes", {}),
    ):  # of colleagues alone
        url = f"{web}/_allauth/app/v1/{path}"
        asked = requests.post(url, json=body, headers=header, timeout=10)
        assert (asked.status_code, asked.json()["code"]) == (403, "permission_denied")
    for page in ("signup", "password/reset", "email", "confirm-email", "password/set", "3rdparty"):
        assert requests.get(f"{web}/accounts/{page}/", timeout=10).status_code == 404, page
    told = requests.get(web + API + "session", headers=header, timeout=10)
    assert told.json()["meta"]["is_authenticated"] is True
    assert requests.delete(web + API + "session", headers=header, timeout=10).status_code == 401
    assert me(web, header["X-Session-Token"]).status_code == 401


# --- tokens ----------------------------------------------------------------------------------


def test_a_token_is_stored_hashed_and_expires(sam: Caller) -> None:
    assert sam.user
    text = make_token(sam.user, "write")
    header = {"Authorization": f"Bearer {text}"}
    row = ApiToken.objects.get(hash=digest(text))
    assert text not in str(ApiToken.objects.values_list())
    assert Caller().get("patients/", headers=header).status_code == 200
    ApiToken.objects.filter(pk=row.pk).update(expires_at=Now() - timedelta(seconds=1))
    assert Caller().get("patients/", headers=header).status_code == 401


def test_the_command_prints_a_token_of_a_known_user(sam: Caller, capsys: Any) -> None:
    from django.core.management import CommandError, call_command

    call_command("api_token", CAST["sam"], "--scope", "read")
    header = {"Authorization": f"Bearer {capsys.readouterr().out.strip()}"}
    assert Caller().get("patients/", headers=header).status_code == 200
    with pytest.raises(CommandError, match="0 active users"):
        call_command("api_token", "nobody@hearth.test")
