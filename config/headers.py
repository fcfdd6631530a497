"""What every answer says to browsers and caches, and what no request may be."""

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from pages.public.frame import is_embedded
from records.refused import CODES, problem_body

Handler = Callable[[HttpRequest], HttpResponse]

NO_FRAME = "frame-ancestors 'none'"
DATA = f"default-src 'none'; {NO_FRAME}"
PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    f"{NO_FRAME}"
)
UNUSED = (
    "accelerometer", "autoplay", "camera", "display-capture", "fullscreen", "geolocation",
    "gyroscope", "magnetometer", "microphone", "midi", "payment", "usb",
)  # fmt: skip
PERMISSIONS = ", ".join(f"{name}=()" for name in UNUSED)
# What is the same for everybody: the rest is nobody's to keep.
FOR_ALL = re.compile(
    r"/(api/v1/(service-area|plans|physicians|slots|assessments/questions)/|api/(schema|docs)/"
    r"|problems/[\w-]+/|static/.*)"
)
CREDENTIALS = ("Authorization", "X-Session-Token")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


class Headers:
    """The headers of every answer, whoever makes it; what a door says itself stands."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        is_page = answer.get("Content-Type", "").startswith("text/html")
        answer["Content-Security-Policy"] = PAGE if is_page else DATA
        answer["X-Content-Type-Options"] = "nosniff"
        answer["X-Frame-Options"] = "DENY"
        if is_page and is_embedded(request) and settings.CORS_ALLOWED_ORIGINS:
            origins = " ".join(settings.CORS_ALLOWED_ORIGINS)
            answer["Content-Security-Policy"] = PAGE.replace(NO_FRAME, f"frame-ancestors {origins}")
            del answer["X-Frame-Options"]  # it can name no other origins
        # A page sends forms: without a referrer, browsers give their origin as null, which is
        # refused. To others neither tells anything.
        answer["Referrer-Policy"] = "same-origin" if is_page else "no-referrer"
        answer["Permissions-Policy"] = PERMISSIONS
        answer["Cross-Origin-Opener-Policy"] = "same-origin"
        if not _is_for_all(request):
            answer.setdefault("Cache-Control", "no-store")
        return answer


def _is_for_all(request: HttpRequest) -> bool:
    """Whether nothing in the answer is about who asks."""
    looks = request.method in ("GET", "HEAD") and FOR_ALL.fullmatch(request.path)
    shows = settings.SESSION_COOKIE_NAME in request.COOKIES
    return bool(looks and not shows) and not any(name in request.headers for name in CREDENTIALS)


class Bounds:
    """No request has a method that nobody uses, a larger body than any door takes, or a NUL.

    Django bounds what is read into memory; the files of a form it would keep on disk, of any size.
    A cookie can spell a NUL, and the database fails when it looks for the session of that.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in METHODS:
            return _refused("method_not_allowed", f"{CODES['method_not_allowed'][1]}.")
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return _refused("too_large", "The body is larger than 256 KiB.")
        if "\0" in "".join((*request.COOKIES.values(), *request.headers.values())):
            return _refused("malformed", f"{CODES['malformed'][1]}.")
        return self.get_response(request)


def _refused(code: str, detail: str) -> HttpResponse:
    body = problem_body(code, detail)
    return JsonResponse(body, status=body["status"], content_type="application/problem+json")
