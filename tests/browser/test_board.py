"""Staff's board of deliveries, as Sam uses it: parcels, papers, windows."""

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import BytesIO, StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from accounts import sessions
from accounts.models import Practice
from pages.staff import sheets
from patients.models import Patient
from records import clock
from records.models import AccessLog, WorkItem
from scheduling.deliveries import board
from scheduling.deliveries.models import TRANSITIONS, Delivery, Status
from scheduling.deliveries.standing import standing_of
from scheduling.deliveries.steps import possible
from scheduling.models import Closure, CustodyEvent, DeliveryWindow, DeliveryZone, Holiday
from tests.browser.site import Queries, key_of, user_of
from tests.care import DOOR_AT, PACK_AT, SHIP_AT, WAY_TO, Care, care, code, ok, to
from tests.conftest import Caller, caller

Sit = Callable[..., Page]
TALKS = ("2026-12-01T15:00:00Z", "2026-12-01T20:00:00Z")  # of Bruno and Eve, when Alice is served


def card(page: Page, reference: str) -> Any:
    return page.locator("li.parcel", has_text=reference)


def reference(walk: Care) -> str:
    return str(walk.delivery["reference"])


def has_window(name: str, talk: str, day: str = "2026-12-04") -> Care:
    """Another patient, whose parcel has a window."""
    walk = care(caller(name), talk=talk).prescribed()
    ok(walk.chooses(walk.window(day)))
    return walk


def fresh(name: str) -> Client:
    """Somebody who has just signed in, without a browser."""
    made = Client()
    made.cookies["sessionid"] = key_of(user_of(name))  # type: ignore[arg-type]
    return made


@pytest.fixture
def client(now: Any) -> Client:
    return fresh("sam")


def address_of(walk: Care, tail: str = "") -> str:
    return f"/staff/deliveries/{walk.delivery['id']}/{tail}"


def does(client: Client, walk: Care, verb: str, **body: Any) -> Any:
    sent = {"do": verb, "version": Delivery.objects.get(pk=walk.delivery["id"]).version, **body}
    return client.post(address_of(walk), sent)


# --- as a person does it ------------------------------------------------------------------------


def test_a_parcel_from_the_shelf_to_the_door(web: str, sit: Sit) -> None:
    """Pack, dispatch, attempt, once more, and hand over; never to somebody of nineteen."""
    walk = care(caller("alice")).scheduled()
    name = reference(walk)
    to(PACK_AT)
    sam = sit("sam")
    sam.goto("/staff/")
    card(sam, name).get_by_role("button", name="Pack").click()
    expect(sam.get_by_text(f"{name} is packed.")).to_be_visible()

    to(SHIP_AT)
    card(sam, name).locator("summary", has_text="Dispatch").click()
    card(sam, name).get_by_label("Carrier").fill("ups")
    card(sam, name).get_by_label("Tracking number").fill("1Z999AA10123456784")
    card(sam, name).get_by_role("button", name="Dispatch").click()
    expect(card(sam, name)).to_contain_text("UPS 1Z999AA10123456784")

    to(DOOR_AT)
    card(sam, name).get_by_role("button", name="Out for delivery").click()
    card(sam, name).locator("summary", has_text="Not handed over").click()
    card(sam, name).get_by_label("Why not").select_option("no_adult")
    card(sam, name).get_by_role("button", name="Not handed over").click()
    titles = sam.locator("#board h2").all_inner_texts()
    assert titles == ["Needs you", "On the way"]
    expect(sam.locator(".exceptions")).to_contain_text("Attempt 1: no adult was there")

    card(sam, name).get_by_role("button", name="Out for delivery").click()
    card(sam, name).locator("summary", has_text="Deliver").click()
    card(sam, name).get_by_label("Signed by").fill("Sal Signer")
    card(sam, name).get_by_label("Age of the signer").fill("19")
    card(sam, name).get_by_role("button", name="Deliver").click()
    expect(sam.get_by_role("alert")).to_contain_text("never given to somebody under 21")
    expect(sam.get_by_label("Signed by")).to_have_value("Sal Signer")
    sam.get_by_label("Age of the signer").fill("46")
    sam.get_by_label("A photo ID was checked").check()
    sam.get_by_role("button", name="Deliver", exact=True).click()
    expect(sam.locator("#column-delivered")).to_contain_text(name)
    sam.get_by_role("link", name=name).click()
    custody = sam.get_by_role("region", name="Who had it in hand")
    expect(custody.get_by_role("listitem")).to_have_count(7)
    expect(custody).to_contain_text("ID checked: yes, age: 46")


