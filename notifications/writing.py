"""Facts become messages: each event of the outbox once, in one transaction with its messages."""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from accounts.models import Role, User
from notifications import caps, policy, quiet_hours
from notifications.circuit import go_on_asking
from notifications.models import Channel, InboundMessage, Message, Status
from notifications.moving import CALLED_OFF, change, entry, move
from notifications.reach import (
    CALLS,
    NOT_TOLD,
    ask_to_call,
    hours_of,
    lock_phone,
    reader_of,
    takes_texts,
    way_of,
    ways_to,
)
from notifications.subjects import Told, sessions_to_come, told_of
from patients.models import ContactChange, Patient, SupportPerson
from records import brake, hints
from records.actor import Actor, sweep
from records.events import raise_work_item
from records.ids import uuid7
from records.models import Event, Outbox, WorkItem
from records.once import add_once
from records.outage import ENDS_A_SWEEP
from records.values import in_force
from records.work import settle
from scheduling.models import Physician
from scheduling.sessions.actions import support_of

log = logging.getLogger(__name__)

BATCH = 100
FIRST_WAIT = 15  # seconds until an event that failed is looked at again; doubled each time
WORTH_A_LOOK = 3  # failures of one event, after which a human is asked
CODE_LASTS, DAY = timedelta(minutes=10), timedelta(days=1)
ANSWER_KEEPS = timedelta(hours=1)
REPLACED = "support_replaced"
NOT_LEFT = (Status.PENDING, Status.CANCELLED, Status.MISSED, Status.SUPPRESSED)
NO_HOUR = "No hour was left outside the quiet hours."


def write_messages(*, now: datetime) -> int:
    """Look at every event that waits; returns how many. Two sweeps share the work."""
    seen = 0
    while done := _write_one(now):
        seen += done
        if seen >= BATCH:
            hints.wake("notifications.write_messages")
            break
    return seen


@transaction.atomic
def _write_one(now: datetime) -> int:
    """One that fails is put off, with nothing of it written: the others must not wait for it."""
    ready = Outbox.objects.filter(Q(try_after__isnull=True) | Q(try_after__lte=Now()))
    rows = ready.select_for_update(skip_locked=True, of=("self",)).select_related("event")
    waiting = rows.order_by("event_id").first()
    if waiting is None:
        return 0
    try:
        with transaction.atomic():
            _tell(waiting.event, now)
    except ENDS_A_SWEEP:
        raise
    except Exception:
        log.exception("event_not_told", extra={"event_id": str(waiting.pk)})
        _put_off(waiting, now)
    else:
        waiting.delete()
    return 1


def _put_off(waiting: Outbox, now: datetime) -> None:
    waiting.attempts += 1
    wait = timedelta(seconds=FIRST_WAIT * 2 ** min(waiting.attempts - 1, 8))
    Outbox.objects.filter(pk=waiting.pk).update(attempts=waiting.attempts, try_after=Now() + wait)
    if waiting.attempts == WORTH_A_LOOK:
        raise_work_item(
            "event_not_told",
            waiting.event,
            detail="Nobody could be told of this: please do, and have the log looked at.",
            urgency=WorkItem.Urgency.NOW,
            for_role="staff",
            by=sweep(),
            now=now,
            patient_id=waiting.event.patient_id,
        )


def _tell(event: Event, now: datetime) -> None:
    told = told_of(event.object_kind, event.object_id, now=now)
    if told is not None:
        _withdraw_untrue(event.object_id, told)
        _settle_calls(event.object_id, told, now)
        _say(event, told, now)
        if event.kind == "support_person.named":
            _tell_friend(event, told, now)
    elif event.kind in ("address.changed", "patient.text_hours_changed"):
        _follow_hours(event, now)
    elif event.kind in policy.OF_SIGN_IN:
        _tell_who_signs_in(event)
    elif event.kind in ("work_item.claimed", "work_item.closed"):
        _stop_paging(event.object_id, now)
        go_on_asking(WorkItem.objects.get(pk=event.object_id).object_id, now=now)
    _hold_if_many(event, now)
    _tell_colleagues(event)


def _tell_colleagues(event: Event) -> None:
    for plan in policy.alert(event.kind, occurred_at=event.occurred_at):
        _alert_physicians(event, plan)
    if event.kind in policy.NEWS:
        _bundle(event)
    if event.kind == "patient.glass_broken":
        _alert_administrators(event)


