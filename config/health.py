"""Whether Hearth lives and is ready, what each code of a refusal means, what leads nowhere."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.common import CommonMiddleware

from pages import page
from records.refused import CODES, problem_body


def livez(request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return HttpResponse("ok", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers, and every migration is there; else 503 (a lost one, too)."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        return HttpResponse("migrations are missing", status=503, content_type="text/plain")
    return HttpResponse("ready", content_type="text/plain")


def problem_page(request: HttpRequest, code: str) -> HttpResponse:
    """What the ``type`` of a problem points at."""
    if code not in CODES:
        raise Http404
    status, title = CODES[code]
    return JsonResponse({"code": code, "status": status, "title": title})


class Slashes(CommonMiddleware):
    """Sends readers on to the address with its slash; what is posted to the API gets a problem.

    Sent on, it would arrive without its body.
    """

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        reads = request.method in ("GET", "HEAD") or not request.path.startswith("/api/")
        return reads and super().should_redirect_with_slash(request)


def no_page_of_ours(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Something with a cookie, of which nothing proves that a page of ours sent it."""
    if not request.path.startswith(("/api/", "/_allauth/")):
        return page.unproven(request)
    body = problem_body("permission_denied", "Send the token against forgery (X-CSRFToken).")
    return JsonResponse(body, status=403, content_type="application/problem+json")


def unreadable(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A request that Django itself refuses, such as one for another host."""
    if not request.path.startswith("/api/"):
        return page.unreadable(request)
    body = problem_body("malformed", f"{CODES['malformed'][1]}.")
    return JsonResponse(body, status=400, content_type="application/problem+json")


def nowhere(request: HttpRequest, exception: Exception) -> HttpResponse:
    """No such address: below the API a problem, as for every other refusal; else a page."""
    if not request.path.startswith("/api/"):
        return page.not_found(request)
    body = problem_body("not_found", f"{CODES['not_found'][1]}.")
    return JsonResponse(body, status=404, content_type="application/problem+json")
