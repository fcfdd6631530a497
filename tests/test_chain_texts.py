"""The texts of the chain through the sandbox: true when they leave, to whom they are for."""

import json
import logging
import re
from datetime import timedelta

import pytest
import requests
from django.db import connection
from psycopg import sql

from notifications import writing
from notifications.models import Message
from patients.models import LINK_OPENS, SupportPerson
from records import clock
from records.models import Event
from tests.care import Care, care, ok, replan, to
from tests.cast import CAST
from tests.conftest import caller
from tests.texting import inbound, message, run, texts, work

SAL, CHEN = "+18505550177", "+18505550111"
REMINDERS = ("session_24h", "session_2h", "support_24h", "support_2h")
ABOUT_HEALTH = re.compile(r"treat|psilo|blood|pressure|dose|drug|medic|session|alice|test", re.I)

FRAME = '<script src="/static/pages/page.js" defer>'


@pytest.fixture
def walk(web: str) -> Care:
    """Alice, of the cast, on her way."""
    return care(caller("alice"))


def states(*kinds: str, revision: int = 1) -> dict[str, str]:
    """What became of the messages of Alice, those of a revision."""
    rows = Message.objects.filter(patient__email=CAST["alice"], kind__in=kinds, revision=revision)
    return dict(rows.values_list("kind", "status"))


def name(walk: Care) -> None:
    """Somebody is named who stays."""
    named = {"name": "Sal", "date_of_birth": "1980-02-03", "phone": SAL}
    ok(walk.who.post("me/support-persons/", named))


def token_in(text: str) -> str:
    found = re.search(r"/support/(\S+)", text)
    assert found, text
    return found[1]


def test_another_window_withdraws_the_old_text_and_writes_a_new_one(walk: Care) -> None:
    walk.scheduled()
    run()
    before = message("delivery_24h")
    assert before.status == "pending"
    ok(walk.chooses(walk.window("2026-12-04")))
    run()
    before.refresh_from_db()
    assert (before.status, before.why) == ("cancelled", "It was moved.")
    now = message("delivery_24h")
    assert (now.pk != before.pk, now.status) == (True, "pending")
    assert now.wanted_at == before.wanted_at + timedelta(days=1)
    to(now.wanted_at)
    run()
    (told,) = [text for text in texts() if "Hearth: delivery" in text]
    assert "Fri, Dec 4, 8:00 AM Central to 12:00 PM Central" in told


def test_a_session_that_is_held_withdraws_its_reminders_and_tells(walk: Care) -> None:
    walk.planned()
    run()
    assert states(*REMINDERS) == dict.fromkeys(REMINDERS, "pending")
    to("2026-12-06T15:00:00Z")  # the parcel is not there
    assert replan(walk)
    run()
    assert states(*REMINDERS) == dict.fromkeys(REMINDERS, "cancelled")
    (told,) = [text for text in texts() if "cannot be on Mon, Dec 7" in text]
    assert "appointment at home" in told
    assert texts(SAL) == []


def test_whoever_is_named_later_is_reminded_and_nobody_else(walk: Care) -> None:
    walk.planned()
    run()
    ann = {"name": "Ann", "date_of_birth": "1990-01-01", "phone": "+18505550178"}
    ok(walk.who.post("me/support-persons/", ann))
    run()
    for kind in ("support_24h", "support_2h"):
        rows = Message.objects.filter(kind=kind).order_by("pk")
        found = rows.values_list("to", "status", "why")
        assert list(found) == [
            (SAL, "cancelled", "Somebody else was named."),
            ("+18505550178", "pending", ""),
        ]


def test_who_has_not_agreed_is_asked_while_the_link_works_and_never_reminded(walk: Care) -> None:
    walk.delivered().planned()
    name(walk)
    run()
    asked = message("support_invite")
    assert asked.not_after - asked.wanted_at == LINK_OPENS
    before = texts(SAL)
    for at in ("2026-12-06T15:00:00Z", "2026-12-07T14:10:00Z"):
        to(at)
        run()
    assert texts(SAL) == before
    assert {message(kind).why for kind in ("support_24h", "support_2h")} == {
        "They have not agreed to stay."
    }


def test_after_stop_the_support_person_gets_nothing_and_staff_call(walk: Care, web: str) -> None:
    walk.delivered().planned()
    run()
    assert inbound(web, "SM" + "5" * 32, "STOP", SAL) == 200
    before = texts(SAL)
    to("2026-12-06T15:00:00Z")
    run()
    assert texts(SAL) == before
    assert [text for text in texts() if "a reminder of your appointment at home" in text]
    assert states("support_24h") == {"support_24h": "suppressed"}
    assert work("call_support_person") == 1


def test_the_token_of_an_invitation_stands_nowhere_once_it_is_sent(
    walk: Care, web: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    walk.approved()
    name(walk)
    run()
    token = token_in(texts(SAL)[-1])
    sent = message("support_invite")
    assert sent.secret == ""
    assert "/support/******" in sent.body
    assert token not in caplog.text
    kept = connection.introspection.table_names()
    with connection.cursor() as cursor:
        for table in kept:
            if table.startswith("sandbox"):
                continue  # the phone of Sal
            look = sql.SQL("SELECT count(*) FROM {} t WHERE t::text LIKE %s")
            cursor.execute(look.format(sql.Identifier(table)), [f"%{token}%"])
            assert cursor.fetchone() == (0,), table
    assert token not in json.dumps(list(Event.objects.values_list("payload", flat=True)))

    # A second invitation makes the first link dead.
    name(walk)
    run()
    link = f"{web}/support/"
    second = token_in(texts(SAL)[-1])
    assert second != token
    assert requests.get(link + second, timeout=5).status_code == 200
    assert requests.get(link + token, timeout=5).status_code == 404


def test_the_page_of_the_link_shows_nothing_and_agrees_once(walk: Care, web: str) -> None:
    walk.approved()
    name(walk)
    run()
    link = f"{web}/support/{token_in(texts(SAL)[-1])}"
    browser = requests.Session()
    page = browser.get(link, timeout=5)
    assert set(re.findall("<script[^>]*>", page.text)) <= {FRAME}  # ours, of every page
    assert "Alice" not in page.text
    assert SupportPerson.objects.get().confirmed_at is None
    (form,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    for _ in range(2):
        agreed = browser.post(link, data={"csrfmiddlewaretoken": form}, timeout=5)
        assert (agreed.status_code, "Thank you" in agreed.text) == (200, True)
    assert Event.objects.filter(kind="support_person.confirmed").count() == 1
    for unknown in (browser.get(link + "x", timeout=5), browser.get(link[:-1], timeout=5)):
        assert unknown.status_code == 404
    nobody = browser.post(link + "x", data={"csrfmiddlewaretoken": form}, timeout=5)
    assert nobody.status_code == 404


def test_who_has_paid_is_not_asked_to(walk: Care) -> None:
    walk.subscribed()
    writing.write_messages(now=clock.now())
    waits = message("payment_due")
    assert waits.status == "pending"
    walk.paid()
    run()
    waits.refresh_from_db()
    assert (waits.status, waits.why) == ("cancelled", "It was paid.")
    assert not [text for text in texts() if "payment" in text]


def test_a_reading_above_the_limits_reaches_the_physician_at_once(walk: Care) -> None:
    walk.delivered().planned()
    run()
    to("2026-12-07T14:50:00Z")
    before = texts(CHEN)
    ok(walk.measures(systolic=190))
    run()
    (alert,) = texts(CHEN)[len(before) :]
    assert alert == "Hearth: something urgent waits for you. Please sign in."
    assert not ABOUT_HEALTH.search(alert)
