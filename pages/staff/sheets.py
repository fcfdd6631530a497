"""Papers of parcels as PDF: a list to pack by, a slip for each parcel, a manifest for the carrier.

They leave the house, so that they name nothing but who, where, when and how it is handed over.
"""

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

from reportlab.graphics.barcode import code128, qr
from reportlab.graphics.shapes import Drawing
from reportlab.lib.colors import black
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import LETTER, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import inch, mm
from reportlab.platypus import (
    Flowable,
    HRFlowable,
    KeepInFrame,
    PageBreak,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
)

from rights.paper import HEAD, INK, LINE, SMALL, TINT, TITLE, as_text

HANDLING = "Adult signature 21+ with photo ID"
NEVER = "Hand it to nobody under 21. Do not leave it at the door."
SLIP = (4 * inch, 6 * inch)
SLIP_WIDTH = SLIP[0] - 12 * mm - 12  # within the margins, and the padding of the frame in points
Line = dict[str, str]

CELL = ParagraphStyle("of-list", fontName="Vera", fontSize=8.5, leading=11.5, textColor=INK)
STRONG = ParagraphStyle("strong", CELL, fontName="VeraBd")
NAME = ParagraphStyle("name", fontName="VeraBd", fontSize=15, leading=19, textColor=black)
STREET = ParagraphStyle("street", fontName="Vera", fontSize=12, leading=16, textColor=black)
LABEL = ParagraphStyle("label", fontName="Vera", fontSize=8, leading=11, textColor=INK)
WHEN = ParagraphStyle("when", fontName="VeraBd", fontSize=11, leading=15, textColor=black)
BOX = ParagraphStyle(
    "box", fontName="VeraBd", fontSize=10.5, leading=15, textColor=black, alignment=TA_CENTER
)
UNDER_BOX = ParagraphStyle("under-box", BOX, fontName="Vera", fontSize=7.5, leading=10.5)
CODE = ParagraphStyle("code", BOX, fontSize=14, leading=18)


def pick_list(lines: Sequence[Line], made: str) -> bytes:
    """What is to be packed, with a box to tick."""
    heads = (("", 4), ("Reference", 11), ("Name", 17), ("Ships", 11), ("Window", 25),
             ("To", 18), ("Signer", 14))  # fmt: skip
    body = [
        [_tick(), _code(line), _cell(line["name"]), _cell(line["ship_on"]),
         _cell(line["window"]), _cell(line["place"]), _cell(line["signer"])]
        for line in lines
    ]  # fmt: skip
    return _listed("Pick list", heads, body, made)


def manifest(lines: Sequence[Line], made: str) -> bytes:
    """What is given to the carrier, who signs for it."""
    heads = (("Reference", 11), ("Name", 15), ("Address", 23), ("Window", 21),
             ("Signer named", 12), ("Carrier and tracking", 18))  # fmt: skip
    body = [
        [_code(line), _cell(line["name"]), _cell(f"{line['street']}\n{line['place']}"),
         _cell(line["window"]), _cell(line["signer"]),
         _cell(f"{line['carrier']}\n{line['tracking']}".strip())]
        for line in lines
    ]  # fmt: skip
    end = [
        Spacer(0, 14 * mm),
        _signatures(("Handed over by", "Received by", "Date and time")),
    ]
    return _listed(
        "Manifest", heads, body, made, note=f"Every parcel: {HANDLING}. {NEVER}", end=end
    )


def slips(lines: Sequence[Line], made: str) -> bytes:
    """A slip for each parcel, four by six inches, one on a page whatever the names are."""
    out = BytesIO()
    page = SimpleDocTemplate(
        out, pagesize=SLIP, leftMargin=6 * mm, rightMargin=6 * mm, topMargin=6 * mm,
        bottomMargin=5 * mm, title="Packing slips", author="", lang="en-US",
    )  # fmt: skip
    story: list[Flowable] = []
    for line in lines:
        story += [*_slip(line), PageBreak()]
    page.build(story[:-1] or [as_text("No parcel is to be packed.", CELL)])
    return out.getvalue()


