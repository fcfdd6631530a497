"""See if you qualify: one question a screen, from the first to "under review"."""

import re
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from patients import questionnaire
from patients.models import Assessment, Patient
from records.models import Count, WorkItem
from tests.browser.site import key_of, seat, user_of, violations

SICK = ("plan_or_intent", "Yes, with a plan, or I mean to do it")


def begin(page: Page, year: str = "1990") -> None:
    page.goto("/qualify/")
    page.get_by_role("button", name="Begin").click()
    page.get_by_label("Month").select_option("May")
    page.get_by_label("Day").fill("17")
    page.get_by_label("Year").fill(year)
    on(page)


def on(page: Page) -> None:
    page.get_by_role("button", name="Next").click()


def tell_contact(page: Page, zip_code: str = "32501", phone: str = "352-555-0177") -> None:
    """From the ZIP code to the first question."""
    page.get_by_label("Your ZIP code").fill(zip_code)
    on(page)
    page.get_by_label("First name").fill("Nora")
    page.get_by_label("Last name").fill("New")
    on(page)
    page.get_by_label("Mobile phone").fill(phone)
    on(page)
    expect(page.get_by_role("heading", name="What would you like help with?")).to_be_visible()


def answer_all(page: Page) -> None:
    """Every question from the one on the screen to the address, with what worries nobody."""
    while "/address/" not in page.url:
        step = page.url.rstrip("/").rsplit("/", 1)[1]
        question = questionnaire.BY_KEY[step]
        if question.type == "choices":
            name = "None of these" if "none" in question.options else "Depression"
            page.get_by_label(name).check()
        elif step == "home":
            page.get_by_label("Yes", exact=True).check()
        elif question.type == "choice":
            page.get_by_label("No", exact=True).check()
        elif step == "htn_systolic":
            page.get_by_label("the upper number").fill("120")
        on(page)


def finish(page: Page) -> None:
    page.get_by_label("Street address").fill("12 Palafox St")
    page.get_by_label("City or town").fill("Pensacola")
    on(page)
    page.get_by_label("I agree that the practice").check()
    page.get_by_label("I agree to talk").check()
    page.get_by_role("button", name="Send to the physician").click()
    expect(page.get_by_role("heading", name="Your answers are with the physician")).to_be_visible()


def test_from_the_first_question_to_under_review(sit: Any) -> None:
    page: Page = sit()
    begin(page)
    tell_contact(page)
    assert Assessment.objects.filter(status="draft").count() == 1
    assert not re.search(r"secret|draft|[0-9a-f]{8}-", page.url)
    on(page)
    expect(page.get_by_role("alert")).to_have_text("Please answer this question.")
    page.get_by_label("Anxiety").check()
    page.get_by_label("PTSD").check()
    on(page)
    page.get_by_label("No", exact=True).check()
    on(page)
    page.get_by_role("link", name="Back").click()  # back keeps answers
    expect(page.get_by_label("No", exact=True)).to_be_checked()
    page.get_by_role("link", name="Back").click()
    expect(page.get_by_label("Anxiety")).to_be_checked()
    expect(page.get_by_label("Depression")).not_to_be_checked()
    page.goto("/qualify/")  # they come back later
    page.get_by_role("button", name="Go on where you were").click()
    expect(page.get_by_text("Are you pregnant")).to_be_visible()
    answer_all(page)
    page.get_by_label("Street address").fill("PO Box 12")
    page.get_by_label("City or town").fill("Pensacola")
    on(page)
    expect(page.get_by_label("Street address")).to_have_value("PO Box 12")
    expect(page.get_by_text("please give the street address")).to_be_visible()
    page.get_by_label("Street address").fill("12 Palafox St")
    on(page)
    page.get_by_role("button", name="Send to the physician").click()
    expect(page.get_by_text("Please accept the privacy notice")).to_be_visible()
    page.get_by_label("I agree that the practice").check()
    page.get_by_label("I agree to talk").check()
    page.get_by_label("Text me about").check()
    page.get_by_role("button", name="Send to the physician").click()
    expect(page.get_by_text("A physician will review your answers.")).to_be_visible()
    assert violations(page) == []
    made = Assessment.objects.get(patient__last_name="New")
    assert (made.status, made.answers["reason"], made.answers["htn_systolic"]) == (
        "submitted", ["anxiety", "ptsd"], 120,
    )  # fmt: skip
    assert made.patient
    assert made.patient.consents.filter(kind="sms", accepted=True).exists()
    page.get_by_role("button", name="Book your free consultation").click()
    expect(page.get_by_text("All times are Central time.")).to_be_visible()


