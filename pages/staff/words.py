"""How parcels are told to staff: their states and verbs in words."""

from scheduling.deliveries.models import Status

# Of a column, and of a parcel.
TITLES = {
    Status.AWAITING_WINDOW: "Awaiting a window",
    Status.SCHEDULED: "Scheduled",
    Status.PACKED: "Packed",
    Status.DISPATCHED: "Dispatched",
    Status.OUT_FOR_DELIVERY: "Out for delivery",
    Status.DELIVERED: "Delivered",
    Status.ATTEMPTED: "Attempted",
    Status.DELIVERED_UNVERIFIED: "Receipt not verified",
    Status.HELD: "Held",
    Status.RETURNING: "On its way back",
    Status.RETURNED: "Returned",
    Status.INVESTIGATING: "Being looked for",
    Status.LOST: "Lost",
    Status.CANCELLED: "Cancelled",
}
TONES = {
    Status.ATTEMPTED: "warn",
    Status.DELIVERED_UNVERIFIED: "warn",
    Status.HELD: "warn",
    Status.RETURNING: "warn",
    Status.INVESTIGATING: "bad",
    Status.LOST: "bad",
    Status.DELIVERED: "good",
    Status.OUT_FOR_DELIVERY: "calm",
    Status.DISPATCHED: "calm",
}
# Verbs by those of the API: what the button says, and what is said when it is done.
VERBS = {
    "choose-window": ("Choose a window", "has its window"),
    "pack": ("Pack", "is packed"),
    "dispatch": ("Dispatch", "is dispatched"),
    "out-for-delivery": ("Out for delivery", "is out for delivery"),
    "deliver": ("Deliver", "is recorded as handed over"),
    "attempt": ("Not handed over", "is recorded as attempted"),
    "confirm-receipt": ("Patient was asked", "is up to date: the patient was asked"),
    "release": ("Release", "is released"),
    "return": ("It came back", "is back at the pharmacy"),
    "no-signer": ("No adult of 21 there", "waits until an adult is found"),
    "hold": ("Hold", "is held"),
    "recall": ("Call back", "is called back"),
    "investigate": ("Look for it", "is being looked for"),
    "lose": ("Record as lost", "is recorded as lost"),
    "cancel": ("Cancel", "is cancelled"),
    "correct": ("Put right", "is put right"),
}
# What many parcels can be told at once: nothing that each of them needs words of its own for.
AT_ONCE = (
    "pack", "out-for-delivery", "attempt", "hold", "release", "recall", "investigate", "cancel",
)  # fmt: skip
HELD_BECAUSE = {
    "staff": "by staff",
    "recalled": "called back",
    "on_hold": "the physician looks at something first",
    "out_of_area": "the patient moved out of the area",
    "parcel_elsewhere": "the patient moved after it was packed",
}
