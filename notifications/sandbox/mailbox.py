"""A mail backend that shows mails on the phone page."""

from collections.abc import Sequence
from secrets import token_hex

from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage

from notifications.sandbox.models import SandboxMessage


class EmailBackend(BaseEmailBackend):
    """Keeps mails instead of sending them."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        rows = [
            SandboxMessage(
                sid="MM" + token_hex(16),
                channel="mail",
                sender=mail.from_email,
                to=to,
                subject=str(mail.subject),
                body=str(mail.body),
                status="delivered",
            )
            for mail in email_messages
            for to in mail.to
        ]
        SandboxMessage.objects.bulk_create(rows)
        return len(email_messages)
