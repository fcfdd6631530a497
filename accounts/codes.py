"""Codes that prove a contact or who asks: three tries each, ten minutes, five an hour."""

import secrets
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import SentCode, User
from records.refused import Refused

LASTS, TRIES = timedelta(minutes=10), 3
AN_HOUR, HOUR = 5, timedelta(hours=1)


def six_digits() -> str:
    """Six digits, which phones offer to fill in."""
    return f"{secrets.randbelow(1_000_000):06d}"


@transaction.atomic
def draw_code(user: User, purpose: str, *, to: str) -> str:
    """A new code, to be sent ``to`` a contact; raises `Refused` ``over_budget``.

    Whoever asks again and again would have as many tries as they like.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two at once count in turn
    mine = SentCode.objects.filter(user=user, purpose=purpose)
    if mine.filter(created_at__gt=Now() - HOUR).count() >= AN_HOUR:
        raise Refused(
            "over_budget", "Too many codes were asked for. Wait a while.", retry_after=900
        )
    code = six_digits()
    SentCode.objects.create(
        user=user, purpose=purpose, to=to, hash=_hash(user, purpose, code), tries_left=TRIES
    )
    return code


@transaction.atomic
def try_code(user: User, purpose: str, code: str) -> str | None:
    """The contact that the code was sent to, once; None when it is wrong, old or tried too often.

    It refuses by its answer: an exception would take back that a try was used up.
    """
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    mine = SentCode.objects.filter(user=user, purpose=purpose).order_by("-pk")
    latest = mine.filter(created_at__gt=Now() - LASTS, tries_left__gt=0).first()
    if latest is None or latest != mine.first():
        return None
    right = constant_time_compare(latest.hash, _hash(user, purpose, code))
    latest.tries_left = 0 if right else latest.tries_left - 1
    latest.save(update_fields=["tries_left"])
    return latest.to if right else None


def _hash(user: User, purpose: str, code: str) -> str:
    """Keyed, since six digits are soon guessed from a plain hash."""
    return salted_hmac(f"hearth.codes.{purpose}.{user.pk}", code, algorithm="sha256").hexdigest()
