"""The time of care: the one place that asks what time it is; only doors call it."""

from datetime import UTC, datetime

from django.conf import settings
from django.db import connection

from records.models import Clock


def now() -> datetime:
    """The time of care, in UTC: real time, unless it was moved, which only the sandbox can.

    Sign-ins, tokens, leases, kept answers and beat's ticks do not ask here: they use real time.
    """
    real = datetime.now(UTC)
    if not settings.SANDBOX:
        return real
    with connection.cursor() as cursor:  # asked for each text, therefore without the ORM
        cursor.execute('SELECT "offset" FROM records_clock')
        row = cursor.fetchone()
    return real + row[0] if row else real


def move(to: datetime | None) -> None:
    """Make it ``to`` now, for web, worker and beat together; ``None`` puts real time back."""
    if not settings.SANDBOX:
        raise RuntimeError("The clock is not moved where real texts leave.")
    if to is None:
        Clock.objects.all().delete()
    else:
        Clock.objects.update_or_create(pk=1, defaults={"offset": to - datetime.now(UTC)})