def _hold_if_many(event: Event, now: datetime) -> None:
    """What one cause tells more than a few patients waits: nothing of it is claimed any more."""
    met = Event.objects.filter(cause=event.cause).exclude(patient_id=None)
    patients = met.values("patient_id").distinct().count()
    mine = Message.objects.filter(cause=event.cause)
    if patients <= brake.MOST or not mine.filter(about_id=event.object_id).exists():
        return
    told = mine.exclude(status__in=NOT_LEFT).exclude(patient=None)
    done = told.values("patient_id").distinct().count()
    would = "they get a text or a mail"
    brake.weigh(event.cause, patients=patients, would=would, done=done, now=now)


def _withdraw_untrue(about_id: UUID, told: Told) -> None:
    """What is pending about a row goes when it is not true any more."""
    pending = Message.objects.select_for_update().filter(about_id=about_id, status=Status.PENDING)
    for message in pending.filter(kind__in=policy.OF_KIND).order_by("pk"):
        untrue = policy.still_true(message.kind, told.subject, revision=message.revision)
        if untrue:
            move(message, Status.CANCELLED, untrue)


def _settle_calls(about_id: UUID, told: Told, now: datetime) -> None:
    """A call in place of what is not true any more helps nobody; of what is so now, another may."""
    items = WorkItem.objects.filter(object_id=about_id, status=WorkItem.Status.OPEN)
    asked = set(items.values_list("kind", flat=True))
    for reader in ("patient", "support_person"):
        kind, _ = CALLS[reader]
        if kind in asked and reader not in _to_be_told(about_id, told):
            settle(kind, about_id, note="It is not so any more.", by=sweep(), now=now)


def _to_be_told(about_id: UUID, told: Told) -> set[str]:
    """Who did not get what is still true of a row: keys of `CALLS`."""
    here = support_of(told.patient.pk)
    rows = Message.objects.filter(about_id=about_id, status__in=NOT_TOLD)
    return {
        reader_of(row)
        for row in rows.select_related("support_person")
        if (row.kind == REPLACED or row.support_person in (None, here))
        and not policy.still_true(row.kind, told.subject, revision=row.revision)
    }


def _say(event: Event, told: Told, now: datetime) -> None:
    plans = policy.about(
        event.kind,
        told.subject,
        revision=event.payload["revision"],
        occurred_at=event.occurred_at,
        values=in_force(now),
        told=_told_before(event, told.patient),
    )
    for plan, leaves in _timed(plans, told.patient, now):
        _write(plan, leaves, told, event, (event.object_kind, event.object_id), now)


def _told_before(event: Event, patient: Patient) -> set[str]:
    """The kinds that were told of a row, or that a human was asked to tell, and still count.

    Who takes back what somebody else has arranged owes them a word, though none was told yet.
    """
    told = _told_to(support_of(patient.pk), event.object_id) | _told_to(None, event.object_id)
    arranged = Event.objects.filter(object_id=event.object_id).order_by("pk").first()
    if arranged and arranged.actor_id != event.actor_id:
        told.add(policy.PROMISED)
    return told


def _told_to(friend: SupportPerson | None, about_id: UUID) -> set[str]:
    """What one who stays with a patient was told of a row; with None, everybody else.

    Somebody who is named once more is a row of their own: whom we told is known by the number.
    """
    rows = Message.objects.filter(about_id=about_id, support_person=None)
    if friend:
        rows = Message.objects.filter(about_id=about_id, support_person__phone=friend.phone)
    rows = rows.exclude(status__in=(Status.PENDING, Status.CANCELLED)).order_by("pk")
    return policy.still_told(rows.values_list("kind", flat=True))


def _tell_friend(event: Event, told: Told, now: datetime) -> None:
    """Somebody new stays with the patient: they are reminded of what is planned already.

    Whoever was to stay before is told so, if they knew of it, and are not the same once more.
    """
    if told.subject.status == "replaced":
        return
    patient = told.patient
    persons = SupportPerson.objects.filter(patient=patient)
    new = persons.get(pk=event.object_id)
    others = persons.exclude(phone=new.phone).order_by("phone", "-pk").distinct("phone")
    pending = Message.objects.select_for_update().filter(patient=patient, status=Status.PENDING)
    earlier = pending.exclude(support_person=None).exclude(support_person=new)
    for message in earlier.exclude(kind=REPLACED, support_person__in=others).order_by("pk"):
        move(message, Status.CANCELLED, policy.BECAUSE["replaced"])
    for pk in sessions_to_come(patient.pk):
        planned = told_of("treatmentsession", pk, now=now)
        assert planned  # noqa: S101  messages are about sessions
        _settle_calls(pk, planned, now)
        subject = planned.subject
        plans = policy.about(
            "session.planned",
            subject,
            revision=subject.revision,
            occurred_at=event.occurred_at,
            values=in_force(now),
        )
        for plan, leaves in _timed(plans, patient, now):
            if plan.reader == policy.SUPPORT_PERSON:
                _write(plan, leaves, planned, event, ("treatmentsession", pk), now)
        for friend in others:
            _tell_replaced(friend, planned, event, pk, now)


