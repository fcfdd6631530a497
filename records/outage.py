"""When the database is away, every door says so: 503 with Retry-After; and a sweep ends."""

from collections.abc import Callable

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse

from records.refused import problem_body

DATABASE_AWAY = "We cannot reach our records just now. Please try again shortly."
# After these a sweep does not go on with its next row, which would fare no better.
ENDS_A_SWEEP = (OperationalError, InterfaceError, SoftTimeLimitExceeded)
Handler = Callable[[HttpRequest], HttpResponse]


class DatabaseAway:
    """Turns a lost or refused connection into an answer that tells the client to come back."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return away() if isinstance(error, (OperationalError, InterfaceError)) else None


def away() -> HttpResponse:
    """503: the database cannot be reached; nothing was changed."""
    body = problem_body("database_away", DATABASE_AWAY)
    answer = JsonResponse(body, status=503, content_type="application/problem+json")
    answer["Retry-After"] = "5"
    return answer
