"""What answers say besides what was asked: headers, scripts, formulas, formats, line ends."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework import serializers

from accounts.models import User
from config.headers import DATA, PAGE
from notifications.models import Message
from notifications.sandbox.models import SandboxMessage
from records.api import Csv
from records.models import Event
from scheduling.demo import answers
from tests.cast import CAST, PENSACOLA, YES, person
from tests.conftest import Caller, caller
from tests.signing import Browser
from tests.texting import ALICE, book, inbound, run, texts

ID = "0190a000-0000-7000-8000-000000000000"
XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
FOR_ALL = {
    "/api/v1/service-area/", "/api/v1/plans/", "/api/v1/physicians/", "/api/v1/slots/",
    "/api/v1/assessments/questions/", "/api/schema/", "/api/docs/",
}  # fmt: skip


def routes(below: Any = None, at: str = "/") -> Iterator[str]:
    """An address of every route there is."""
    for entry in get_resolver().url_patterns if below is None else below:
        path = at + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, path)
        elif isinstance(entry, URLPattern):
            path = re.sub(r"\(\?P<url>.*", "zzz", path)  # the admin's, for all that is nowhere
            path = re.sub(r"<int:\w+>|<path:object_id>", "1", path)
            path = re.sub(r"<(uuid|str|slug|path|app_label)?:?\w+>", ID, path)
            yield re.sub(r"[\^$?]|\(.*\)", "", path)


# A script of data is not run.
INLINE = re.compile(rb"<script(?![^>]*\b(?:src=|application/json))|<style|\son\w+=")


def check(answer: Any, path: str) -> None:
    is_page = answer.get("Content-Type", "").startswith("text/html")
    assert answer["Content-Security-Policy"] == (PAGE if is_page else DATA), path
    assert answer["X-Content-Type-Options"] == "nosniff", path
    assert answer["Referrer-Policy"] == ("same-origin" if is_page else "no-referrer"), path
    assert answer["X-Frame-Options"] == "DENY", path
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin", path
    assert "geolocation=()" in answer["Permissions-Policy"], path
    told = answer.get("Cache-Control", "")
    for_all = path in FOR_ALL or path.startswith("/problems/")
    assert ("no-store" in told) is not for_all, (path, told)


@pytest.mark.parametrize("method", ["get", "post"])
def test_every_route_has_its_headers(now: Any, method: str) -> None:
    every = sorted(set(routes()))
    assert len(every) > 120
    assert {"/api/v1/me/", "/livez", f"/a/{ID}", "/admin/login/"} <= set(every)
    for path in every:
        answer = getattr(Client(raise_request_exception=False), method)(path)
        assert answer.status_code < 500 or path == "/readyz", (path, answer.content)
        check(answer, path if method == "get" else "")
        inline = INLINE.findall(answer.content)
        assert not inline, (path, inline)


def in_the_admin(about: Caller) -> tuple[Client, str]:
    """An administrator in the admin, and its page about somebody."""
    assert about.user
    inside = Browser().sign_in("admin").client
    return inside, f"/admin/accounts/user/{about.user.pk}/change/"


def test_what_a_signed_in_person_sees_is_kept_by_no_cache(alice: Caller, admin: Caller) -> None:
    """Also where the same is shown to everybody without a sign-in."""
    for path in ("plans/", "slots/?from=2026-11-30&to=2026-11-30", "me/", "consultations/"):
        answer = alice.get(path)
        assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    inside, change = in_the_admin(alice)
    for path in ("/admin/", "/admin/accounts/user/", change):
        answer = inside.get(path)
        assert answer.status_code == 200
        check(answer, path)
        assert not re.findall(rb"<script(?![^>]*\bsrc=)", answer.content)


def test_answers_that_middleware_gives_have_the_headers_too(outsider: Caller) -> None:
    for answer in (
        Client().get("/api/v1/me/", headers={"Host": "evil.example.org"}),
        Client().get("/api/v1/nowhere/"),
        Client().generic("TRACE", "/api/v1/me/"),
        Client().post("/webhooks/twilio/inbound/", {"x": "y" * 300_000}),
        Client().get("/static/pages/page.css"),
    ):
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == (
            PAGE if answer["Content-Type"].startswith("text/html") else DATA
        )


def test_the_page_of_the_api_needs_no_inline_script(outsider: Caller) -> None:
    page = Client().get("/api/docs/")
    scripts = re.findall(r"<script([^>]*)>([^<]*)</script>", page.content.decode())
    assert len(scripts) == 3
    assert all("src=" in how and not what for how, what in scripts)
    last = re.findall(r'src="([^"]+)"', scripts[-1][0])[0]
    script = Client().get(last.replace("&amp;", "&"))
    assert script["Content-Type"] == "application/javascript"
    assert b"SwaggerUIBundle" in script.content


def test_a30_another_origin_with_credentials_gets_nothing(
    alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CORS_ALLOWED_ORIGINS", ["https://practice.example.org"])
    for origin in ("https://evil.example.org", "null", "https://practice.example.org.evil.tld"):
        for path in ("me/", "slots/", "holds/", "/_allauth/app/v1/auth/login"):
            answer = alice.get(path, headers={"Origin": origin, "Cookie": "sessionid=x"})
            asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            preflight = alice.client.options(alice._at(path), headers=asked)
            for told in (answer, preflight):
                assert "Access-Control-Allow-Origin" not in told.headers
                assert "Access-Control-Allow-Credentials" not in told.headers


# --- scripts, templates ------------------------------------------------------------------------


def test_a51_a_script_in_a_name_stays_text_wherever_it_is_read(
    alice: Caller, sam: Caller, chen: Caller, admin: Caller
) -> None:
    assert alice.patch("me/", {"first_name": XSS[:60], "last_name": XSS[:60]}).status_code == 200
    assert alice.post("me/address/", {**PENSACOLA, "line1": XSS, "kind": "correction"}).json()
    start = {"start": "2026-11-30T15:00:00Z", "kind": "initial", "location": {"state": "FL"}}
    meeting = alice.post("consultations/", start).json()["id"]
    assert alice.post(f"consultations/{meeting}/cancel/", {"reason": XSS}).status_code == 200
    for who, path in (
        (alice, "me/"), (sam, "patients/"), (sam, "consultations/"),
        (sam, f"consultations/{meeting}/history/"),
        (chen, "calendar/?from=2026-11-30&to=2026-11-30"),
    ):  # fmt: skip
        answer = who.client.get(f"/api/v1/{path}")
        assert answer.status_code == 200, path
        assert answer["Content-Type"] == "application/json"
        assert answer["X-Content-Type-Options"] == "nosniff"
    inside, change = in_the_admin(alice)
    User.objects.filter(email=CAST["alice"]).update(name=XSS)
    for path in ("/admin/accounts/user/", change):
        assert b"<script>alert" not in inside.get(path).content
        assert b"onerror=alert" not in inside.get(path).content


def test_a51_a_script_in_a_text_stays_text_on_the_phone_s_page(web: str) -> None:
    assert inbound(web, "SM1", XSS) == 200
    SandboxMessage.objects.create(
        channel="sms", direction="inbound", sender=ALICE, to="+18505550199", body=XSS, sid="SMx"
    )
    page = Client().get(f"/sandbox/?with={quote(XSS)}")
    page = Client().get(f"/sandbox/?with={quote(ALICE)}") if page.status_code == 404 else page
    assert page.status_code == 200
    assert b"<script>alert" not in page.content
    assert b"<img" not in page.content
    read = caller("sam").get("inbox/")
    assert (read["Content-Type"], read["X-Content-Type-Options"]) == ("application/json", "nosniff")
    assert XSS in [row["body"] for row in read.json()["results"]]


@pytest.mark.parametrize(
    "name",
    ["{{7*7}}", "{0.__class__}", "%s%(x)s", "{physician}", "${7*7}", "{% debug %}", "\\N{BEL}"],
)
def test_a52_a_template_in_a_name_is_never_filled_in(web: str, name: str) -> None:
    """Texts name no patient; a support person's name stands in what staff read."""
    alice = caller("alice")
    assert alice.patch("me/", {"first_name": name, "last_name": name}).status_code == 200
    assert alice.get("me/").json()["first_name"] == name
    book(alice)
    run()
    (text,) = texts()
    assert name not in text
    assert not re.search(r"49|class|debug|[{}%]", text)
    assert caller("sam").get("patients/", search=name[:3]).status_code == 200
    assert not Event.objects.filter(payload__icontains=name).exists()


