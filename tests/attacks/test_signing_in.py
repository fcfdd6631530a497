"""Codes and passwords: what guessing, pumping and asking whom we know come to."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from notifications import sending
from notifications.models import Message
from notifications.sandbox.models import SandboxMessage
from records import clock
from records.limits import LIMITS
from records.models import Count, WorkItem
from records.tasks import watch_limits
from tests.cast import CAST, PASSWORD
from tests.conftest import Caller, handler
from tests.signing import App, totp_code, with_factor

API = "/_allauth/app/v1/auth/"
ALICE = "+18505550101"


def post(door: str, body: dict[str, Any], *, of: str = "192.0.2.1", **headers: str) -> Any:
    client = Client(REMOTE_ADDR=of)
    client.handler = handler()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(API + door, body, content_type="application/json", headers=named)


def most(what: str, by: str) -> int:
    """The first limit of a kind in the table."""
    return next(n for name, n, _ in LIMITS[what] if name == by)


# --- whom we know ------------------------------------------------------------------------------


def work_of(door: str, body: dict[str, str]) -> tuple[list[str], Any]:
    """Of an answer the kinds of statements that it took, and the answer."""
    with CaptureQueriesContext(connection) as asked:
        answer = post(door, body)
    kinds = [re.sub(r"\s+", " ", query["sql"])[:60] for query in asked.captured_queries]
    bare = sorted(re.sub(r"\d|'[^']*", "", kind) for kind in kinds)
    # Undoing what was written for nobody is a statement more, and writes nothing.
    return [kind for kind in bare if not kind.startswith("ROLLBACK TO")], answer


@pytest.mark.parametrize(
    ("door", "known", "unknown"),
    [
        ("code/request", {"phone": ALICE}, {"phone": "+13525550999"}),
        ("code/request", {"email": CAST["alice"]}, {"email": "nobody@example.org"}),
        ("code/request", {"email": CAST["alice"]}, {"email": CAST["chen"]}),
        ("login", {"email": CAST["sam"], "password": "wrong"},
         {"email": "nobody@example.org", "password": "wrong"}),
        ("login", {"email": CAST["alice"], "password": "wrong"},
         {"email": "nobody@example.org", "password": "wrong"}),
    ],
)  # fmt: skip
def test_a34_whether_somebody_is_known_changes_neither_answer_nor_work(
    outsider: Caller, door: str, known: dict[str, str], unknown: dict[str, str]
) -> None:
    (work, answer), (idle, other) = work_of(door, known), work_of(door, unknown)
    assert work == idle
    assert any("records_count" in kind for kind in work)

    def shape(told: Any) -> Any:
        body = told.json()
        body.get("meta", {}).pop("session_token", None)
        return told.status_code, body, sorted(told.headers)

    assert shape(answer) == shape(other)


# --- guessing ----------------------------------------------------------------------------------


def asked_for(phone: str = ALICE) -> tuple[str, str]:
    """A session that has asked for a code, and the code."""
    token = post("code/request", {"phone": phone}).json()["meta"]["session_token"]
    return token, Message.objects.filter(kind="sign_in_code").latest("id").secret


def others(code: str) -> list[str]:
    return [f"{(int(code) + 1 + n) % 1_000_000:06d}" for n in range(10)]


def test_a36_after_three_wrong_codes_the_right_one_is_too_late(outsider: Caller) -> None:
    token, code = asked_for()
    wrong = [post("code/confirm", {"code": guess}, X_Session_Token=token) for guess in others(code)]
    assert [answer.status_code for answer in wrong] == [400] * 3 + [409] * 7
    assert post("code/confirm", {"code": code}, X_Session_Token=token).status_code == 409
    token, code = asked_for()
    assert post("code/confirm", {"code": code}, X_Session_Token=token).status_code == 200


def test_a37_of_a_hundred_tries_at_once_three_are_looked_at(
    web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a hundred addresses, and the session is put back as it was before each of them."""
    monkeypatch.setattr(settings, "TRUSTED_PROXY_COUNT", 1)
    told = requests.post(web + API + "code/request", json={"phone": ALICE}, timeout=10).json()
    code = Message.objects.get(kind="sign_in_code").secret

    def guess(number: int) -> int:
        headers = {
            "X-Session-Token": told["meta"]["session_token"],
            "X-Forwarded-For": f"203.0.113.{number}",
        }
        body = {"code": others(code)[number % 10]}
        url = web + API + "code/confirm"
        return requests.post(url, json=body, headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(guess, range(100)))
    assert set(seen) <= {400, 409, 429}
    assert 1 <= seen.count(400) <= 3
    right = {"X-Session-Token": told["meta"]["session_token"]}
    last = requests.post(web + API + "code/confirm", json={"code": code}, headers=right, timeout=10)
    assert last.status_code in (409, 429)


