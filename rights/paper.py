"""The record on paper: a PDF of pages that are numbered, with times where the patient lives.

What people typed is text and never markup. A sign for which the font has no shape is printed as its
base letter, or as its code; the JSON has it as it was typed.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from html import escape
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    HRFlowable,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
)

INK, QUIET, LINE, TINT = (HexColor(c) for c in ("#1c2733", "#5b6b7a", "#d4dbe1", "#f3f6f8"))
SIDE, FOOT = 20 * mm, 14 * mm
WIDTH = LETTER[0] - 2 * SIDE
PADDING = 6  # points, of a frame
LABEL = 44 * mm

for _name, _file in (("Vera", "Vera.ttf"), ("VeraBd", "VeraBd.ttf")):
    pdfmetrics.registerFont(TTFont(_name, _file))  # both come with reportlab
SHAPES = pdfmetrics.getFont("Vera").face.charToGlyph


def _style(name: str, size: float, **more: Any) -> ParagraphStyle:
    plain = {"fontName": "Vera", "leading": size * 1.45, "textColor": INK}
    return ParagraphStyle(name, fontSize=size, **{**plain, **more})


TITLE = _style("title", 20, fontName="VeraBd", spaceAfter=3 * mm)
SECTION = _style("section", 12.5, fontName="VeraBd", spaceBefore=7 * mm, spaceAfter=1 * mm)
ENTRY = _style("entry", 9.5, fontName="VeraBd", spaceBefore=3.5 * mm, spaceAfter=0.8 * mm)
INNER = _style("inner", 8.5, textColor=QUIET, spaceBefore=2 * mm, spaceAfter=1 * mm)
SMALL = _style("small", 8.5, textColor=QUIET, spaceAfter=1.5 * mm)
CELL = _style("cell", 7.5)
HEAD = _style("head", 7.5, fontName="VeraBd", textColor=QUIET)
ASIDE = _style("aside", 8.5, textColor=QUIET, alignment=TA_RIGHT)
FACT = _style(
    "fact", 8.5, leftIndent=LABEL, bulletIndent=0, bulletFontName="Vera", bulletFontSize=8.5,
    bulletColor=QUIET, spaceAfter=0.4 * mm,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """How a section stands on paper: entries of facts, or a table where ``columns`` are told.

    A column is a key, its heading and its share of the width; ``names`` are the keys that head an
    entry; ``inner`` lays out the lists within an entry.
    """

    title: str
    names: tuple[str, ...] = ()
    columns: tuple[tuple[str, str, int], ...] = ()
    inner: tuple[tuple[str, "Layout"], ...] = ()


_ANSWERS = Layout("Answers", columns=(("question", "Question", 70), ("answer", "Answer", 30)))
_DECISIONS = Layout("Decisions", columns=(
    ("decided_at", "When", 24), ("by", "By", 18), ("outcome", "Decision", 14), ("note", "Note", 44),
))  # fmt: skip
_MONTHS = Layout("Months", columns=(
    ("number", "No.", 8), ("starts_on", "From", 16), ("ends_on", "Until before", 16),
    ("plan_name", "Plan", 16), ("price", "Price", 12), ("status", "Status", 12),
    ("paid_at", "Paid", 20),
))  # fmt: skip
_CUSTODY = Layout("Who had the parcel", columns=(
    ("at", "When", 26), ("status", "Status", 18), ("by", "Recorded by", 18),
    ("details", "Details", 38),
))  # fmt: skip
_CARRIER = Layout("What the carrier reported", columns=(
    ("occurred_at", "When", 28), ("code", "Report", 24), ("signed_by", "Signed by", 24),
    ("reason", "Reason", 24),
))  # fmt: skip
_READINGS = Layout("Readings", columns=(
    ("measured_at", "When", 34), ("moment", "Moment", 18), ("systolic", "Upper, mmHg", 16),
    ("diastolic", "Lower, mmHg", 16), ("pulse", "Pulse", 16),
))  # fmt: skip
LAYOUTS: dict[str, Layout] = {
    "addresses": Layout("Addresses", names=("line1", "city")),
    "consents": Layout("Consents", columns=(
        ("at", "When", 30), ("kind", "About", 22), ("accepted", "Given", 12),
        ("version", "Version", 16), ("channel", "By way of", 20),
    )),
    "opt_outs": Layout("Numbers that want no texts", columns=(
        ("phone", "Number", 25), ("at", "Since", 30), ("ended_at", "Until", 30),
        ("source", "Told by", 15),
    )),
    "support_persons": Layout("Who stays with you", names=("name",)),
    "identity_checks": Layout("Your identity was checked", columns=(
        ("checked_at", "When", 35), ("document", "Document", 25), ("last4", "Ends with", 15),
        ("by", "By", 25),
    )),
    "contact_changes": Layout("Changed contacts", columns=(
        ("at", "When", 30), ("kind", "What", 12), ("old", "Before", 22), ("new", "Since", 22),
        ("by", "By", 14),
    )),
    "care_team": Layout("Your physicians", columns=(("name", "Name", 50), ("since", "Since", 50))),
    "assessments": Layout("Assessments", names=("reference",), inner=(("answers", _ANSWERS),)),
    "consultations": Layout(
        "Consultations", names=("reference", "start"), inner=(("decisions", _DECISIONS),)
    ),
    "clinical_holds": Layout("When treatment waited", names=("raised_at",)),
    "followed_up": Layout("What a physician was asked to look at", names=("raised_at",)),
    "prescriptions": Layout("Prescriptions", names=("issued_on",)),
    "subscriptions": Layout(
        "Plans", names=("plan_name", "reference"), inner=(("months", _MONTHS),)
    ),
    "deliveries": Layout("Deliveries", names=("reference",), inner=(
        ("custody", _CUSTODY), ("carrier_reports", _CARRIER),
    )),
    "sessions": Layout("Sessions at home", names=("start",), inner=(("readings", _READINGS),)),
    "messages": Layout("Messages from us", columns=(
        ("due_at", "When", 22), ("kind", "About", 18), ("channel", "As", 8),
        ("status", "Status", 12), ("body", "Words", 40),
    )),
    "answers": Layout("Texts from you", columns=(
        ("received_at", "When", 26), ("sender", "Number", 18), ("body", "Words", 56),
    )),
    "amendments": Layout("What you asked us to amend", names=("asked_at",)),
    "corrections": Layout("What was recorded wrongly and put back", names=("corrected_at",)),
    "accesses": Layout("Who looked at your record", columns=(
        ("at", "When", 32), ("name", "Who", 22), ("role", "As", 14), ("object_kind", "What", 20),
        ("broke_glass", "In an emergency", 12),
    )),
    "broken_glass": Layout("Emergency looks by who had you not in care", columns=(
        ("at", "From", 35), ("ends_at", "Until", 35), ("name", "Who", 30),
    )),
    "exports": Layout("Copies of this record", columns=(
        ("asked_at", "Asked for", 35), ("ready_at", "Ready", 35), ("format", "As", 15),
        ("status", "Status", 15),
    )),
}  # fmt: skip
NOTHING = "Nothing."
# What a reader of paper has no use for.
UNSAID = ("id", "note_signed", "late")
# Where the name of a field says too little.
WORDS = {
    "text_from": "Texts from", "text_until": "Texts until", "created_at": "Since",
    "at": "When", "by": "By", "end": "Ends", "anchor_on": "Months begin", "last4": "Ends with",
    "served": "We come there", "about_kind": "About", "object_kind": "Of what", "was": "It was",
    "location_state": "Place", "location_line1": "Street", "location_city": "City",
    "arrived_state": "You were in", "flags": "Marked for the physician", "body": "Words",
    "relation": "Who that is", "external_reference": "Number elsewhere", "note": "Note",
}  # fmt: skip


def as_pdf(told: dict[str, Any]) -> bytes:
    """The record, as `rights.record.compose` tells it, as a PDF (letter, portrait)."""
    zone = ZoneInfo(told["time_zone"])
    who = f"{told['patient']['first_name']} {told['patient']['last_name']}"
    foot = f"{told['practice']}  ·  Record of {who}"
    out = BytesIO()
    page = SimpleDocTemplate(
        out, pagesize=LETTER, leftMargin=SIDE - PADDING, rightMargin=SIDE - PADDING,
        topMargin=18 * mm, bottomMargin=FOOT + 9 * mm, title="Health record",
        author=told["practice"], lang="en-US",
    )  # fmt: skip
    story = [*_opening(told, who, zone)]
    for name, layout in LAYOUTS.items():
        story += _section(layout, told[name], zone)
    page.build(story, canvasmaker=lambda *args, **more: Numbered(printed(foot), *args, **more))
    return out.getvalue()


class Numbered(Canvas):
    """Pages say which of how many they are: known when all are drawn."""

    def __init__(self, foot: str, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.foot, self.drawn = foot, list[dict[str, Any]]()

    def showPage(self) -> None:  # noqa: N802  its name there
        self.drawn.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self.drawn, 1):
            self.__dict__.update(page)
            self._draw_foot(number, len(self.drawn))
            super().showPage()
        super().save()

    def _draw_foot(self, number: int, count: int) -> None:
        self.setStrokeColor(LINE)
        self.line(SIDE, FOOT + 4 * mm, LETTER[0] - SIDE, FOOT + 4 * mm)
        self.setFont("Vera", 7.5)
        self.setFillColor(QUIET)
        self.drawString(SIDE, FOOT, self.foot[:90])
        self.drawRightString(LETTER[0] - SIDE, FOOT, f"Page {number} of {count}")


def printed(text: str) -> str:
    """What the font can print, in the order in which it was typed."""
    return "".join(_shape(sign) for sign in text.replace("\t", " "))


def _shape(sign: str) -> str:
    if ord(sign) in SHAPES or sign == "\n":
        return sign
    base = unicodedata.normalize("NFKD", sign)[0]
    return base if ord(base) in SHAPES else f"[U+{ord(sign):04X}]"


def as_text(text: str, style: ParagraphStyle, label: str | None = None) -> Paragraph:
    """What somebody typed, as text and never as markup."""
    shown = escape(printed(text), quote=False).replace("\n", "<br/>")
    return Paragraph(shown, style, bulletText=label)


def _opening(told: dict[str, Any], who: str, zone: ZoneInfo) -> Iterator[Flowable]:
    made = f"Made {_when(told['generated_at'], zone)}"
    practice = [[as_text(told["practice"], SMALL), as_text(made, ASIDE)]]
    yield Table(
        practice,
        [WIDTH / 2, WIDTH / 2],
        style=[("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0)],
    )
    yield Spacer(0, 6 * mm)
    yield as_text("Your health record", TITLE)
    yield as_text(
        f"This is what we keep about you, and who looked at it. Times are those of {zone.key}. "
        "Signs that this font does not have are printed as the nearest letter or as a code: the "
        "copy as JSON has them as they were typed.",
        SMALL,
    )
    yield as_text(who, SECTION)
    yield _line()
    hidden = ("first_name", "last_name")
    yield from _facts({k: v for k, v in told["patient"].items() if k not in hidden}, zone)


def _line() -> HRFlowable:
    return HRFlowable(width="100%", thickness=0.6, color=LINE, spaceAfter=2 * mm)


def _section(layout: Layout, rows: list[dict[str, Any]], zone: ZoneInfo) -> Iterator[Flowable]:
    count = f"  ({len(rows)})" if rows else ""
    yield CondPageBreak(35 * mm)
    yield as_text(layout.title + count, SECTION)
    yield _line()
    if not rows:
        yield as_text(NOTHING, SMALL)
    elif layout.columns:
        yield _table(layout, rows, zone)
    else:
        for row in rows:
            yield from _entry(layout, row, zone)


def _entry(layout: Layout, row: dict[str, Any], zone: ZoneInfo) -> Iterator[Flowable]:
    heading = "  ·  ".join(filter(None, (_said(row[name], zone) for name in layout.names)))
    lists = dict(layout.inner)
    facts = list(_facts({k: v for k, v in row.items() if k not in (*layout.names, *lists)}, zone))
    yield KeepTogether([as_text(heading, ENTRY), *facts[:3]])
    yield from facts[3:]
    for name, inner in layout.inner:
        if row[name]:
            yield CondPageBreak(25 * mm)
            yield as_text(inner.title, INNER)
            yield _table(inner, row[name], zone)
            yield Spacer(0, 1.5 * mm)


def _facts(row: dict[str, Any], zone: ZoneInfo) -> Iterator[Flowable]:
    for key, value in row.items():
        said = _said(value, zone)
        if said and key not in UNSAID and not key.endswith("_id"):
            yield as_text(said, FACT, label=_label(key))


def _label(key: str) -> str:
    return WORDS.get(key, key.replace("_", " ").capitalize())


def _table(layout: Layout, rows: list[dict[str, Any]], zone: ZoneInfo) -> Table:
    """A row that is taller than a page goes on on the next."""
    heads = [as_text(head, HEAD) for _, head, _ in layout.columns]
    body = [[as_text(_said(row[key], zone), CELL) for key, _, _ in layout.columns] for row in rows]
    style = [
        ("BACKGROUND", (0, 0), (-1, 0), TINT), ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"), ("TOPPADDING", (0, 0), (-1, -1), 2.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5), ("LEFTPADDING", (0, 0), (-1, -1), 4),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
    ]  # fmt: skip
    widths = [WIDTH * share / 100 for _, _, share in layout.columns]
    return Table([heads, *body], widths, style=style, repeatRows=1, splitInRow=1)


def _when(value: date | time, zone: ZoneInfo) -> str:
    """An instant with its zone, a day, or an hour of the day."""
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if not isinstance(value, datetime):
        return f"{value:%b} {value.day}, {value.year}"
    there = value.astimezone(zone)
    hour = f"{there:%I:%M %p %Z}".removeprefix("0")
    return f"{there:%b} {there.day}, {there.year}, {hour}"


def _said(value: Any, zone: ZoneInfo) -> str:
    """A value in words; codes lose their underscores."""
    if isinstance(value, (date, time)):
        return _when(value, zone)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "\n".join(f"{_label(key)}: {_said(each, zone)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(_said(each, zone) for each in value)
    text = "" if value is None else str(value)
    return text.replace("_", " ") if text.islower() and " " not in text else text