def test_an_answer_that_calls_for_help_is_met_at_once(sit: Any) -> None:
    page: Page = sit(scheme="dark")
    begin(page)
    tell_contact(page)
    page.get_by_label("Depression").check()
    on(page)
    help_now = page.get_by_role("link", name=re.compile("Call 988")).or_(
        page.get_by_role("button", name="Call 988")
    )
    expect(help_now).to_be_hidden()
    page.get_by_label(SICK[1]).check()
    expect(help_now).to_be_visible()  # before anything is sent
    assert violations(page) == []
    on(page)
    expect(help_now).to_be_visible()
    assert WorkItem.objects.filter(kind="crisis_answer", status="open").count() == 1
    page.get_by_role("link", name="Back").click()
    page.get_by_label("No", exact=True).check()  # taken back, it stays
    on(page)
    expect(help_now).to_be_visible()
    answer_all(page)
    finish(page)
    expect(help_now).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_out_of_area_and_under_age_are_told_kindly(
    web: str, chromium: Browser, javascript: bool
) -> None:
    context = seat(chromium, web, size="phone")
    if not javascript:
        context.close()
        context = without_javascript(chromium, web)
    page = context.new_page()
    begin(page, year="2010")
    expect(page.get_by_text("This is a service for adults of 18 and older.")).to_be_visible()
    expect(page.get_by_text("We have kept nothing of what you typed.")).to_be_visible()
    begin(page)
    page.get_by_label("Your ZIP code").fill("10001")
    on(page)
    expect(page.get_by_text("We only treat at addresses in Florida")).to_be_visible()
    expect(page.get_by_role("heading", name="What you can do")).to_be_visible()
    assert violations(page) == [] if javascript else True
    page.goto("/qualify/zip/")
    expect(page.get_by_role("heading", name="When were you born?")).to_be_visible()
    assert not Assessment.objects.filter(status="draft").exists()
    context.close()


def without_javascript(chromium: Browser, web: str) -> Any:
    phone: dict[str, Any] = chromium.phone  # type: ignore[attr-defined]
    context = chromium.new_context(**phone, base_url=web, java_script_enabled=False)
    context.set_default_timeout(10_000)
    return context


def test_without_javascript_from_the_first_question_to_a_booked_time(
    web: str, chromium: Browser
) -> None:
    from scheduling.models import Consultation
    from tests.browser.test_booking import sign_in

    context = without_javascript(chromium, web)
    page = context.new_page()
    page.goto("/book/?postal_code=32501")
    page.locator("#days a").nth(1).click()
    page.locator("#times .chip").first.click()
    expect(page.get_by_text("Yours until")).to_be_visible()
    page.get_by_role("link", name="See if you qualify first.").click()
    page.get_by_role("button", name="Begin").click()
    page.get_by_label("Month").select_option("May")
    page.get_by_label("Day").fill("17")
    page.get_by_label("Year").fill("1990")
    on(page)
    tell_contact(page)
    answer_all(page)
    finish(page)
    page.get_by_role("button", name="Book your free consultation").click()
    expect(page.get_by_role("heading", name="This time is kept for you")).to_be_visible()
    sign_in(page, "352-555-0177")
    page.get_by_role("button", name="Book this time").click()
    expect(page.get_by_text("You are booked.")).to_be_visible()
    assert Consultation.objects.get().patient.last_name == "New"
    context.close()


# --- what needs no browser -------------------------------------------------------------------


@pytest.fixture
def visitor(now: object) -> Client:
    """A visitor whose birthday, ZIP code and name are told."""
    client = Client()
    send(client, "birthday", month="5", day="17", year="1990")
    send(client, "zip", postal_code="32501")
    send(client, "name", first_name="Nora", last_name="New")
    return client


def send(client: Client, step: str, **typed: Any) -> Any:
    return client.post(f"/qualify/{step}/", {"do": "save", **typed})


def test_bad_input_is_shown_again_with_why(visitor: Client) -> None:
    for step, typed, why in (
        ("birthday", {"month": "2", "day": "31", "year": "1990"}, "There is no such day."),
        ("birthday", {"month": "13", "day": "1", "year": "1990"}, "Select a valid choice."),
        ("birthday", {}, "This field is required."),
        ("zip", {"postal_code": "abc"}, "Use a ZIP code of five digits."),
        ("zip", {"postal_code": "00000"}, "There is no such ZIP code."),
        ("zip", {"postal_code": "3250\x001"}, "Null characters are not allowed."),
        ("name", {"first_name": "x" * 61, "last_name": "New"}, "at most 60 characters"),
        ("contact", {}, "Please give a telephone number or an e-mail address."),
        ("contact", {"phone": "12"}, "Please use a telephone number in the United States"),
        ("contact", {"email": "no"}, "Enter a valid email address."),
    ):
        answer = send(visitor, step, **typed)
        assert answer.status_code in (400, 422), (step, answer.status_code)
        assert why in answer.content.decode(), (step, typed)
    assert visitor.post("/qualify/zip/", {"do": "what"}).status_code == 400
    assert visitor.get("/qualify/nothing/").status_code == 404