def test_a37_more_sign_ins_of_a_number_are_not_more_guesses(outsider: Caller) -> None:
    """Whoever asks for all the codes there are tries fifteen of a million in an hour."""
    seen: list[int] = []
    for _ in range(most("code", "number")):
        token, code = asked_for()
        tried = [post("code/confirm", {"code": c}, X_Session_Token=token) for c in others(code)[:3]]
        seen += [answer.status_code for answer in tried]
    assert seen == [400] * 15
    assert post("code/request", {"phone": ALICE}).status_code == 429


def test_a37_wrong_passwords_of_an_account_end_also_from_many_addresses(outsider: Caller) -> None:
    for mail in (CAST["chen"], "nobody@example.org"):
        seen = [
            post("login", {"email": mail.upper(), "password": f"guess {n}"}, of=f"192.0.2.{n}")
            for n in range(8)
        ]
        assert [answer.status_code for answer in seen] == [400] * 5 + [429] * 3
        assert int(seen[-1]["Retry-After"]) > 0
    right = {"email": CAST["chen"], "password": PASSWORD}
    assert post("login", right, of="192.0.2.99").status_code == 429


def test_a_right_password_gives_back_its_own_try_and_no_other(outsider: Caller) -> None:
    right, limit = {"email": CAST["sam"], "password": PASSWORD}, most("password", "address")
    for number in range(limit):
        guess = {"email": f"{number}@example.org", "password": "x"}
        assert post("login", guess).status_code == 400
        if number % 10 == 0:
            assert post("login", right).status_code == 200
    assert post("login", right).status_code == 429
    assert post("login", right, of="198.51.100.1").status_code == 200


def test_the_page_counts_passwords_too(outsider: Caller) -> None:
    client = Client()
    typed = {"login": CAST["admin"], "password": "guess"}
    seen = [client.post("/accounts/login/", typed).status_code for _ in range(6)]
    assert seen == [200] * 5 + [429]
    right = client.post("/accounts/login/", {**typed, "password": PASSWORD})
    assert right.status_code == 429


# --- pumping -----------------------------------------------------------------------------------


