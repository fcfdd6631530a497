"""See if you qualify: one question a screen, from the first to "under review"."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from accounts import sessions
from patients import questionnaire
from patients.models import Assessment, ClinicalHold, Patient
from records.limits import take
from records.models import Count, WorkItem
from tests.browser.site import Queries, key_of, seat, user_of, violations

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
    answer_each(client)
    send(client, "address", line1="12 Palafox St", city="Pensacola")
    return send(client, "consents", privacy="on", telehealth="on")


def answer_each(client: Client, until: str = "") -> None:
    """Every question, or those before one, with what worries nobody."""
    for question in questionnaire.QUESTIONS:
        if question.key == until:
            return
        plain = question.options[0] if question.type == "choice" else ""
        answer: Any = [question.options[0]] if question.type == "choices" else plain
        assert send(client, question.key, answer=answer).status_code == 302, question.key


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
    answer_each(client)
    done = send(client, "consents", privacy="on", telehealth="on")
    assert done["Location"] == "/qualify/done/"
    made = Assessment.objects.get(patient__user=user)
    assert made.status == "submitted"
    assert "We have your answers" in client.get("/qualify/").content.decode()


def test_a_changed_contact_leaves_a_crisis_where_it_is(visitor: Client) -> None:
    send(visitor, "contact", phone="352-555-0177")
    send(visitor, "reason", answer=["depression"])
    send(visitor, "suic", answer=SICK[0])
    send(visitor, "suic", answer="no")
    send(visitor, "contact", phone="352-555-0178", email="nora@example.org")
    draft = Assessment.objects.get(status="draft")
    assert draft.crisis
    assert draft.contact == {"phone": "+13525550178", "email": "nora@example.org"}
    assert "You are not alone." in visitor.get("/qualify/preg/").content.decode()
    assert send(visitor, "contact", phone="12").status_code == 400
    answer_each(visitor)
    send(visitor, "address", line1="12 Palafox St", city="Pensacola")
    send(visitor, "consents", privacy="on", telehealth="on")
    made = Assessment.objects.get(pk=draft.pk)
    assert (made.status, made.urgency, made.flags) == ("submitted", 1, ["SUIC"])
    assert ClinicalHold.objects.get(patient=made.patient).reason == "crisis"
    assert WorkItem.objects.filter(kind="crisis_answer").count() == 1


def sign_in(client: Client, name: str) -> None:
    """As signing in does it: what the browser's session holds stays in it."""
    user = user_of(name)
    assert user
    client.force_login(user, "allauth.account.auth_backends.AuthenticationBackend")
    session = client.session
    sessions.begin(session)
    session.save()


def test_answers_of_one_person_are_not_shown_to_another(visitor: Client) -> None:
    send(visitor, "contact", phone="352-555-0177")
    send(visitor, "reason", answer=["ptsd"])
    Assessment.objects.filter(patient__user=user_of("eve")).delete()
    sign_in(visitor, "eve")
    assert visitor.get("/qualify/suic/")["Location"] == "/qualify/"
    assert "Go on where you were" not in visitor.get("/qualify/").content.decode()
    assert not Assessment.objects.filter(status="draft").exists()  # nothing leads there any more
    visitor.post("/qualify/", {"do": "begin"})
    send(visitor, "reason", answer=["ptsd"])
    session = visitor.session  # she is signed out, and the browser's session goes on
    del session["_auth_user_id"]
    session.save()
    assert "Go on where you were" not in visitor.get("/qualify/").content.decode()
    assert visitor.get("/qualify/reason/")["Location"] == "/qualify/birthday/"


def test_who_signs_in_on_the_way_goes_on_with_what_is_theirs(visitor: Client) -> None:
    user = user_of("eve")
    Assessment.objects.filter(patient__user=user).delete()
    eve = Patient.objects.get(user=user)
    send(visitor, "contact", phone=str(eve.phone))
    send(visitor, "reason", answer=["ptsd"])
    sign_in(visitor, "eve")
    assert "Go on where you were" in visitor.get("/qualify/").content.decode()
    answer_each(visitor)
    assert send(visitor, "consents", privacy="on", telehealth="on").status_code == 302
    assert Assessment.objects.get(patient=eve).status == "submitted"


def test_an_answer_that_is_not_asked_for_can_be_taken_back(visitor: Client) -> None:
    send(visitor, "contact", phone="352-555-0177")
    answer_each(visitor, until="htn_systolic")
    send(visitor, "htn_systolic", answer="220")
    assert Assessment.objects.get(status="draft").flags == ["HTN"]
    send(visitor, "htn_systolic", answer="")
    draft = Assessment.objects.get(status="draft")
    assert "htn_systolic" not in draft.answers
    assert (draft.flags, draft.urgency) == ([], 3)


def test_sent_twice_it_arrives_once(visitor: Client) -> None:
    send(visitor, "contact", phone="352-555-0177")
    answer_each(visitor)
    send(visitor, "address", line1="12 Palafox St", city="Pensacola")
    before = dict(visitor.session)
    assert send(visitor, "consents", privacy="on", telehealth="on")["Location"] == "/qualify/done/"
    again = send(visitor, "consents", privacy="on", telehealth="on")
    assert again["Location"] == "/qualify/done/"
    session = visitor.session  # as of the second of two that came at once
    session.clear()
    session.update(before)
    session.save()
    again = send(visitor, "consents", privacy="on", telehealth="on")
    assert again["Location"] == "/qualify/done/"
    assert visitor.get("/qualify/done/").status_code == 200
    assert not Count.objects.filter(name__startswith="guess").exists()
    assert Assessment.objects.filter(patient__last_name="New").count() == 1
    assert visitor.post("/qualify/", {"do": "begin"})["Location"] == "/qualify/birthday/"