def test_questions_take_what_they_ask_for_alone(visitor: Client) -> None:
    assert send(visitor, "contact", phone="352-555-0177").status_code == 302
    assert send(visitor, "reason", answer=["depression"]).status_code == 302
    for step, answer, why in (
        ("reason", ["x"], "Select a valid choice."),
        ("suic", "maybe", "Select a valid choice."),
        ("suic", "", "Please answer this question."),
    ):
        shown = send(visitor, step, answer=answer)
        assert (shown.status_code, why in shown.content.decode()) == (400, True), step
    # What is not reached yet leads to where one is.
    assert visitor.get("/qualify/consents/")["Location"] == "/qualify/suic/"
    assert send(visitor, "home", answer="yes")["Location"] == "/qualify/suic/"
    draft = Assessment.objects.get(status="draft")
    assert draft.answers == {"reason": ["depression"]}


def test_a_zip_code_in_two_zones_asks_which(now: object) -> None:
    client = Client()
    send(client, "birthday", month="5", day="17", year="1990")
    assert send(client, "zip", postal_code="32456")["Location"] == "/qualify/zone/"
    assert send(client, "zone").status_code == 400
    answer = send(client, "zone", time_zone="America/Chicago")
    assert answer["Location"] == "/qualify/name/"


def test_the_limits_of_drafts_hold_here(visitor: Client) -> None:
    Count.objects.all().delete()
    assert send(visitor, "contact", phone="352-555-0177").status_code == 302
    Count.objects.filter(name__startswith="draft number").update(n=10)
    answer = send(visitor, "contact", phone="352-555-0177", email="nora@example.org")
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert Assessment.objects.filter(status="draft").count() == 1


def test_a_draft_that_is_gone_is_told_and_counted_as_a_guess(visitor: Client) -> None:
    send(visitor, "contact", phone="352-555-0177")
    Assessment.objects.filter(status="draft").delete()
    answer = visitor.get("/qualify/reason/", follow=True)
    assert "Please begin once more." in answer.content.decode()
    assert Count.objects.filter(name__startswith="guess").get().n == 1


def through(client: Client, phone: str) -> Any:
    """All the questions in one go; the answer of the last step."""
    send(client, "contact", phone=phone)
    whole = {q.key: q.options[0] for q in questionnaire.QUESTIONS if q.type == "choice"}
    for question in questionnaire.QUESTIONS:
        several = question.type == "choices"
        answer: Any = [question.options[0]] if several else whole.get(question.key, "")
        assert send(client, question.key, answer=answer).status_code == 302, question.key
    send(client, "address", line1="12 Palafox St", city="Pensacola")
    return send(client, "consents", privacy="on", telehealth="on")


def test_a_known_contact_gets_the_same_answer_as_a_new_one(visitor: Client) -> None:
    before = Patient.objects.count()
    known = through(visitor, "850-555-0101")  # Alice's
    assert known["Location"] == "/qualify/done/"
    assert Patient.objects.count() == before + 1
    page = visitor.get("/qualify/done/").content.decode()
    assert "A physician will review your answers." in page
    assert "known" not in page
    assert visitor.get("/qualify/consents/").status_code == 302  # it is done once


def test_the_limits_of_assessments_hold_here(visitor: Client) -> None:
    Count.objects.all().delete()
    assert through(visitor, "352-555-0177").status_code == 302
    assert Count.objects.filter(name__startswith="assessment number").get().n == 1


def test_a_patient_without_an_assessment_answers_the_questions_alone(now: object) -> None:
    user = user_of("eve")
    assert user
    Assessment.objects.filter(patient__user=user).delete()
    client = Client()
    client.cookies["sessionid"] = key_of(user)
    first = client.post("/qualify/", {"do": "begin"})
    assert first["Location"] == "/qualify/reason/"
    for question in questionnaire.QUESTIONS:
        several = question.type == "choices"
        plain = question.options[0] if question.type == "choice" else ""
        send(client, question.key, answer=[question.options[0]] if several else plain)
    done = send(client, "consents", privacy="on", telehealth="on")
    assert done["Location"] == "/qualify/done/"
    made = Assessment.objects.get(patient__user=user)
    assert made.status == "submitted"
    assert "We have your answers" in client.get("/qualify/").content.decode()


def test_colleagues_have_no_assessment_of_their_own(now: object) -> None:
    client = Client()
    client.cookies["sessionid"] = key_of(user_of("sam"))  # type: ignore[arg-type]
    for path in ("/qualify/", "/qualify/birthday/", "/book/"):
        assert client.get(path).status_code == 403, path
