"""The one page that the practice's own site may show in a frame: free times, without a sign-in."""

from django.http import HttpRequest


def is_embedded(request: HttpRequest) -> bool:
    """Whether this is the page of free times as it stands in a frame of another site."""
    looks = request.method in ("GET", "HEAD") and request.path == "/book/"
    return looks and request.GET.get("embed") == "1"