def _tell_replaced(
    friend: SupportPerson, planned: Told, event: Event, pk: UUID, now: datetime
) -> None:
    """Who was told of a session, and does not stay any more, must not come."""
    plans = policy.about(
        event.kind,
        planned.subject,
        revision=planned.subject.revision,
        occurred_at=event.occurred_at,
        values=in_force(now),
        told=_told_to(friend, pk),
    )
    for plan, leaves in _timed(plans, planned.patient, now):
        _write(plan, leaves, planned, event, ("treatmentsession", pk), now, friend)


def _timed(
    plans: Iterable[policy.Planned], patient: Patient, now: datetime
) -> Iterator[tuple[policy.Planned, datetime | None]]:
    """Each plan with when it leaves, but for reminders that would leave beside the first word."""
    first: dict[str, datetime | None] = {}
    for plan in plans:
        hours = hours_of(patient, plan.reader)
        leaves = quiet_hours.leaves_at(
            plan.wanted_at, hours=hours, now=now, not_after=plan.not_after
        )
        beside = first.get(plan.reader)
        if not plan.reminds:
            first[plan.reader] = leaves
        elif beside and leaves and abs(leaves - beside) < policy.APART:
            continue
        yield plan, leaves


def _write(
    plan: policy.Planned,
    leaves: datetime | None,
    told: Told,
    event: Event,
    about: tuple[str, UUID],
    now: datetime,
    friend: SupportPerson | None = None,
) -> None:
    """One message down; without a support person, nobody is told what is for them."""
    patient = told.patient
    if plan.reader == policy.SUPPORT_PERSON:
        friend = friend or support_of(patient.pk)
    if plan.reader == policy.SUPPORT_PERSON and friend is None:
        return
    key = f"{plan.kind}:{about[1]}"
    if policy.OF_KIND[plan.kind].of_risk and _was_withdrawn(plan.kind, told, about[1]):
        key += f":{event.pk}"
    if not policy.OF_KIND[plan.kind].outlives:
        key += f":r{told.subject.revision}"
    message = Message(
        key=f"{key}:{friend.pk}" if friend else key,
        kind=plan.kind,
        patient=patient,
        user_id=patient.user_id,
        support_person=friend,
        about_kind=about[0],
        about_id=about[1],
        revision=told.subject.revision,
        cause=event.cause,
        wanted_at=plan.wanted_at,
        due_at=leaves or plan.wanted_at,
        not_after=plan.not_after,
    )
    message.channel, message.to = way_of(message) or (Channel.SMS, "")
    if leaves is None:
        message.status, message.why = Status.MISSED, NO_HOUR
        ask_to_call(message, now=now)
    add([message])


def _was_withdrawn(kind: str, told: Told, about_id: UUID) -> bool:
    """Whether what it would repeat never left, since it was not true for a while."""
    rows = Message.objects.filter(about_id=about_id, kind=kind, revision=told.subject.revision)
    last = rows.order_by("-pk").first()
    return last is not None and last.status == Status.CANCELLED and last.why != CALLED_OFF


def _alert_physicians(event: Event, plan: policy.Planned) -> None:
    about = (event.object_kind, event.object_id)
    one_way = event.kind in policy.BY_ONE_WAY
    add(
        message
        for user in _paged_first()
        for message in _alerts(plan, user, about, key=event.pk, cause=event.cause, one_way=one_way)
    )


def _paged_first() -> list[User]:
    """The physicians on call; where nobody is, all of them."""
    rows = User.objects.filter(role=Role.PHYSICIAN, physician__is_active=True, is_active=True)
    users = list(rows.order_by("pk"))
    return [user for user in users if user.is_on_call] or users


def _alerts(
    plan: policy.Planned,
    user: User,
    about: tuple[str, UUID],
    *,
    key: object,
    cause: UUID,
    one_way: bool = False,
) -> Iterator[Message]:
    """An alert by every way to a colleague; one without any is found out by sending."""
    ways = [] if one_way else ways_to(user)
    for channel, to in ways:
        message = to_worker(plan, user, about, key=f"{key}:{channel}", cause=cause)
        message.channel, message.to = channel, to
        yield message
    if not ways:
        yield to_worker(plan, user, about, key=key, cause=cause)