# --- sheets, line ends -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first", ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "＝", "＋", "－", "＠"]
)
def test_a54_no_cell_begins_as_a_formula(first: str) -> None:
    class Shape(serializers.Serializer[Any]):
        text = serializers.CharField()

    for typed in (f"{first}1+1", f'{first}cmd|" /C calc"!A0', f'{first}","=1'):
        sheet = Csv().render({"results": Shape([{"text": typed}], many=True).data}).decode()
        ((head,), (cell,)) = csv.reader(io.StringIO(sheet, newline=""))
        assert (head, cell) == ("text", f"'{typed}")


def test_a54_a_name_that_is_a_formula_leaves_as_text(alice: Caller, sam: Caller) -> None:
    assert alice.patch("me/", {"first_name": "=1+1", "last_name": '"=2'}).status_code == 200
    answer = sam.get("patients/", headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
    assert ("'=1+1", '"=2') in {(row["first_name"], row["last_name"]) for row in rows}
    assert answer["Content-Type"].startswith("text/csv")
    assert answer["X-Content-Type-Options"] == "nosniff"


CRLF = ("\r\nBcc: evil@example.org", "\nX: y", "\r\n\r\n<html>", "%0d%0aX: y", "\u2028X")


@pytest.mark.parametrize("tail", CRLF)
def test_a55_a_line_end_makes_no_header_of_a_mail_or_an_answer(web: str, tail: str) -> None:
    outsider = Caller()
    whole = {"address": PENSACOLA, "answers": answers(), "consents": YES}
    for more in ({"phone": f"+13525550123{tail}"}, {"email": f"a@example.org{tail}"}):
        told = outsider.post("assessments/", {**whole, "person": person(1, **more)})
        assert told.status_code in (400, 422), (more, told.content)
    for contact in ({"phone": ALICE + tail}, {"email": CAST["alice"] + tail}):
        asked = outsider.post("/_allauth/app/v1/auth/code/request", contact)
        assert asked.status_code in (400, 401)
    assert not Message.objects.filter(to__contains=tail.strip()).exists()
    alice = caller("alice")
    assert alice.patch("me/", {"first_name": f"A{tail}", "last_name": "B"}).status_code < 500
    book(alice)
    run()
    for row in SandboxMessage.objects.all():
        assert "\n" not in row.subject + row.to
        assert "Bcc" not in row.body
    for path in (f"/api/v1/consultations{tail}", f"/admin{tail}", f"/api/v1/plans/?x={tail}"):
        answer = Client().get(quote(path, safe="/?=%"))
        assert answer.status_code in (200, 301, 302, 400, 404)
        assert all("\n" not in value and "\r" not in value for value in answer.headers.values())
        assert "X" not in answer.headers
        assert "Bcc" not in answer.headers
