"""The channel of mail."""

import smtplib

from django.core.mail import EmailMessage

from notifications.twilio import Outcome


def send(*, to: str, subject: str, body: str, message_id: str) -> Outcome:
    """Hand a mail over; the same outcomes as of a text, with our own id as the provider's."""
    mail = EmailMessage(subject, body, to=[to], headers={"X-Hearth-Message": message_id})
    try:
        mail.send()
    except (ConnectionRefusedError, smtplib.SMTPConnectError, smtplib.SMTPHeloError):
        return Outcome("busy", code="connect")
    except smtplib.SMTPAuthenticationError:
        return Outcome("misconfigured", code="auth")
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError):
        return Outcome("refused", code="smtp")
    except (smtplib.SMTPException, OSError):
        return Outcome("unknown", code="no_answer")
    return Outcome("accepted", message_id)