def test_a40_adjacent_numbers_from_rotating_addresses_run_into_their_prefix(
    web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All five hundred are known numbers: each could be a text."""
    numbers = [f"+1352555{4000 + n}" for n in range(500)]
    User.objects.bulk_create(User(role="patient", name="x", phone=number) for number in numbers)
    seen = [
        post("code/request", {"phone": number}, of=f"198.51.{n // 200}.{n % 200}").status_code
        for n, number in enumerate(numbers)
    ]
    budget = most("code", "prefix")
    assert seen == [401] * budget + [429] * (500 - budget)
    sending.send_due(clock=clock.now)
    assert SandboxMessage.objects.count() == budget


def test_a40_the_total_stops_all_and_somebody_is_told(
    outsider: Caller, sam: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "code", (("number", 5, 3600), ("total", 7, 3600)))
    seen = [post("code/request", {"phone": f"(352) 555-{n:04}"}).status_code for n in range(9)]
    assert seen == [401] * 7 + [429] * 2
    for _ in range(2):
        watch_limits()
    (item,) = sam.get("work-items/?kind=limit_reached").json()["results"]
    assert "codes" in item["detail"]
    assert not re.search(r"\d{4}", item["detail"])


def test_a40_whom_a_narrow_limit_stops_takes_nothing_from_the_total(
    outsider: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "code", (("address", 3, 3600), ("total", 5, 3600)))
    for _ in range(20):
        post("code/request", {"phone": ALICE})
    assert post("code/request", {"phone": ALICE}, of="198.51.100.7").status_code == 401


def test_a40_one_number_in_many_writings_is_one_number(outsider: Caller) -> None:
    writings = ("+18505550101", "850 555 0101", "(850) 555-0101", "1-850-555-0101", "8505550101")
    assert all(post("code/request", {"phone": text}).status_code == 401 for text in writings)
    assert post("code/request", {"phone": "850.555.0101"}).status_code == 429
    mails = (CAST["alice"], CAST["alice"].upper(), f" {CAST['alice']} ")
    seen = [post("code/request", {"email": mails[n % 3]}).status_code for n in range(6)]
    assert seen == [401] * 5 + [429]


def test_a40_no_forwarding_header_makes_another_address(
    outsider: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "code", (("address", 3, 3600),))

    def ask(**how: str) -> int:
        return int(post("code/request", {"phone": ALICE}, **how).status_code)

    spoofs = [
        {"X_Forwarded_For": f"203.0.113.{n}", "X_Real_IP": f"203.0.113.{n}",
         "Forwarded": f"for=203.0.113.{n}", "True_Client_IP": f"203.0.113.{n}"}
        for n in range(5)
    ]  # fmt: skip
    assert [ask(**spoof) for spoof in spoofs] == [401] * 3 + [429] * 2
    Count.objects.all().delete()
    monkeypatch.setattr(settings, "TRUSTED_PROXY_COUNT", 1)
    behind = [f"203.0.113.{n}, 192.0.2.77" for n in range(5)]
    assert [ask(X_Forwarded_For=told) for told in behind] == [401] * 3 + [429] * 2
    assert ask(X_Forwarded_For="192.0.2.77, 203.0.113.9") == 401
    monkeypatch.setattr(settings, "TRUSTED_PROXY_COUNT", 2)
    for short in ("203.0.113.40", "", "rubbish", ",", "::1%eth0"):  # never a fault
        assert ask(X_Forwarded_For=short) in (401, 429)


def test_a40_an_ipv6_host_is_its_network(outsider: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "code", (("address", 3, 3600),))
    seen = [
        post("code/request", {"phone": ALICE}, of=f"2001:db8:1:2::{n:x}").status_code
        for n in range(5)
    ]
    assert seen == [401] * 3 + [429] * 2
    assert post("code/request", {"phone": ALICE}, of="2001:db8:1:3::1").status_code == 401
    mapped = [post("code/request", {"phone": ALICE}, of=f"::ffff:192.0.2.{n}") for n in (1, 2)]
    assert [answer.status_code for answer in mapped] == [401, 401]


def test_no_number_and_no_address_stands_among_the_counts(outsider: Caller) -> None:
    post("code/request", {"phone": ALICE}, of="192.0.2.55")
    kept = str(list(Count.objects.values()))
    assert Count.objects.exists()
    assert not any(told in kept for told in (ALICE[1:], "8505550", "192.0.2.55"))
    assert not WorkItem.objects.filter(kind="limit_reached").exists()


def test_a_limit_begins_anew_when_its_time_is_over(
    outsider: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "code", (("address", 1, 3600),))
    assert post("code/request", {"phone": ALICE}).status_code == 401
    stopped = post("code/request", {"phone": ALICE})
    assert (stopped.status_code, stopped["Retry-After"]) == (429, "3600")
    Count.objects.update(since=F("since") - timedelta(seconds=3601))
    assert post("code/request", {"phone": ALICE}).status_code == 401
    assert post("code/request", {"phone": ALICE}).status_code == 429
    Count.objects.update(since=F("since") - timedelta(days=2))
    watch_limits()
    assert not Count.objects.exists()


def test_a_refused_request_counts_though_what_it_did_is_rolled_back(committed: str) -> None:
    """With real commits: the answer is kept by its key, and its effect is undone."""
    begun = {"date_of_birth": "2015-05-17", "postal_code": "32501", "email": "d@example.org"}
    told = Caller().post("assessments/drafts/", begun, Idempotency_Key="k")
    assert (told.status_code, told.json()["code"]) == (422, "under_age")
    assert set(Count.objects.values_list("n", flat=True)) == {1}
    malformed = Caller().post("assessments/drafts/", {**begun, "email": 7})
    assert malformed.status_code == 400
    assert set(Count.objects.values_list("n", flat=True)) == {0, 1}  # of its own mail, and before


def test_forty_holds_of_a_network_are_enough(outsider: Caller) -> None:
    """Each from another browser: two of one is another limit."""
    seen = [
        Caller().post("holds/", {"start": f"2026-12-0{n % 4 + 1}T15:00:00Z", "kind": "initial",
                                 "state": "FL"}).status_code
        for n in range(most("hold", "address") + 2)
    ]  # fmt: skip
    assert seen[-2:] == [429, 429]
    assert 429 not in [status for status in seen[:-2] if status != 409]


def test_whoever_searches_for_very_many_patients_is_stopped_and_told_of(
    sam: Caller, chen: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "search", (("user", 3, 3600),))
    seen = [sam.get("patients/", search=f"a{n}").status_code for n in range(4)]
    assert seen == [200] * 3 + [429]
    assert chen.get("patients/").status_code == 200
    watch_limits()
    (item,) = chen.get("work-items/?kind=limit_reached").json()["results"]
    assert "too many patients" in item["detail"]


def test_whom_a_patient_names_gets_no_more_texts_than_a_few(
    alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"name": "B", "date_of_birth": "1980-01-01"}
    seen = [
        alice.post("me/support-persons/", {**named, "phone": f"352555{1000 * n + 7:04}"})
        for n in range(12)
    ]
    assert [told.status_code for told in seen] == [201] * 10 + [429] * 2


def test_pages_send_and_try_codes_as_the_api_does(outsider: Caller) -> None:
    page, other, at = Client(), "+18505550102", "/accounts/login/code/"
    asked = [Client().post(at, {"phone": ALICE}).status_code for _ in range(6)]
    assert asked == [302] * 5 + [429]
    assert page.post(at, {"phone": other}).status_code == 302
    tried = [page.post(f"{at}confirm/", {"code": "000000"}).status_code for _ in range(4)]
    assert tried[0] == 200
    assert tried[3] in (302, 429)


def test_a_second_factor_is_guessed_five_times(now: Any) -> None:
    app = App()
    with_factor("sam")
    app.by_password("sam")
    wrong = [app.auth("auth/2fa/authenticate", {"code": "000000"}).status_code for _ in range(6)]
    assert wrong == [400] * 5 + [429]
    assert app.auth("auth/2fa/authenticate", {"code": totp_code()}).status_code == 429