@pytest.mark.parametrize("posts", [True, False])
def test_a_lost_draft_past_the_limit_of_guesses_is_told_once(
    visitor: Client, *, posts: bool
) -> None:
    send(visitor, "contact", phone="352-555-0177")
    Assessment.objects.filter(status="draft").delete()
    take("guess", address="127.0.0.1/32")
    Count.objects.filter(name__startswith="guess").update(n=30)
    told = send(visitor, "address", line1="1") if posts else visitor.get("/qualify/address/")
    assert told.status_code == 429
    assert "Too many of these" in told.content.decode()
    assert visitor.get("/qualify/address/")["Location"] == "/qualify/birthday/"


def test_who_looks_too_often_costs_no_draft(visitor: Client) -> None:
    send(visitor, "contact", phone="352-555-0177")
    Count.objects.filter(name__startswith="look address").update(n=5000)
    for ask in (visitor.get, visitor.post):
        with Queries() as queries:
            assert ask("/qualify/reason/").status_code == 429
        assert not [each for each in queries if "patients_assessment" in each["sql"]]


def test_the_session_holds_nothing_that_can_be_read(visitor: Client) -> None:
    send(visitor, "contact", phone="352-555-0177", email="nora@example.org")
    send(visitor, "reason", answer=["depression"])
    send(visitor, "suic", answer=SICK[0])
    assert unreadable(visitor)
    answer_each(visitor)
    send(visitor, "address", line1="12 Palafox St", city="Pensacola")
    assert unreadable(visitor)
    assert send(visitor, "consents", privacy="on", telehealth="on").status_code == 302
    assert unreadable(visitor)
    assert "qualify" not in visitor.session


def unreadable(client: Client) -> bool:
    """Whether the session tells neither who it is, nor how they are, nor the way to the draft."""
    draft = Assessment.objects.latest("begun_at")
    said = json.dumps(dict(client.session))
    told = ("Nora", "1990", "555", "example.org", "3250", "Palafox", "crisis", str(draft.pk))
    return not [each for each in told if each in said]


def test_a_session_whose_key_is_gone_is_an_empty_one(visitor: Client, settings: Any) -> None:
    settings.FIELD_KEYS = {"later": bytes(32)}
    assert visitor.get("/qualify/zip/")["Location"] == "/qualify/birthday/"


@pytest.mark.parametrize(
    ("step", "typed"),
    [
        ("zip", {"postal_code": "10001"}),
        ("birthday", {"month": "5", "day": "17", "year": "2015"}),
    ],
)
def test_nothing_is_kept_of_whom_we_cannot_treat(
    visitor: Client, step: str, typed: dict[str, str]
) -> None:
    send(visitor, "contact", phone="352-555-0177")
    send(visitor, "reason", answer=["depression"])
    told = send(visitor, step, **typed)
    assert (told.status_code, "We have kept nothing" in told.content.decode()) == (422, True)
    assert not Assessment.objects.filter(status="draft").exists()


def test_a_crisis_is_kept_of_whom_we_cannot_treat(visitor: Client) -> None:
    send(visitor, "contact", phone="352-555-0177")
    send(visitor, "reason", answer=["depression"])
    send(visitor, "suic", answer=SICK[0])
    said = send(visitor, "zip", postal_code="10001").content.decode()
    assert "We have kept nothing" not in said
    assert "keeps how to reach you" in said
    assert "You are not alone." in said
    assert Assessment.objects.get(status="draft").crisis


def test_what_was_typed_can_be_forgotten(visitor: Client) -> None:
    send(visitor, "contact", phone="352-555-0177")
    begun = visitor.get("/qualify/").content.decode()
    assert "within 12 hours" in begun
    assert "Forget what I typed" in begun
    told = visitor.post("/qualify/", {"do": "forget"}, follow=True).content.decode()
    assert "Nothing of what you typed is left." in told
    assert "Go on where you were" not in told
    assert not Assessment.objects.filter(status="draft").exists()


def test_begun_anew_leaves_nothing_of_what_was_before(visitor: Client) -> None:
    send(visitor, "contact", phone="352-555-0177")
    assert visitor.post("/qualify/", {"do": "begin"})["Location"] == "/qualify/birthday/"
    assert not Assessment.objects.filter(status="draft").exists()


def test_a_crisis_is_not_forgotten_and_that_is_told(visitor: Client) -> None:
    send(visitor, "contact", phone="352-555-0177")
    send(visitor, "reason", answer=["depression"])
    send(visitor, "suic", answer=SICK[0])
    told = visitor.post("/qualify/", {"do": "forget"}, follow=True).content.decode()
    assert "keeps how to reach you" in told
    assert "Nothing of what you typed is left." not in told
    assert Assessment.objects.get(status="draft").crisis


def test_colleagues_have_no_assessment_of_their_own(now: object) -> None:
    client = Client()
    client.cookies["sessionid"] = key_of(user_of("sam"))  # type: ignore[arg-type]
    for path in ("/qualify/", "/qualify/birthday/", "/book/"):
        assert client.get(path).status_code == 403, path
