"""The channel of texts: Twilio's REST API through its library, and what its answers mean."""

import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from django.conf import settings
from django.http import QueryDict
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from urllib3.exceptions import NewConnectionError, SSLError

CONNECT = 5.0  # seconds that a connection may take to come about
OPTED_OUT = 21610
TOO_MANY = "20429"
BUSY = {20429, 21611}
BAD_PHONE = {21211, 21217, 21614}
# The account, its day's limit (63038), the sender, the service or our own address is not right.
MISCONFIGURED = {
    20003, 20404, 21212, 21408, 21601, 21603, 21606, 21609, 21659, 21660, 21661, 21701, 21704,
    21705, 30002, 30032, 30034, 63038,
}  # fmt: skip
NOT_TWILIO = {404, 405, 407}  # nothing there takes texts: a wrong address, or a proxy in between
# The provider was asked, and what it answered is not known, or is no answer of Twilio's.
NO_ANSWER = (requests.exceptions.RequestException, TwilioException, ValueError, KeyError)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a send.

    ``result``: ``accepted`` (with ``provider_id``), ``busy`` (nothing was sent, try again),
    ``refused`` (for good), ``bad_phone`` (this number takes no texts), ``opted_out``,
    ``misconfigured`` (nobody gets texts), or ``unknown``: it may or may not have been sent.
    """

    result: str
    provider_id: str = ""
    code: str = ""


class RebasedHttpClient(TwilioHttpClient):
    """Twilio's HTTP client, talking to another host: the library offers no setting for that."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self.base = urlsplit(base_url)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        asked = urlsplit(url)
        path = self.base.path.rstrip("/") + asked.path
        there = (self.base.scheme, self.base.netloc, path, asked.query, "")
        return super().request(method, urlunsplit(there), *args, **kwargs)


def client() -> Client:
    """A client with timeouts and no retries: the library's own default waits for ever."""
    return _client(
        settings.TWILIO_BASE_URL,
        settings.TWILIO_ACCOUNT_SID,
        settings.TWILIO_AUTH_TOKEN,
        settings.TWILIO_TIMEOUT,
    )


@lru_cache(maxsize=1)
def _client(base: str, account: str, token: str, seconds: float) -> Client:
    """The same one as long as nothing changes: it keeps its connections."""
    http = RebasedHttpClient(base) if base else TwilioHttpClient()
    http.timeout = (min(CONNECT, seconds), seconds)
    return Client(account, token, http_client=http)


def may_text(to: str) -> bool:
    """Whether this Hearth may text a number: with a real account, only production texts anybody."""
    return settings.PRODUCTION or settings.SANDBOX or to in settings.ALLOWED_NUMBERS


def send(*, to: str, body: str, callback: str, valid_for: int) -> Outcome:
    """Hand a text over; ``valid_for`` seconds it may wait in the provider's queue."""
    sender = (
        {"messaging_service_sid": settings.TWILIO_MESSAGING_SERVICE_SID}
        if settings.TWILIO_MESSAGING_SERVICE_SID
        else {"from_": settings.TWILIO_FROM_NUMBER}
    )
    try:
        provider = client()
    except TwilioException:
        return Outcome("misconfigured", code="no_account")
    try:
        message = provider.messages.create(
            to=to,
            body=body,
            status_callback=callback,
            validity_period=max(1, min(valid_for, 36_000)),
            smart_encoded=False,
            **sender,
        )
    except (TwilioRestException, TwilioServiceException) as error:
        return _refused(error.status, error.code if isinstance(error.code, int) else error.status)
    except requests.exceptions.ConnectTimeout:
        return Outcome("busy", code="connect")
    except requests.exceptions.ConnectionError as error:
        return Outcome("busy" if _never_left(error) else "unknown", code="connection")
    except NO_ANSWER:
        return Outcome("unknown", code="no_answer")
    return Outcome("accepted", message.sid) if message.sid else Outcome("unknown", code="no_sid")


def _refused(status: int, code: int) -> Outcome:
    if code == OPTED_OUT:
        return Outcome("opted_out", code=str(code))
    if code in BAD_PHONE:
        return Outcome("bad_phone", code=str(code))
    if status == 429 or code in BUSY:
        return Outcome("busy", code=str(code))
    if status in {401, 403} | NOT_TWILIO or 300 <= status < 400 or code in MISCONFIGURED:
        return Outcome("misconfigured", code=str(code))
    if 400 <= status < 500:
        return Outcome("refused", code=str(code))
    return Outcome("unknown", code=str(code))


def is_misconfigured(error_code: str) -> bool:
    """Whether a callback says that nobody gets texts: the account, its sender, its day's limit."""
    return error_code in map(str, MISCONFIGURED)


def _never_left(error: requests.exceptions.ConnectionError) -> bool:
    """Whether no connection came about, no name was found or TLS failed: nothing was sent."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError) or _is_of_handshake(reason)


def _is_of_handshake(reason: Exception | None) -> bool:
    """TLS may also fail later, when a text may have left: the place tells."""
    inner = reason.args[0] if isinstance(reason, SSLError) and reason.args else None
    frames = traceback.walk_tb(getattr(inner, "__traceback__", None))
    return any(frame.f_code.co_name == "do_handshake" for frame, _ in frames)


def find(*, to: str, body: str, known: Iterable[str]) -> Outcome | None:
    """The text with exactly this body that the provider has and we do not know; None if none.

    Raises one of `NO_ANSWER` when the provider cannot be asked.
    """
    not_ours = set(known)
    for message in client().messages.list(to=to, limit=200):
        if message.body == body and message.sid not in not_ours:
            return Outcome("accepted", message.sid or "")
    return None


def status_of(provider_id: str) -> tuple[str, str]:
    """What the provider says of a text, as in a callback, and its error code; empty if not there.

    Raises one of `NO_ANSWER` when the provider cannot be asked.
    """
    try:
        message = client().messages(provider_id).fetch()
    except TwilioRestException as error:
        if error.status == 404:
            return "", ""
        raise
    return str(message.status or ""), str(message.error_code or "")


def is_signed(path: str, fields: QueryDict, signature: str | None) -> bool:
    """Whether Twilio signed this request to our public address; fails closed.

    While the account's token is changed, the old one still counts.
    """
    tokens = (settings.TWILIO_AUTH_TOKEN, settings.TWILIO_AUTH_TOKEN_OLD)
    return bool(signature) and any(
        RequestValidator(token).validate(settings.PUBLIC_BASE_URL + path, fields, signature)
        for token in tokens
        if token
    )
