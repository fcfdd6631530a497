"""The channel of mail."""

import contextlib
import smtplib

from django.core.mail import EmailMessage, get_connection

from notifications.twilio import Outcome


def send(*, to: str, subject: str, body: str, message_id: str) -> Outcome:
    """Hand a mail over; the same outcomes as of a text, with our own id as the provider's.

    It is unknown whether it left only when the connection is lost after it was opened.
    """
    connection = get_connection()
    try:
        connection.open()
    except smtplib.SMTPAuthenticationError:
        return Outcome("misconfigured", code="auth")
    except (smtplib.SMTPException, OSError):
        return Outcome("busy", code="connect")
    headers = {"X-Hearth-Message": message_id}
    try:
        EmailMessage(subject, body, to=[to], headers=headers, connection=connection).send()
    except smtplib.SMTPRecipientsRefused as error:
        return _refused(*(code for code, _ in error.recipients.values()))
    except smtplib.SMTPResponseException as error:
        return _refused(error.smtp_code)
    except (smtplib.SMTPException, OSError):
        return Outcome("unknown", code="no_answer")
    finally:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            connection.close()
    return Outcome("accepted", message_id)


def _refused(*codes: int) -> Outcome:
    """The server said no: for now (4xx) or for good (5xx); nothing left (RFC 5321, 4.2.1)."""
    for_now = all(400 <= code < 500 for code in codes)
    return Outcome("busy" if for_now else "refused", code=str(max(codes)))