def _slip(line: Line) -> Iterator[Flowable]:
    who = [
        as_text("Deliver to", LABEL), as_text(line["name"], NAME),
        as_text(line["street"], STREET), as_text(line["place"], STREET),
    ]  # fmt: skip
    yield KeepInFrame(SLIP_WIDTH, 45 * mm, who, mode="shrink")
    yield Spacer(0, 3 * mm)
    yield HRFlowable(width="100%", thickness=0.8, color=black, spaceAfter=2 * mm)
    yield as_text("Window", LABEL)
    yield as_text(line["window"], WHEN)
    yield Spacer(0, 3 * mm)
    told = [[as_text(HANDLING, BOX)], [as_text(NEVER, UNDER_BOX)]]
    yield Table(told, ["100%"], style=[("BOX", (0, 0), (-1, -1), 1.4, black)])
    yield Spacer(0, 4 * mm)
    bars = code128.Code128(line["reference"], barHeight=15 * mm, barWidth=0.42 * mm)
    yield Table([[bars, _qr(line["reference"])]], [62 * mm, 26 * mm], style=_BARE)
    yield as_text(line["reference"], CODE)
    yield Spacer(0, 2 * mm)
    yield as_text(f"Cannot be delivered? Call {line['phone']}.", UNDER_BOX)


_BARE = [
    ("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0),
    ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
]  # fmt: skip


def _qr(text: str) -> Drawing:
    size = 24 * mm
    code = qr.QrCodeWidget(text, barLevel="M", barBorder=1)
    left, bottom, right, top = code.getBounds()
    scale = (size / (right - left), 0, 0, size / (top - bottom), 0, 0)
    drawing = Drawing(size, size, transform=scale)
    drawing.add(code)
    return drawing


def _listed(
    title: str,
    heads: Sequence[tuple[str, int]],
    body: Sequence[Sequence[Any]],
    made: str,
    *,
    note: str = "",
    end: Sequence[Flowable] = (),
) -> bytes:
    """A list across the page, whose head stands on each page."""
    out = BytesIO()
    side = 14 * mm
    page = SimpleDocTemplate(
        out, pagesize=landscape(LETTER), leftMargin=side, rightMargin=side, topMargin=13 * mm,
        bottomMargin=16 * mm, title=title, author="", lang="en-US",
    )  # fmt: skip
    width = landscape(LETTER)[0] - 2 * side - 12
    count = f"{len(body)} {'parcel' if len(body) == 1 else 'parcels'} · made on {made}"
    story: list[Any] = [as_text(title, TITLE), as_text(count, SMALL)]
    if note:
        story.append(as_text(note, STRONG))
    story.append(Spacer(0, 3 * mm))
    if body:
        head = [as_text(name, HEAD) for name, _ in heads]
        widths = [width * share / 100 for _, share in heads]
        story.append(Table([head, *body], widths, style=_RULED, repeatRows=1))
    else:
        story.append(as_text("There is nothing to list.", CELL))
    page.build([*story, *end], onFirstPage=_foot, onLaterPages=_foot)
    return out.getvalue()


_RULED = [
    ("BACKGROUND", (0, 0), (-1, 0), TINT), ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE),
    ("VALIGN", (0, 0), (-1, -1), "TOP"), ("TOPPADDING", (0, 0), (-1, -1), 4),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 5), ("LEFTPADDING", (0, 0), (-1, -1), 4),
    ("RIGHTPADDING", (0, 0), (-1, -1), 4),
]  # fmt: skip


def _foot(canvas: Any, document: Any) -> None:
    canvas.setFont("Vera", 7.5)
    canvas.setFillColor(INK)
    canvas.drawRightString(landscape(LETTER)[0] - 16 * mm, 9 * mm, f"Page {document.page}")


def _cell(text: str) -> Paragraph:
    return as_text(text, CELL)


def _code(line: Line) -> Paragraph:
    return as_text(line["reference"], STRONG)


def _tick() -> Table:
    """A box to tick by hand."""
    return Table([[""]], [4 * mm], [4 * mm], style=[("BOX", (0, 0), (-1, -1), 0.9, INK)])


def _signatures(names: Sequence[str]) -> Table:
    rows = [[as_text(name, SMALL) for name in names]]
    style = [("LINEABOVE", (column, 0), (column, 0), 0.7, INK) for column in range(len(names))]
    return Table(rows, [72 * mm] * len(names), style=style, spaceBefore=4 * mm)
