"""A practice is set up, on a page and by a command; who works there."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connections
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.models import PasswordLink, Practice, Role, User
from notifications.models import Message
from notifications.sandbox.callbacks import wait_until_told
from notifications.writing import write_messages
from pages.management.commands.setup import _mail as typed_mail
from records.models import Event
from scheduling.demo import answers
from scheduling.models import Licence, Physician, Plan, WorkingHours
from scheduling.setting_up import todos
from tests.browser.site import key_of, user_of
from tests.cast import NOW, PENSACOLA, YES, person
from tests.conftest import Caller, urls_of, use
from tests.started import ROOT
from tests.texting import run, texts

Sit = Callable[..., Page]


def crisis(outsider: Caller, number: int) -> None:
    """Somebody says what asks for help at once, and the physicians are told."""
    told = answers(suic="plan_or_intent")
    sent = {"person": person(number), "address": PENSACOLA, "answers": told, "consents": YES}
    assert outsider.post("assessments/", sent).status_code == 201
    write_messages(now=NOW)


def signed_in(name: str) -> Client:
    client = Client()
    user = user_of(name)
    assert user
    client.cookies["sessionid"] = key_of(user)
    return client


def test_the_first_sign_in_shows_what_is_still_to_do_until_it_is_done(sit: Sit) -> None:
    page = sit("sam")
    page.goto("/home/")
    expect(page).to_have_url("/practice/")
    todo = page.get_by_role("region", name="Still to do")
    expect(todo).to_contain_text("Name the practice")
    page.get_by_label("Name", exact=True).fill("Sunny Home")
    page.get_by_role("textbox", name="Telephone").fill("(850) 555-0123")
    page.get_by_label("Time zone of the office").select_option("Central time")
    page.get_by_role("region", name="Name and telephone").get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    expect(page.get_by_role("heading", name="Sunny Home")).to_be_visible()
    expect(page.get_by_role("contentinfo")).to_contain_text("850-555-0123")
    expect(todo.get_by_role("list").first).not_to_contain_text("Name the practice")


def test_a_plan_is_offered_and_withdrawn(sit: Sit) -> None:
    page = sit("sam")
    page.goto("/practice/")
    page.get_by_text("Offer another plan").click()
    page.get_by_label("Name of the plan").fill("Gentle")
    page.get_by_label("Dollars a month").fill("249")
    page.get_by_label("Sessions a month").fill("2")
    page.get_by_label("Deliveries a month").fill("1")
    page.locator("form", has_text="Offer this plan").evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="Offer this plan").click()
    expect(page.locator(".errorlist")).to_contain_text("250")
    expect(page.get_by_label("Name of the plan")).to_have_value("Gentle")
    page.get_by_label("Dollars a month").fill("275")
    page.get_by_role("button", name="Offer this plan").click()
    plans = page.get_by_role("region", name="Plans and prices")
    expect(plans).to_contain_text("Gentle · $275 a month")
    page.get_by_role("button", name="Withdraw Gentle").click()
    expect(plans).to_contain_text("not offered any more")
    assert not Plan.objects.get(name="Gentle").is_offered


def test_a_test_text_leaves_and_the_page_says_that_it_arrived(sit: Sit) -> None:
    page = sit("chen")
    page.goto("/practice/")
    page.get_by_role("button", name="Send me a test text").click()
    expect(page.get_by_text("on its way", exact=True)).to_be_visible()
    run()
    assert texts("+18505550111") == ["Hearth: this is a test. Texts leave, and arrive here."]
    wait_until_told()
    page.get_by_role("link", name="Look again").click()
    page.reload()
    expect(page.get_by_text("it arrived")).to_be_visible()


def test_no_more_than_five_tests_an_hour(db: None, now: Any) -> None:
    client = signed_in("sam")
    codes = [client.post("/practice/", {"do": "test"}).status_code for _ in range(6)]
    assert codes == [302] * 5 + [429]


def test_who_is_on_call_is_paged_first(chen: Caller, sam: Caller, outsider: Caller) -> None:
    """With nobody on call, all physicians are."""
    other = User.objects.create_user(
        role=Role.PHYSICIAN, name="Dr. Lee", email="lee@hearth.test", phone="+18505550112"
    )
    Physician.objects.create(user=other, name="Dr. Lee")
    assert chen.user
    crisis(outsider, 1)
    paged = Message.objects.filter(kind="urgent_alert")
    assert set(paged.values_list("user", flat=True)) == {chen.user.pk, other.pk}
    answer = sam.client.put(
        "/api/v1/practice/on-call/", {"users": [str(other.pk)]}, content_type="application/json"
    )
    assert answer.json()["on_call"] == [str(other.pk)]
    crisis(outsider, 2)
    latest = Event.objects.filter(kind="assessment.crisis").latest("id")
    paged = paged.filter(about_id=latest.object_id)
    assert set(paged.values_list("user", flat=True)) == {other.pk}


def test_what_the_doors_of_the_practice_refuse(sam: Caller, chen: Caller) -> None:
    def put(who: Caller, **changed: Any) -> tuple[int, str]:
        whole = {"name": "Home", "phone": "850-555-0123", "time_zone": "America/Chicago"}
        answer = who.client.put(
            "/api/v1/practice/", whole | changed, content_type="application/json"
        )
        return answer.status_code, answer.json().get("code", "")

    assert put(sam) == (200, "")
    assert put(sam, name="Café") == (400, "invalid")
    assert put(sam, name="x" * 21) == (400, "invalid")
    assert put(sam, phone="+442071234567") == (422, "not_us_number")
    assert put(sam, time_zone="Asia/Tokyo") == (400, "invalid")
    assert put(chen) == (403, "permission_denied")
    assert Practice.objects.count() == 1
    nobody = {"users": [str(sam.user.pk)]} if sam.user else {}
    answer = sam.client.put("/api/v1/practice/on-call/", nobody, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    plan = {"monthly_price": "300.00", "sessions_per_month": 4, "deliveries_per_month": 1}
    assert sam.post("plans/", {**plan, "name": "Essential"}).json()["code"] == "wrong_state"
    low = sam.post("plans/", {**plan, "name": "Low", "monthly_price": "249.99"})
    assert low.json()["code"] == "invalid"
    made = sam.post("plans/", {**plan, "name": "New"}).json()["id"]
    assert sam.post(f"plans/{made}/withdraw/").status_code == 200
    assert sam.post(f"plans/{made}/withdraw/").json()["code"] == "wrong_state"


def test_an_administrator_invites_and_sees_off(sit: Sit) -> None:
    page = sit("admin")
    page.goto("/practice/people/")
    page.get_by_label("Role").select_option("Staff")
    page.get_by_label("Name").fill("Tara Tide")
    page.get_by_label("E-mail").fill("tara@hearth.test")
    page.get_by_label("Telephone").fill("12")
    page.get_by_role("button", name="Invite").click()
    expect(page.locator(".errorlist")).to_contain_text("United States")
    page.get_by_label("Telephone").fill("")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("region", name="Invited, not here yet")).to_contain_text("Tara Tide")
    page.get_by_role("button", name="Withdraw the invitation of Tara Tide").click()
    expect(page.get_by_role("region", name="Invited, not here yet")).to_contain_text("Nobody")
    assert PasswordLink.objects.get().withdrawn_at
    page.get_by_text("Help or see off Sam").click()
    page.get_by_role("button", name="See them off").click()
    expect(page.get_by_text("They are signed out everywhere")).to_be_visible()
    sam = user_of("sam")
    assert sam
    assert not sam.is_active


# --- the command ---------------------------------------------------------------------------------

ANSWERS = """\
C
Café
Sunny Home
850-555-0123
Olga Owner
olga@hearth.test
three quiet words
Dr. Lee
lee@hearth.test
12
850-555-0124
video
https://video.example.org/lee
Mo We
9
09:00
16:30
FL-1
2026-01-01
2025-01-01
2027-12-31