def test_two_at_the_board(web: str, sit: Sit) -> None:
    """What another does shows by itself; what is typed, its focus and the checks stay."""
    walk = care(caller("alice")).delivery_in("packed")
    other = has_window("bruno", "2026-12-02T20:15:00Z", "2026-12-09")
    polls: list[str] = []
    sam = sit("sam")
    sam.on("request", lambda r: polls.append(r.url) if "x-poll" in r.headers else None)
    sam.clock.install()
    sam.goto("/staff/")
    mine, theirs = card(sam, reference(walk)), card(sam, reference(other))
    theirs.get_by_label("Choose").check()
    mine.locator("summary", has_text="Dispatch").click()
    mine.get_by_label("Tracking number").fill("1Z-half-typ")
    sam.clock.run_for(11_000)
    expect(sam.locator("#news")).to_have_text("Up to date.")

    ok(other.staff("pack"))
    sam.clock.run_for(11_000)
    expect(sam.locator("#column-packed")).to_contain_text(reference(other))
    expect(sam.locator("#news")).to_have_text("1 change since you came.")
    expect(theirs.get_by_label("Choose")).to_be_checked()
    expect(mine.get_by_label("Tracking number")).to_be_focused()
    expect(mine.get_by_label("Tracking number")).to_have_value("1Z-half-typ")

    ok(walk.staff("hold"))
    sam.clock.run_for(11_000)
    expect(mine).to_contain_text("Somebody else has changed this parcel.")
    expect(mine.get_by_label("Tracking number")).to_have_value("1Z-half-typ")
    seen = len(polls)
    sam.evaluate(
        "() => { Object.defineProperty(document, 'visibilityState', {value: 'hidden', "
        "configurable: true}); document.dispatchEvent(new Event('visibilitychange')) }"
    )
    sam.clock.run_for(60_000)
    assert len(polls) == seen
    sam.evaluate(
        "() => { delete document.visibilityState; "
        "document.dispatchEvent(new Event('visibilitychange')) }"
    )
    sam.wait_for_function("() => true")
    mine.get_by_label("Carrier").fill("UPS")
    mine.get_by_role("button", name="Dispatch").click()
    expect(sam.get_by_role("alert")).to_contain_text("changed since you looked")
    assert len(polls) > seen


def test_many_at_once_and_one_of_them_cannot(web: str, sit: Sit) -> None:
    good = care(caller("alice")).scheduled()
    bad = care(caller("bruno"), talk=TALKS[0]).prescribed()
    to("2026-12-02T14:00Z")
    sam = sit("sam")
    sam.goto("/staff/")
    for walk in (good, bad):
        card(sam, reference(walk)).get_by_label("Choose").check()
    sam.get_by_text("Many at once, papers, tracking numbers").click()
    sam.get_by_label("Action").select_option("pack")
    sam.get_by_role("button", name="Do it").click()
    results = sam.get_by_role("region", name="What came of it").get_by_role("listitem")
    expect(results.filter(has_text=reference(good))).to_contain_text("Done")
    expect(results.filter(has_text=reference(bad))).to_contain_text("Not done")
    expect(results.filter(has_text=reference(bad))).to_contain_text("waiting for a window")
    expect(sam.locator("#column-packed")).to_contain_text(reference(good))

    sheet = f"delivery,carrier,tracking\n{reference(good)},UPS,1Z77\n{reference(bad)},UPS,1Z78\n"
    file = {"name": "t.csv", "mimeType": "text/csv", "buffer": sheet.encode()}
    sam.get_by_label("Sheet of tracking numbers").set_input_files(file)  # type: ignore[arg-type]
    sam.get_by_role("button", name="Dispatch what the sheet names").click()
    expect(results.filter(has_text=reference(good))).to_contain_text("Dispatched")
    expect(results.filter(has_text=reference(bad))).to_contain_text("Not done")


def test_a_closure_is_looked_at_then_saved(web: str, sit: Sit) -> None:
    walk = care(caller("alice")).scheduled()
    sam = sit("sam")
    sam.goto("/staff/windows/closures/")
    sam.get_by_label("From").fill("2026-12-02T00:00")
    sam.get_by_label("Until").fill("2026-12-05T00:00")
    sam.get_by_label("Reason, for colleagues").fill("Storm")
    sam.get_by_role("checkbox", name="Escambia").check()
    sam.get_by_role("button", name="Show whom it meets").click()
    expect(sam.get_by_role("heading", name="It would meet 1 parcel")).to_be_visible()
    expect(sam.get_by_role("cell", name=reference(walk))).to_be_visible()
    assert not Closure.objects.exists()
    sam.get_by_role("button", name="Close these counties").click()
    expect(sam.get_by_text("These counties are closed")).to_be_visible()
    expect(sam.get_by_role("article")).to_contain_text("Storm")
    assert Closure.objects.get().counties == ["FL Escambia"]
    sam.get_by_role("button", name="Open again").click()
    expect(sam.get_by_text("Every county is open.")).to_be_visible()


# --- asked again and again ----------------------------------------------------------------------