def _alert_administrators(event: Event) -> None:
    """Those who did not do it are told at once that somebody looks who does not care for them."""
    plan = policy.on_call("glass_broken", event.occurred_at)
    others = User.objects.filter(role=Role.ADMINISTRATOR, is_active=True)
    about = (event.object_kind, event.object_id)
    add(
        to_worker(plan, user, about, key=event.pk, cause=event.cause)
        for user in others
        if user.pk != event.actor_id
    )


def _bundle(event: Event) -> None:
    """A physician hears of the calendar once in half an hour, by day; who changed it, not at all.

    The half hours are those of the clock: two sweeps write the same message.
    """
    rows = Physician.objects.filter(consultations=event.object_id).select_related("user")
    physician = rows.exclude(user=event.actor_id).first()
    if physician is None:
        return
    past = event.occurred_at.timestamp() % policy.BUNDLE.total_seconds()
    end = event.occurred_at + policy.BUNDLE - timedelta(seconds=past)
    hours = quiet_hours.Hours(physician.time_zone)
    leaves = quiet_hours.leaves_at(end, hours=hours, now=end, not_after=end + DAY)
    plan = policy.on_call("bookings", leaves or end)
    about = ("physician", physician.pk)
    add([to_worker(plan, physician.user, about, key=plan.wanted_at, cause=event.cause)])


def to_worker(
    plan: policy.Planned, user: User, about: tuple[str, UUID], *, key: object, cause: UUID
) -> Message:
    """A message, not yet written, to somebody who works here; ``key``: once for each of what."""
    message = Message(
        key=f"{plan.kind}:{key}:{user.pk}",
        kind=plan.kind,
        user=user,
        about_kind=about[0],
        about_id=about[1],
        cause=cause,
        wanted_at=plan.wanted_at,
        due_at=plan.wanted_at,
        not_after=plan.not_after,
    )
    message.channel, message.to = way_of(message) or (Channel.MAIL, "")
    return message


@transaction.atomic
def page_again(*, now: datetime) -> int:
    """Page again about what physicians must do now and nobody has opened; returns how many items.

    Only about what they were alerted of when it happened. With them the back-up: staff, who are
    also asked to call the physician. Each page is written once, by its key; a sweep that comes late
    writes the last one alone.
    """
    first = now - timedelta(minutes=policy.PAGED_AGAIN_AT[0])
    alerts = Event.objects.filter(
        object_id=OuterRef("object_id"), kind__in=policy.OF_KIND["urgent_alert"].facts
    )
    waiting = _unopened().filter(Exists(alerts), raised_at__range=(now - policy.ALERT_KEEPS, first))
    items = list(waiting.select_for_update(no_key=True).order_by("pk"))
    for item in items:
        _page(item, policy.paged_again_at(item.raised_at, now), now)
    return len(items)


def _unopened() -> QuerySet[WorkItem]:
    """What physicians must do now, and nobody is on it."""
    return WorkItem.objects.filter(
        status=WorkItem.Status.OPEN,
        urgency=WorkItem.Urgency.NOW,
        for_role=Role.PHYSICIAN,
        claimed_by=None,
    )


def _page(item: WorkItem, minutes: int | None, now: datetime) -> None:
    plan = policy.on_call("urgent_alert", now)
    about, key = (item.object_kind, item.object_id), f"{item.pk}:{minutes}"
    if Message.objects.filter(key__startswith=f"urgent_alert:{key}:").exists():
        return
    physicians = Q(role=Role.PHYSICIAN, physician__is_active=True)
    users = User.objects.filter(physicians | Q(role=Role.STAFF), is_active=True).order_by("pk")
    add(
        message
        for user in users
        for message in _alerts(plan, user, about, key=key, cause=item.cause)
    )
    raise_work_item(
        "call_physician",
        about,
        detail="Nobody has opened something urgent yet: call the physician now.",
        urgency=WorkItem.Urgency.NOW,
        for_role=Role.STAFF,
        by=sweep(),
        now=now,
        patient_id=item.patient_id,
    )


def _stop_paging(item_id: UUID, now: datetime) -> None:
    """Somebody is on it: pages that have not left yet do not leave, and nobody needs a call.

    Where something else about the same is not opened yet, only the pages of this one end.
    """
    item = WorkItem.objects.get(pk=item_id)
    if (item.urgency, item.for_role) != (WorkItem.Urgency.NOW, Role.PHYSICIAN):
        return
    pages = Message.objects.filter(kind="urgent_alert", about_id=item.object_id)
    if _unopened().filter(object_id=item.object_id).exists():
        pages = pages.filter(key__startswith=f"urgent_alert:{item.pk}:")
    else:
        note = "A physician is on it."
        settle("call_physician", item.object_id, note=note, by=sweep(), now=now)
    for message in pages.filter(status=Status.PENDING).select_for_update().order_by("pk"):
        move(message, Status.CANCELLED, "Somebody is on it.")


