"""The request that is being answered: its id, its door, from where, and whether it only looks."""

import logging
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, clear_contextvars

from records.ids import uuid7

log = logging.getLogger("hearth.requests")

PLAIN = re.compile(r"[0-9A-Za-z_-]{1,64}", re.A)
ANSWERED = "X-Request-ID"


@dataclass(slots=True)
class Asked:
    """``door`` is the pattern of the address, with no id in it. ``glass``: by which break-glass who
    asks sees which patient, once it was looked up.
    """

    id: str = ""
    door: str = ""
    address: str | None = None
    looks: bool = False
    glass: dict[UUID, UUID] | None = None


_now: ContextVar[Asked | None] = ContextVar("asked", default=None)


def asked() -> Asked:
    """What is being answered; of nothing, where nobody asks: a sweep, a command."""
    return _now.get() or Asked()


class Requests:
    """Gives each request an id, which stands in every line of the log, and a line at its end."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(ANSWERED, "")
        name = given if PLAIN.fullmatch(given) else uuid7().hex
        about = Asked(name, address=client_of(request), looks=request.method in ("GET", "HEAD"))
        begun, token = time.perf_counter(), _now.set(about)
        clear_contextvars()
        bind_contextvars(request_id=name)
        try:
            response = self.get_response(request)
            response[ANSWERED] = name
            told = {"method": request.method, "status": response.status_code, "door": about.door}
            log.info("answered", extra=told | {"ms": round((time.perf_counter() - begun) * 1000)})
        finally:
            clear_contextvars()
            _now.reset(token)
        return response

    def process_view(self, request: HttpRequest, *_: object) -> None:
        """The door is known now."""
        if request.resolver_match:
            asked().door = request.resolver_match.route


def client_of(request: HttpRequest) -> str | None:
    """The client's address, as it stands in the columns of addresses; None where nobody knows.

    Of ``X-Forwarded-For`` counts what our own proxies added, from the right; all that stands left
    of it is a client's word. Who came past the outer proxies is known by the inner one.
    """
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-settings.TRUSTED_PROXY_COUNT :]
    told = hops[0].strip() if settings.TRUSTED_PROXY_COUNT else ""
    return _address(told or request.META.get("REMOTE_ADDR", ""))


def _address(text: str) -> str | None:
    try:
        ip = ip_address(text)
    except ValueError:
        return None
    if isinstance(ip, IPv4Address):
        return str(ip)
    return None if ip.scope_id else str(ip.ipv4_mapped or ip)