def polls(client: Client, mark: str) -> tuple[Any, list[str]]:
    headers = {"X-Poll": "1", "If-None-Match": mark}
    with Queries() as asked:
        answer = client.get("/staff/", headers=headers)
    signing_in = ("records_clock", "django_session", "accounts_user")
    statements = [q["sql"] for q in asked.captured_queries]
    return answer, [s for s in statements if not any(name in s for name in signing_in)]


def test_nothing_new_is_one_query(prescribed: Care, client: Client) -> None:
    """And nobody is written down as looking; whatever changes a card gives it another mark."""
    prescribed.scheduled()
    mark = client.get("/staff/")["ETag"]
    looked = AccessLog.objects.count()
    answer, asked = polls(client, mark)
    assert (answer.status_code, answer.content, len(asked)) == (304, b"", 1)
    assert AccessLog.objects.count() == looked

    for change in (
        lambda: ok(prescribed.staff("hold")),
        lambda: ok(prescribed.who.patch("me/", {"last_name": "Renamed"})),
        lambda: ok(prescribed.chen.post(f"patients/{prescribed.id}/clinical-holds/", HOLD)),
        lambda: ok(prescribed.sam.post("holidays/", HOLIDAY)),
    ):
        change()
        answer, asked = polls(client, mark)
        assert answer.status_code == 200
        assert len(asked) <= 9, "\n".join(s[:90] for s in asked)
        assert AccessLog.objects.count() > looked
        assert polls(client, answer["ETag"])[0].status_code == 304
        mark = answer["ETag"]
    assert "Renamed" in answer.content.decode()


HOLD = {"note": "n"}
HOLIDAY = {"day": "2026-12-24", "name": "Eve", "effect": "neither"}


@pytest.mark.parametrize("mark", ["", '"x"', '"a.b.c"', '"1.2.3.4"', '"0.0.0"'])
def test_a_mark_that_was_never_given_reads_the_board(client: Client, mark: str) -> None:
    assert polls(client, mark)[0].status_code == 200


def test_time_alone_shows_too(prescribed: Care, client: Client) -> None:
    """A parcel becomes late without anybody doing anything."""
    prescribed.scheduled()
    mark = client.get("/staff/")["ETag"]
    clock.move(clock.now() + timedelta(days=10))
    answer, _ = polls(client, mark)
    assert "Late" in answer.content.decode()


def test_asking_by_itself_is_no_use_of_a_sign_in(client: Client) -> None:
    """Else nobody would ever be signed out beside an open board."""
    key = client.cookies["sessionid"].value
    session = SessionStore(key)
    session[sessions.USED] -= 600
    session.save()
    polls(client, "")
    assert SessionStore(key)[sessions.USED] == session[sessions.USED]
    client.get("/staff/")
    assert SessionStore(key)[sessions.USED] > session[sessions.USED]


def test_three_parcels_ask_no_more_than_one(alice: Caller, client: Client) -> None:
    walk = care(alice).scheduled()
    first, one = _asked(client, "/staff/"), reference(walk)
    for name, talk in zip(("bruno", "eve"), TALKS, strict=True):
        has_window(name, talk)
    shown, three = client.get("/staff/").content.decode(), _asked(client, "/staff/")
    assert shown.count('class="card parcel"') == 3
    assert one in shown
    assert first == three <= 12
    for address in (address_of(walk), "/staff/windows/closures/", "/staff/papers/manifest.csv"):
        _asked(client, address)


def _asked(client: Client, address: str) -> int:
    client.get(address)
    with Queries() as asked:
        assert client.get(address).status_code == 200
    assert len(asked) <= 12, "\n".join(q["sql"][:90] for q in asked.captured_queries)
    return len(asked)


# --- what is offered, and refused -----------------------------------------------------------------

OFFERED = {
    "pack": {}, "dispatch": {"carrier": "UPS", "tracking": "1Z5"}, "out-for-delivery": {},
    "deliver": {"signed_by": "S", "relation": "signer", "id_checked": True, "signer_age": 46},
    "attempt": {"code": "no_adult"}, "hold": {}, "release": {}, "recall": {},
    "return": {"seal_ok": True}, "investigate": {}, "lose": {}, "cancel": {},
    "confirm-receipt": {"received": True}, "correct": {"reason": "r"}, "no-signer": {},
}  # fmt: skip


@pytest.mark.parametrize("status", sorted(set(WAY_TO) & set(TRANSITIONS)))
def test_what_is_offered_is_possible_and_nothing_else_is(prescribed: Care, status: str) -> None:
    """No dead buttons, and none that is missing: the doors of the API are asked for each."""
    from django.db import transaction

    prescribed.delivery_in(status)
    row = Delivery.objects.get(pk=prescribed.delivery["id"])
    standing = standing_of(row.patient_id, now=clock.now())
    row = next(r for r in standing.deliveries if r.pk == row.pk)
    offered = {verb for verb in possible(row, standing) if verb != "choose-window"}
    taken = set()
    for verb, body in OFFERED.items():
        before = transaction.savepoint()
        if prescribed.sam.post(f"deliveries/{row.pk}/{verb}/", body).status_code == 200:
            taken.add(verb)
        transaction.savepoint_rollback(before)
    assert offered == taken


