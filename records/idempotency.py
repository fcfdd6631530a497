"""One answer to one wish: a POST with an Idempotency-Key takes effect once.

The layer opens the outer transaction, so effect and answer are kept together or not at all. A
refusal (4xx) is kept after its effect is rolled back; 401, 403, 429 and 5xx are never kept.
"""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from records.asking import asked
from records.events import log_access_again
from records.models import IdempotentAnswer
from records.refused import Refused

KEPT = timedelta(hours=24)
NOT_KEPT = {401, 403, 429}
KEY = re.compile(r'(")?([\x21\x23-\x7e]{1,255})(?(1)")')


class _Undo(Exception):
    """Carries a refusal out of the savepoint that its effect is rolled back with."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def answer_once(
    request: Request, handle: Callable[[], Response], refuse: Callable[[Exception], Response]
) -> Response:
    """Run ``handle``, unless this key was answered before: then give that answer again.

    ``refuse`` turns an exception into its answer. Raises `Refused` ``idempotency_mismatch`` when
    the key came with another request, ``in_progress`` while the first is being answered.
    """
    header = request.headers.get("Idempotency-Key")
    if request.method != "POST" or header is None:
        return handle()
    scope, fingerprint = _scope_and_fingerprint(request, _key(header))
    with transaction.atomic():
        _take_turn(scope)
        kept = IdempotentAnswer.objects.filter(scope=scope).first()
        if kept:
            answer = _again(kept, fingerprint)
            if request.user.is_authenticated and kept.request_id:
                log_access_again(request.user.pk, kept.request_id)
            return answer
        response = _in_savepoint(handle, refuse)
        if _is_kept(response):
            IdempotentAnswer.objects.create(
                scope=scope,
                request=fingerprint,
                status=response.status_code,
                body=_rendered(response.data),
                etag=response.headers.get("ETag", ""),
                request_id=asked().id,
            )
        return response


def once(response: Response) -> Response:
    """An answer that is shown this once, and not kept: there is a secret in it."""
    response.is_secret = True  # type: ignore[attr-defined]
    return response


def _is_kept(response: Response) -> bool:
    status = response.status_code
    return status < 500 and status not in NOT_KEPT and not hasattr(response, "is_secret")


def _key(header: str) -> str:
    match = KEY.fullmatch(header.strip())
    if not match:
        raise Refused(
            "idempotency_key_invalid", "Idempotency-Key takes 1 to 255 visible ASCII characters."
        )
    return match[2]


def _scope_and_fingerprint(request: Request, key: str) -> tuple[str, str]:
    """Hashes of (who, route, key) and of the request; a stranger's body joins his scope.

    Who has another role since then gets nothing that was for the one before.

    The query belongs to the request: what only shows and what does it are two.
    """
    body = hashlib.sha256(request.body).hexdigest()
    user = request.user
    who = f"{user.role} {user.pk}" if user.is_authenticated else f"anyone {body}"
    scope = hashlib.sha256(f"{who}\n{request.path}\n{key}".encode()).hexdigest()
    fingerprint = hashlib.sha256(f"{request.get_full_path()}\n{body}".encode()).hexdigest()
    return scope, fingerprint


def _take_turn(scope: str) -> None:
    number = int(scope[:15], 16)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        row = cursor.fetchone()
    if not row or not row[0]:
        raise Refused(
            "in_progress", "The same request is still being answered; try again.", retry_after=1
        )


def _again(kept: IdempotentAnswer, fingerprint: str) -> Response:
    if kept.request != fingerprint:
        raise Refused(
            "idempotency_mismatch", "This Idempotency-Key was used for another request before."
        )
    response = Response(json.loads(kept.body), status=kept.status)
    if kept.status >= 400:
        response.content_type = "application/problem+json"
    if kept.etag:
        response["ETag"] = kept.etag
    response["Idempotent-Replayed"] = "true"
    return response


def _in_savepoint(
    handle: Callable[[], Response], refuse: Callable[[Exception], Response]
) -> Response:
    try:
        with transaction.atomic():
            try:
                return handle()
            except Exception as error:
                raise _Undo(refuse(error)) from error
    except _Undo as undo:
        return undo.response


def _rendered(data: Any) -> str:
    """The body as it leaves: kept as text, since jsonb would put the keys in another order."""
    return "null" if data is None else JSONRenderer().render(data).decode()