def _follow_hours(event: Event, now: datetime) -> None:
    """Somebody moved, or narrowed their hours: what is pending leaves in the new ones."""
    patient = Patient.objects.select_related("address").get(pk=event.object_id)
    pending = Message.objects.select_for_update().filter(patient=patient, status=Status.PENDING)
    for message in pending.order_by("pk"):
        hours = hours_of(patient, policy.OF_KIND[message.kind].reader)
        leaves = quiet_hours.leaves_at(
            message.wanted_at, hours=hours, now=now, not_after=message.not_after
        )
        if leaves and leaves != message.due_at and message.kind not in policy.ANY_HOUR:
            change(message, due_at=leaves)


def _tell_who_signs_in(event: Event) -> None:
    """Somebody is to join, or how they sign in has changed: they hear of it."""
    (plan,) = policy.to_who_signs_in(event.kind, occurred_at=event.occurred_at)
    if event.object_kind == "contactchange":
        add(_to_old_contact(plan, event))
    else:
        about = (event.object_kind, event.object_id)
        user = User.objects.get(pk=event.payload.get("user", event.object_id))
        add([to_worker(plan, user, about, key=event.pk, cause=event.cause)])


def _to_old_contact(plan: policy.Planned, event: Event) -> Iterator[Message]:
    """Whoever has the contact that was changed hears of it there, and nowhere else.

    A number that takes no texts hears nothing: then a mail to the patient, if there is one.
    """
    change = ContactChange.objects.select_related("patient__user").get(pk=event.object_id)
    patient, to = change.patient, change.old
    if "@" not in to and not takes_texts(to):
        to = patient.email
    if to:
        about = (event.object_kind, change.pk)
        message = to_worker(plan, patient.user, about, key=event.pk, cause=event.cause)
        message.patient, message.to = patient, to
        message.channel = Channel.MAIL if "@" in to else Channel.SMS
        yield message


def send_test(*, user: User, by: Actor, now: datetime) -> Message:
    """A text to the one who asks, by the way that all others go; without a number, a mail."""
    plan = policy.on_call("test", now)
    message = to_worker(plan, user, ("user", user.pk), key=by.cause, cause=by.cause)
    add([message])
    hints.wake("notifications.send_due")
    return message


def last_test(user: User) -> Message | None:
    """The last text that somebody sent to themselves to try it out."""
    return Message.objects.filter(kind="test", user=user).order_by("pk").last()


def queue_code(
    *,
    user: User | None,
    channel: str,
    to: str,
    code: str,
    now: datetime,
    kind: str = "sign_in_code",
) -> None:
    """A code that somebody has just asked for: at any hour, gone from the row once it is sent.

    For nobody it is written as for somebody, and undone: both take the same time.
    """
    message = Message(
        kind=kind,
        channel=channel,
        user=user,
        to=to,
        about_kind="user",
        about_id=user.pk if user else uuid7(),
        cause=uuid7(),
        wanted_at=now,
        due_at=now,
        not_after=now + CODE_LASTS,
        secret=code,
    )
    message.key = f"{kind}:{message.pk}"
    with transaction.atomic():
        add([message])
        if user is None:
            transaction.set_rollback(True)
    hints.wake("notifications.send_due")


def queue_answer(
    kind: str, text: InboundMessage, *, about: tuple[str, UUID], now: datetime, revision: int = 1
) -> bool:
    """What answers a text that came in, to the number that wrote it; once for each text.

    False when this number has had its answers; a call for help is always answered.
    """
    lock_phone(text.sender)
    if kind in caps.ANSWERS and caps.is_over(text.sender, in_force(now)):
        return False
    add(
        [
            Message(
                key=f"{kind}:{text.pk}",
                kind=kind,
                channel=Channel.SMS,
                patient_id=text.patient_id,
                to=text.sender,
                about_kind=about[0],
                about_id=about[1],
                revision=revision,
                cause=Actor(role="system", channel="sms").cause,
                wanted_at=now,
                due_at=now,
                not_after=now + ANSWER_KEEPS,
            )
        ]
    )
    return True


def add(messages: Iterable[Message]) -> None:
    """Write messages down; one that is there already, by its key, stays as it is."""
    rows = list(messages)
    for row in rows:
        row.history = [entry(row.status, row.why)]
        row.priority = policy.priority_of(row.kind)
    add_once(rows, unique=("key",))
    hints.wake("notifications.send_due")