def test_without_a_browser_that_runs_scripts(prescribed: Care, client: Client) -> None:
    """A caller's window is chosen, packed, and the page says what came of it."""
    page = client.get(address_of(prescribed, "window/")).content.decode()
    assert "Central time" in page
    window = DeliveryWindow.objects.get(pk=prescribed.window())
    choice = {
        "do": "choose", "version": "1", "window": str(window.pk), "signer_name": "Sal Signer",
        "signer_born": "2010-01-01", "channel": "telephone",
    }  # fmt: skip
    young = client.post(address_of(prescribed, "window/"), choice)
    assert young.status_code == 422
    assert "must be 21 or older" in young.content.decode()
    assert 'value="Sal Signer"' in young.content.decode()
    grown = client.post(
        address_of(prescribed, "window/"), {**choice, "signer_born": "1980-02-03"}, follow=True
    )
    assert "has its window" in grown.content.decode()
    assert CustodyEvent.objects.latest("recorded_at").recorded_by == user_of("sam")
    to(PACK_AT)
    packed = client.post(
        address_of(prescribed), {"do": "pack", "version": "2", "next": "/staff/?part=morning"}
    )
    assert packed["Location"] == "/staff/?part=morning"
    assert prescribed.delivery["status"] == "packed"


def test_what_changed_since_is_refused(prescribed: Care, client: Client) -> None:
    prescribed.scheduled()
    to(PACK_AT)
    answer = does(client, prescribed, "pack", version="1")
    assert answer.status_code == 412
    assert "changed since you looked" in answer.content.decode()
    assert prescribed.delivery["status"] == "scheduled"
    assert does(client, prescribed, "pack", version="x").status_code == 412


def test_a_gate_says_what_is_missing(prescribed: Care, client: Client) -> None:
    prescribed.scheduled()
    ok(prescribed.chen.post(f"patients/{prescribed.id}/clinical-holds/", HOLD))
    page = client.get(address_of(prescribed)).content.decode()
    assert "What it waits for" in page
    assert 'value="pack"' not in page
    answer = does(client, prescribed, "pack")
    assert answer.status_code == 409
    assert "Your physician looks at something first" in answer.content.decode()


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("dispatch", {"carrier": "", "tracking": "1"}),
        ("dispatch", {"carrier": "U" * 41, "tracking": "1"}),
        ("return", {"seal_ok": "perhaps"}),
        ("correct", {"reason": " "}),
        ("attempt", {"code": "bored"}),
    ],
)
def test_what_cannot_be_used_is_shown_again(
    prescribed: Care, client: Client, verb: str, body: dict[str, Any]
) -> None:
    prescribed.scheduled()
    assert does(client, prescribed, verb, **body).status_code == 400
    assert prescribed.delivery["status"] == "scheduled"


def test_nowhere_else_to_go_back_to(prescribed: Care, client: Client) -> None:
    prescribed.scheduled()
    to(PACK_AT)
    for where in ("https://example.org/staff/", "//example.org/staff/", "/admin/"):
        answer = does(client, prescribed, "hold", next=where)
        assert answer["Location"] == address_of(prescribed)
        ok(prescribed.staff("release"))
        if prescribed.delivery["status"] == "awaiting_window":
            ok(prescribed.chooses(prescribed.window("2026-12-04")))


def test_who_may_not_look(prescribed: Care, client: Client) -> None:
    """Patients and physicians are refused; what never was is nothing, and written down."""
    for name in ("alice", "chen", "admin"):
        other = Client()
        other.cookies["sessionid"] = key_of(user_of(name))  # type: ignore[arg-type]
        for address in ("/staff/", address_of(prescribed), "/staff/papers/slips.pdf"):
            assert other.get(address).status_code == 403
            assert other.post(address, {"do": "pack"}).status_code == 403
    never = "01890a5d-ac96-774b-bcce-b302099a8057"
    assert client.get(f"/staff/deliveries/{never}/").status_code == 404
    assert AccessLog.objects.filter(denied=True, object_ids__contains=[never]).exists()


def test_filters(alice: Caller, client: Client) -> None:
    walk = care(alice).scheduled()
    other = has_window("bruno", TALKS[0])
    window = Delivery.objects.get(pk=walk.delivery["id"]).window
    assert window
    zone = DeliveryZone.objects.get(pk=window.zone_id)
    for asked, shows in (
        ("", {walk, other}),
        ("day=2026-12-03", {walk}),
        ("day=2026-12-04", {other}),
        (f"zone={zone.pk}", {walk}),
        (f"window={window.pk}", {walk}),
        ("part=evening", set()),
        ("day=nonsense&zone=1&part=x&window=2&whole=y", {walk, other}),
    ):
        page = client.get(f"/staff/?{asked}").content.decode()
        assert {w for w in (walk, other) if reference(w) in page} == shows, asked