"""


def run_setup(name: str, answers: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "setup"],
        cwd=ROOT,
        env=os.environ | urls_of(name),
        input=answers,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def nobody(empty: str, django_db_blocker: Any) -> Iterator[str]:
    """A database with nobody in it, which Django talks to."""
    before = settings.DATABASES["default"]["NAME"]
    with django_db_blocker.unblock():
        use(empty)
        yield empty
        connections["default"].close()
        use(before)


def test_a_new_practice_is_asked_a_few_questions(nobody: str) -> None:
    cut = run_setup(nobody, "\n".join(ANSWERS.splitlines()[:9]) + "\n")
    assert cut.returncode
    assert "nothing was written down" in cut.stderr
    assert not User.objects.exists()
    done = run_setup(nobody, ANSWERS)
    assert done.returncode == 0, done.stderr
    for said in ("plain letters", "United States", "08:30", "before its first day"):
        assert said in done.stdout
    assert "gets a mail" in done.stdout
    (named,) = Practice.objects.all()
    assert (named.name, str(named.phone), named.time_zone) == (
        "Sunny Home", "+18505550123", "America/Chicago",
    )  # fmt: skip
    owns = User.objects.get(role=Role.ADMINISTRATOR)
    assert owns.check_password("three quiet words")
    physician = Physician.objects.get()
    assert (physician.is_active, physician.join_url) == (False, "https://video.example.org/lee")
    assert {h.weekday for h in WorkingHours.objects.filter(physician=physician)} == {0, 2}
    assert Licence.objects.get().state == "FL"
    assert PasswordLink.objects.get().user == physician.user
    left = {todo.key for todo in todos(NOW) if todo.must and not todo.done}
    assert {"physician", "plan"} <= left
    assert not {"practice"} & left
    again = run_setup(nobody, ANSWERS)
    assert "Somebody works here already" in again.stderr


@pytest.mark.parametrize("mail", ["\u017fam@hearth.test", "\u212aay@hearth.test"])
def test_a_mail_address_has_plain_letters(db: None, now: Any, mail: str) -> None:
    """To the database one with the capitals of plain ones would be somebody else's."""
    sent = {"do": "invite", "role": "staff", "name": "Kay", "email": mail, "phone": ""}
    assert signed_in("admin").post("/practice/people/", sent).status_code == 400
    with pytest.raises(ValidationError):
        typed_mail(mail)


def test_a_licence_is_good_till_its_day_is_over_here(db: None, now: Any) -> None:
    """At 8 PM in New York it is tomorrow in UTC."""
    Licence.objects.update(expires_on="2026-12-25")
    evening = datetime(2026, 12, 26, 1, tzinfo=UTC)
    done = {todo.key: todo.done for todo in todos(evening)}
    assert done["licence"]
