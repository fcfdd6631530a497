"""What is brought to the door: when it comes, who takes it, where it is."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django import forms
from django.contrib import messages

from pages.patient.forms import Birthday, OneOf, Text
from pages.patient.own import Own
from pages.templatetags.words import clock_time
from patients.api import found
from scheduling.deliveries import actions
from scheduling.deliveries.models import AT_THE_PHARMACY, CustodyEvent, Delivery, Status
from scheduling.deliveries.windows.actions import AHEAD, offered
from scheduling.deliveries.windows.models import DeliveryWindow
from scheduling.subscriptions.actions import local_day

FIRST_DAYS = 5  # that are shown at once; the later ones on demand
FEW = 3  # places left, from which on they are told
# State of a parcel → where it is, and what a step of its way was; as a patient reads it.
WHERE = {
    Status.AWAITING_WINDOW: "Waits for you to choose a time",
    Status.SCHEDULED: "Its time is chosen",
    Status.PACKED: "Packed at the pharmacy",
    Status.DISPATCHED: "On its way",
    Status.OUT_FOR_DELIVERY: "Comes today",
    Status.DELIVERED: "It is there",
    Status.ATTEMPTED: "Nobody could take it",
    Status.DELIVERED_UNVERIFIED: "Given to somebody else",
    Status.HELD: "Kept for now",
    Status.RETURNING: "On its way back",
    Status.RETURNED: "Back at the pharmacy",
    Status.INVESTIGATING: "We are looking for it",
    Status.LOST: "Lost",
    Status.CANCELLED: "Cancelled",
}
SAYS = {
    Status.PACKED: "It leaves the pharmacy soon. The time cannot be changed any more.",
    Status.DISPATCHED: "The carrier has it.",
    Status.OUT_FOR_DELIVERY: "Have the adult whom you named at home, with a photo ID.",
    Status.ATTEMPTED: "We see to what comes next, and tell you. There is nothing for you to do.",
    Status.DELIVERED_UNVERIFIED: "The carrier gave it to somebody else. Is it with you?",
    Status.HELD: "We keep it for now and tell you when it goes on. There is nothing for you to do.",
    Status.RETURNING: "It goes back to the pharmacy. We call you about another one.",
    Status.RETURNED: "It is back at the pharmacy. We call you about another one.",
    Status.INVESTIGATING: "We look for it with the carrier, and call you.",
    Status.LOST: "We are sorry. Your physician decides about another one.",
    Status.CANCELLED: "It is not sent.",
}
GOOD, WARN = (Status.DELIVERED,), (
    Status.ATTEMPTED, Status.DELIVERED_UNVERIFIED, Status.HELD, Status.RETURNING,
    Status.INVESTIGATING, Status.LOST,
)  # fmt: skip


class Choose(forms.Form):
    """A window, and the adult who takes the parcel in it."""

    window = OneOf(
        DeliveryWindow.objects.all(),
        error_messages={
            "required": "Please choose a time.",
            "invalid_choice": "This time is not there any more. Please choose another one.",
        },
    )
    name = Text(
        label="Who takes the parcel",
        help_text="First and last name, as on their photo ID. It can be you.",
        max_length=120,
        fill="name",
    )
    born = Birthday(label="Their birthday", help_text="They must be 21 or older on that day.")


def span(window: DeliveryWindow, zone: str) -> str:
    """``8 AM – 12 PM``, beside its day and zone: full hours without their minutes."""
    return f"{clock_time(window.starts, zone)} – {clock_time(window.ends, zone)}".replace(":00", "")


def tone(status: str) -> str:
    """The colour of a state's badge."""
    return "good" if status in GOOD else "warn" if status in WARN else "calm"


def by_day(windows: Iterable[DeliveryWindow], zone: str) -> list[dict[str, Any]]:
    """Windows under the day on which they are, where the patient lives."""
    grouped = groupby(windows, key=lambda window: local_day(window.starts, zone))
    return [
        {
            "day": day,
            "windows": [
                {
                    "row": row,
                    "span": span(row, zone),
                    "left": left if (left := row.capacity - row.taken) <= FEW else None,
                }
                for row in rows
            ],
        }
        for day, rows in grouped
    ]


class AllDeliveries(Own):
    """The deliveries of who looks, the latest first."""

    template = "pages/patient/deliveries.html"

    def facts(self) -> Mapping[str, Any]:
        mine = self.rows(Delivery.objects.visible_to(self.user).select_related("window"))
        shown = [
            {"row": row, "where": WHERE[Status(row.status)], "tone": tone(row.status)}
            for row in mine["rows"]
        ]
        return {**mine, "rows": shown, "zone": self.patient.time_zone}


class OneDelivery(Own):
    """One delivery, and what its patient can do about it."""

    template = "pages/patient/delivery.html"

    def facts(self) -> Mapping[str, Any]:
        row = self._row()
        zone = row.patient.time_zone
        can_choose = row.status in AT_THE_PHARMACY and self._may_still_choose(row)
        days = by_day(self._windows(row), zone) if can_choose else []
        named = {"name": row.signer_name, "born": row.signer_date_of_birth}
        return {
            "row": row,
            "where": WHERE[Status(row.status)],
            "says": SAYS.get(Status(row.status), ""),
            "tone": tone(row.status),
            "zone": zone,
            "comes": span(row.window, zone) if row.window else "",
            "can_choose": can_choose,
            "days": days[:FIRST_DAYS],
            "later": days[FIRST_DAYS:],
            "way": [_step(event) for event in row.custody.all()],
            "form": self.form(Choose, "choose", window=row.window_id, **named),
        }

    def _row(self) -> Delivery:
        rows = Delivery.objects.visible_to(self.user).with_people().prefetch_related("custody")
        row: Delivery = found(rows, self.kwargs["pk"])
        return row

    def _may_still_choose(self, row: Delivery) -> bool:
        return row.window is None or row.window.cutoff_at > self.now

    def _windows(self, row: Delivery) -> list[DeliveryWindow]:
        """Those on offer, with the one that was chosen, which may be full."""
        within = (self.now, self.now + timedelta(days=AHEAD))
        free = offered(row.patient, within, now=self.now)
        if row.window and row.window not in free:
            free.append(row.window)
        return sorted(free, key=_starts)

    def _common(self) -> dict[str, Any]:
        common = {"by": self.by(), "now": self.now, "version": self.version}
        return {"delivery": self._row(), **common}

    def do_choose(self) -> None:
        sent = self.read(self.form(Choose, "choose"))
        signer = {"name": sent["name"], "date_of_birth": sent["born"]}
        actions.choose_window(window=sent["window"], signer=signer, **self._common())
        messages.success(self.request, "It is set. We remind you on the day before.")

    def do_nobody(self) -> None:
        actions.miss_signer(**self._common())
        messages.success(self.request, "We look for a way, and call you.")

    def do_received(self) -> None:
        actions.confirm_receipt(received=True, **self._common())
        messages.success(self.request, "Thank you. Good that it is there.")

    def do_missing(self) -> None:
        actions.confirm_receipt(received=False, **self._common())
        messages.success(
            self.request, "Thank you for telling us. We look for it now, and call you."
        )


def _starts(window: DeliveryWindow) -> datetime:
    return window.starts


def _step(event: CustodyEvent) -> dict[str, Any]:
    return {"at": event.at, "says": WHERE.get(Status(event.status), "")}