def test_a_whole_column_is_shown_page_by_page(
    alice: Caller, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduling.deliveries.board.LONG", 1)
    monkeypatch.setattr("scheduling.deliveries.board.SHORT", 1)
    monkeypatch.setattr("pages.staff.board.LONG", 1)
    walks = [care(alice).scheduled(), has_window("bruno", TALKS[0])]
    seen = []
    for address in (
        "",
        "?whole=scheduled&first=0",
        "?whole=scheduled&first=1",
        "?whole=scheduled&first=9",
    ):
        page = client.get(f"/staff/{address}").content.decode()
        seen.append([number for number, walk in enumerate(walks) if reference(walk) in page])
        assert ("first=1#" in page) == (address == "?whole=scheduled&first=0")
        assert "data-total>2<" in page
    assert seen == [[0], [0], [1], [1]]


def test_what_happens_while_an_empty_board_is_read_is_a_change(
    prescribed: Care, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    prescribed.scheduled()
    ranked = board._ranked

    def slowly(*args: Any) -> Any:
        rows = ranked(*args)
        assert not rows.exists()
        ok(prescribed.staff("hold"))
        return rows

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(board, "_ranked", slowly)
        mark = client.get("/staff/?day=2030-01-01")["ETag"]
    assert polls(client, mark)[0].status_code == 200


def test_nothing_checked_does_nothing(client: Client) -> None:
    answer = client.post("/staff/", {"do": "many", "verb": "pack"})
    assert answer.status_code == 400
    assert "Check 1 to 200 parcels first." in answer.content.decode()
    answer = client.post("/staff/", {"do": "many", "verb": "pack", "only": ["D-NEVER0"]})
    assert "There is nothing here for you" in answer.content.decode()


# --- papers ---------------------------------------------------------------------------------------

UNSAID = ("ketamine", "lozenge", "mg", "rx", "prescri", "depress", "clinic", "physician", "hearth",
          "drug", "medic", "treatment", "dr.")  # fmt: skip


@pytest.mark.parametrize("kind", ["pick-list", "slips", "manifest"])
def test_papers_say_who_where_when_and_nothing_of_what(
    prescribed: Care, client: Client, kind: str
) -> None:
    prescribed.delivery_in("packed") if kind == "manifest" else prescribed.scheduled()
    name = reference(prescribed)
    answer = client.get(f"/staff/papers/{kind}.pdf")
    assert answer["Content-Type"] == "application/pdf"
    text = " ".join(PdfReader(BytesIO(answer.content)).pages[0].extract_text().split())
    for word in (name, "Alice Test", "Pensacola, FL 32501", "Thu, Dec 3", "Central"):
        assert word in text
    if kind != "pick-list":
        assert "100 Palafox St" in text
        assert "Adult signature 21+ with photo ID" in text
    sheet = list(csv.DictReader(StringIO(client.get(f"/staff/papers/{kind}.csv").content.decode())))
    assert [row["reference"] for row in sheet] == [name]
    said = (text + str(sheet)).lower()
    assert not [word for word in UNSAID if word in said]
    row = AccessLog.objects.latest("at")
    assert (row.object_kind, row.patient_ids) == ("delivery", [prescribed.id])


def test_a_paper_of_the_checked_ones_alone(alice: Caller, client: Client) -> None:
    walk = care(alice).scheduled()
    has_window("bruno", TALKS[0])
    sent = {"do": "paper", "paper": "slips.csv", "only": [reference(walk)]}
    answer = client.post("/staff/?part=evening", sent)
    assert answer["Location"] == f"/staff/papers/slips.csv?only={reference(walk)}"
    assert client.get(answer["Location"]).content.decode().count("\r\n") == 2
    everyone = client.post("/staff/?part=evening", {"do": "paper", "paper": "slips.csv"})
    assert everyone["Location"] == "/staff/papers/slips.csv?part=evening"
    assert client.get("/staff/papers/slips.csv").content.decode().count("\r\n") == 3


def test_no_name_is_a_formula(prescribed: Care, client: Client) -> None:
    prescribed.scheduled()
    Patient.objects.filter(pk=prescribed.id).update(first_name='=HYPERLINK("x")')
    text = client.get("/staff/papers/pick-list.csv").content.decode()
    assert [row["name"] for row in csv.DictReader(StringIO(text))] == ['\'=HYPERLINK("x") Test']


def test_a_list_leaves_only_with_who_has_just_shown_who_they_are(client: Client) -> None:
    session = SessionStore(client.cookies["sessionid"].value)
    for record in session["account_authentication_methods"]:
        record["at"] -= 3600
    session.save()
    answer = client.get("/staff/papers/manifest.csv?day=2026-12-03")
    assert answer.status_code == 302
    assert "reauthenticate" in answer["Location"]
    assert "day%3D2026-12-03" in answer["Location"]


def test_a_paper_leaves_nothing_out_in_silence(
    alice: Caller, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = care(alice).scheduled()
    has_window("bruno", TALKS[0])
    bad = client.get("/staff/papers/pick-list.csv?day=2026-13-45")
    assert bad.status_code == 400
    assert "These filters cannot be read: day." in bad.content.decode()
    monkeypatch.setattr("pages.staff.papers.MOST_AT_ONCE", 1)
    many = client.get("/staff/papers/pick-list.csv")
    assert many.status_code == 400
    assert "choose a day, a zone or a time of day" in many.content.decode()
    assert client.get("/staff/papers/pick-list.csv?day=2026-12-03").status_code == 200
    monkeypatch.undo()

    ok(walk.staff("cancel"))
    name = reference(walk)
    for only, why in ((name, f"{name} (cancelled, no window)"), ("D-NEVER0", "D-NEVER0 (not")):
        answer = client.get(f"/staff/papers/slips.pdf?only={only}")
        assert answer.status_code == 400
        assert f"There is no paper for {why}" in answer.content.decode()
    sent = {"do": "paper", "paper": "slips.csv", "only": [f"D-{n:06}" for n in range(201)]}
    assert client.post("/staff/", sent).status_code == 400


def test_a_slip_is_one_page_whatever_the_names_are() -> None:
    line = {
        "reference": "D-ABCDEF", "name": f"{'W' * 60} {'M' * 60}", "place": f"{'W' * 60}, FL 32501",
        "street": f"{'W' * 100}, {'W' * 100}", "phone": "850-555-0100",
        "window": "Wed, Dec 30, 10:00 AM to 12:00 PM Central",
    }  # fmt: skip
    pages = PdfReader(BytesIO(sheets.slips([line, line], "Nov 1"))).pages
    assert ["D-ABCDEF" in page.extract_text() for page in pages] == [True, True]


def test_the_office_that_was_set_up_is_on_the_slip_and_the_pages(
    prescribed: Care, client: Client, now: Any
) -> None:
    prescribed.scheduled()
    Practice.objects.create(name="Gulf", phone="+18505550177", time_zone="America/Chicago")
    slip = PdfReader(BytesIO(client.get("/staff/papers/slips.pdf").content)).pages[0]
    assert "850-555-0177" in slip.extract_text()
    closures = client.get("/staff/windows/closures/").content.decode()
    assert '<option value="America/Chicago" selected>' in closures
    clock.move(datetime(2026, 11, 25, 5, 30, tzinfo=UTC))  # Tuesday still, in the office
    assert (
        'pick-list-2026-11-24.csv"'
        in client.get("/staff/papers/pick-list.csv").headers["Content-Disposition"]
    )
    item = raise_item(now)
    assert "Central" in client.get(f"/staff/work/{item.pk}/").content.decode()


def raise_item(now: Any) -> WorkItem:
    nothing = uuid4()
    return WorkItem.objects.create(
        kind="call_patient", detail="Call.", urgency=2, for_role="staff", object_kind="patient",
        object_id=nothing, cause=nothing, raised_at=now, due_at=now,
    )  # fmt: skip


# --- windows --------------------------------------------------------------------------------------


def test_the_load_of_windows(prescribed: Care, client: Client) -> None:
    """Places are added and taken away, but none that somebody has."""
    prescribed.scheduled()
    window = Delivery.objects.get(pk=prescribed.delivery["id"]).window
    assert window
    address = f"/staff/windows/?zone={window.zone_id}&first=2026-12-01"
    page = client.get(address).content.decode()
    assert f"1 of {window.capacity} places taken" in page
    named = {"window": str(window.pk)}
    assert client.post(address, {"do": "capacity", **named, "capacity": "7"}).status_code == 302
    assert "1 of 7 places taken" in client.get(address).content.decode()
    assert client.post(address, {"do": "capacity", **named, "capacity": "0"}).status_code == 400
    assert client.post(address, {"do": "close", **named}).status_code == 302
    assert "1 of 1 places taken" in client.get(address).content.decode()
    DeliveryWindow.objects.filter(pk=window.pk).update(capacity=3, taken=2)
    answer = client.post(address, {"do": "capacity", **named, "capacity": "1"})
    assert answer.status_code == 409
    assert "Places are taken already: 2." in answer.content.decode()
    free = DeliveryWindow.objects.filter(taken=0, capacity__gt=0).first()
    assert free
    client.post(address, {"do": "close", "window": str(free.pk)})
    assert not DeliveryWindow.objects.filter(pk=free.pk, capacity__gt=0).exists()
    assert client.post(address, {"do": "close", "window": str(free.pk)}).status_code == 404


def test_a_window_is_opened_by_the_rules_of_its_zone(client: Client) -> None:
    zone = DeliveryZone.objects.first()
    assert zone
    sent = {
        "do": "add", "zone": str(zone.pk), "day": "2026-12-09", "opens": "18:00",
        "closes": "20:00", "capacity": "4",
    }  # fmt: skip
    assert client.post("/staff/windows/", sent).status_code == 302
    row = DeliveryWindow.objects.get(capacity=4)
    assert row.ship_on == date(2026, 12, 9) - timedelta(days=zone.transit_days)
    assert client.post("/staff/windows/", sent).status_code == 409
    answer = client.post("/staff/windows/", {**sent, "closes": "17:00"})
    assert answer.status_code == 400
    assert "Use a time after it opens." in answer.content.decode()


def test_holidays_and_zones(client: Client) -> None:
    sent = {"do": "add", "day": "2026-12-24", "name": "Eve", "effect": "no_ship"}
    client.post("/staff/windows/holidays/", sent)
    assert client.post("/staff/windows/holidays/", sent).status_code == 409
    row = Holiday.objects.get(day="2026-12-24")
    client.post("/staff/windows/holidays/", {"do": "remove", "holiday": str(row.pk)})
    assert not Holiday.objects.filter(pk=row.pk).exists()

    new = {
        "do": "add", "name": "Keys", "time_zone": "America/New_York", "weekdays": ["1", "2"],
        "opens": "09:00", "closes": "12:00", "capacity": "5", "ship_weekdays": ["0", "1"],
        "transit_days": "1", "cutoff": "11:00", "counties": [],
    }  # fmt: skip
    assert client.post("/staff/windows/zones/", new).status_code == 302
    zone = DeliveryZone.objects.get(name="Keys")
    assert zone.templates.count() == 2
    take = {"do": "take", "zone": str(zone.pk), "counties": ["FL Monroe"]}
    client.post("/staff/windows/zones/", take)
    assert [c.county for c in zone.counties.all()] == ["Monroe"]
    client.post("/staff/windows/zones/", {"do": "remove", "zone": str(zone.pk)})
    assert not DeliveryZone.objects.filter(name="Keys").exists()


def test_capacity_at_the_api(sam: Caller, prescribed: Care) -> None:
    window = prescribed.window()
    assert ok(sam.patch(f"delivery-windows/{window}/", {"capacity": 3}))["places_left"] == 3
    DeliveryWindow.objects.filter(pk=window).update(taken=2)
    answer = sam.patch(f"delivery-windows/{window}/", {"capacity": 1})
    assert code(answer) == (409, "wrong_state")
    assert answer.json()["errors"][0]["pointer"] == "/capacity"
    assert sam.patch(f"delivery-windows/{window}/", {"capacity": "3"}).status_code == 400


def test_late_and_at_risk(prescribed: Care, client: Client) -> None:
    prescribed.scheduled()
    assert "At risk" not in client.get("/staff/").content.decode()
    ok(prescribed.chen.post(f"patients/{prescribed.id}/clinical-holds/", HOLD))
    to("2026-12-02T17:00Z")
    assert "At risk" in client.get("/staff/").content.decode()
    assert prescribed.delivery["status"] == Status.SCHEDULED


# --- what browsers never send, and others do ------------------------------------------------------

BOOK = "/staff/patients/{alice}/book/"
ZONE = {
    "do": "add", "name": "Gulf", "time_zone": "America/Chicago", "opens": "09:00",
    "closes": "10:00", "capacity": "1", "transit_days": "1", "cutoff": "11:00",
}  # fmt: skip
SKIPPED = {"day": "2027-03-14", "opens": "02:10", "closes": "02:50", "capacity": "1"}
ITEM = "01890a5d-ac96-774b-bcce-b302099a8057"
ODD: tuple[tuple[str, dict[str, Any] | None, int], ...] = (
    ("/staff/", {"do": "many", "verb": "hold", "only": "\0"}, 200),
    ("/staff/papers/slips.csv?only=%00", None, 400),
    (f"/staff/work/?after=1_0001-01-01T00:00:00%2B23:59_{ITEM}", None, 200),
    (f"/staff/work/?after=1_9999-12-31T23:59:59-23:59_{ITEM}", None, 200),
    (f"/staff/work/?after=1_2026-12-01T00:00:00%2B05:30:15.123456_{ITEM}", None, 200),
    (
        BOOK,
        {"do": "book", "channel": "telephone", "place": "FL",
         "start": "2026-12-01T15:00:00+05:30:15.123456"},
        400,
    ),
    (
        BOOK,
        {"do": "book", "channel": "telephone", "place": "FL", "start": "2000-01-01T00:00:00+23:59"},
        400,
    ),
    ("/staff/windows/", {"do": "add", "zone": "{zone}", **SKIPPED}, 400),
    ("/staff/windows/zones/", {**ZONE, "weekdays": ["1", "1"], "ship_weekdays": ["0"]}, 302),
    ("/staff/windows/zones/", {**ZONE, "weekdays": ["1"], "ship_weekdays": ["0"] * 30}, 302),
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(ODD)))
def test_odd_input_is_refused_and_no_fault_of_ours(client: Client, number: int) -> None:
    address, body, status = ODD[number]
    known = {
        "alice": Patient.objects.get(first_name="Alice").pk,
        "zone": DeliveryZone.objects.get(counties__county="Escambia").pk,
    }
    address = address.format(**known)
    if body is None:
        answer = client.get(address)
    else:
        sent = {k: v.format(**known) if isinstance(v, str) else v for k, v in body.items()}
        answer = client.post(address, sent)
    assert answer.status_code == status, answer.content


def test_the_days_of_a_zone_are_kept_once(client: Client) -> None:
    client.post(
        "/staff/windows/zones/", {**ZONE, "weekdays": ["1", "1"], "ship_weekdays": ["0", "0"]}
    )
    zone = DeliveryZone.objects.get(name="Gulf")
    assert (zone.templates.count(), zone.ship_weekdays) == (1, [0])


def test_a_carrier_is_as_long_in_capitals(client: Client, now: Any) -> None:
    walk = care(caller("alice")).prescribed()
    walk.delivery_in("packed")
    to(SHIP_AT)
    answer = does(client, walk, "dispatch", carrier="ß" * 40, tracking="1")
    assert answer.status_code == 400
    assert does(client, walk, "dispatch", carrier="ß" * 20, tracking="1").status_code == 302


CLOSED = {
    "counties": ["FL Bay"], "start": "2026-12-01T00:00", "end": "2026-12-02T00:00",
    "reason": "Storm", "time_zone": "America/Chicago",
}  # fmt: skip


def test_a_closure_is_shown_before_it_is_saved(client: Client) -> None:
    def asked(do: str, **more: Any) -> Any:
        return client.post("/staff/windows/closures/", {**CLOSED, "do": do, **more})

    seen = asked("preview").context["previewed"]
    for previewed, end in (("", "2026-12-02T00:00"), (seen, "2026-12-09T00:00")):
        answer = asked("save", previewed=previewed, end=end)
        assert answer.status_code == 409
        assert b"This is not what was shown before" in answer.content
    assert not Closure.objects.exists()
    assert asked("save", previewed=seen, reason="A big storm").status_code == 302
    assert Closure.objects.get().reason == "A big storm"


def test_a_closure_lasts_through_the_hour_that_autumn_repeats(client: Client) -> None:
    sent = {
        **CLOSED, "time_zone": "America/New_York", "start": "2026-11-01T00:30",
        "end": "2026-11-01T01:30",
    }  # fmt: skip
    shown = client.post("/staff/windows/closures/", {**sent, "do": "preview"})
    sent["previewed"] = shown.context["previewed"]
    client.post("/staff/windows/closures/", {**sent, "do": "save"})
    assert Closure.objects.get().end == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_a_window_that_nobody_could_choose_is_not_opened(client: Client, sam: Caller) -> None:
    zone = DeliveryZone.objects.get(counties__county="Escambia")
    wish = {"do": "add", "zone": zone.pk, "opens": "05:00", "closes": "06:00", "capacity": "1"}
    late = {"day": "2026-12-16", "ship_on": "2026-12-15", "cutoff": "2020-01-01T00:00"}
    for day in ({"day": "2020-01-06"}, late):
        answer = client.post("/staff/windows/", {**wish, **day})
        assert answer.status_code == 409
        assert b"its time to order is over" in answer.content
    over = {"starts": "2020-01-06T15:00:00Z", "ends": "2020-01-06T17:00:00Z"}
    over |= {"zone": str(zone.pk), "ship_on": "2020-01-03", "cutoff_at": "2020-01-02T15:00:00Z"}
    answer = sam.post("delivery-windows/", {**over, "capacity": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


def test_a_parcel_that_was_not_seen_is_stale(client: Client, now: Any) -> None:
    walk = care(caller("alice")).scheduled()
    assert client.post(address_of(walk), {"do": "hold"}).status_code == 412
    sent = {
        "do": "choose",
        "channel": "telephone",
        "signer_name": "Al",
        "signer_born": "1980-01-01",
    }
    sent["window"] = str(Delivery.objects.get(pk=walk.delivery["id"]).window_id)
    assert client.post(address_of(walk, "window/"), sent).status_code == 412


def test_a_holiday_is_shown_till_the_day_is_over_where_we_are(
    client: Client, at: Callable[[str], datetime]
) -> None:
    """At 8 PM in New York it is tomorrow in UTC."""
    Holiday.objects.create(day="2026-12-19", name="Late feast", effect="neither")
    at("2026-12-20T01:00Z")
    assert b"Late feast" in fresh("sam").get("/staff/windows/holidays/").content
