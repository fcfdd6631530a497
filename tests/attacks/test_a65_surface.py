"""A65: metrics, admin, schema, files and error pages show nothing that helps an attacker."""

import http.client
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client

from tests.attacks.test_a63_canary import loudly_broken
from tests.conftest import Caller, caller
from tests.started import ROOT
from tests.test_consultations import wish

SECRETS = ("hearth_owner", "hearth_app", "Traceback", "DJANGO", "psycopg", "INSTALLED_APPS",
           "settings.py", "[core]", "root:x:")  # fmt: skip


def raw(web: str, path: str) -> tuple[int, str]:
    """One GET whose address nobody tidies up on the way."""
    server = http.client.HTTPConnection(urlsplit(web).netloc, timeout=5)
    server.putrequest("GET", path, skip_accept_encoding=True)
    server.endheaders()
    answer = server.getresponse()
    return answer.status, answer.read().decode(errors="replace")


def test_nothing_beside_the_doors_can_be_had(web: str) -> None:
    """All in one: the server starts once."""
    for path in (
        "/.git/config", "/.git/HEAD", "/.env", "/.data/secrets.json", "/secrets.json", "/manage.py",
        "/config/settings.py", "/requirements.txt", "/openapi.yaml", "/docker-compose.yml",
        "/static/../config/settings.py", "/static/..%2fconfig/settings.py",
        "/static/%2e%2e/%2e%2e/etc/passwd", "/static/....//....//etc/passwd", "/static//etc/passwd",
        "/static/..%5c..%5cetc%5cpasswd", "/static/%00", "/static/", "//etc/passwd",
        "/metrics", "/metrics/", "/health?full=1", "/health", "/status", "/debug", "/__debug__/",
        "/server-status", "/api/v1/", "/api/", "/phpinfo.php", "/actuator/env", "/console",
        "/api/v1/audit/", "/api/v1/people/", "/silk/", "/graphql", "/swagger.json",
    ):  # fmt: skip
        status, body = raw(web, path)
        assert status in (301, 302, 400, 403, 404), (path, status)
        assert not [word for word in SECRETS if word in body], path
    for path, word in (("/livez", "ok"), ("/readyz", "ready"), ("/livez?full=1", "ok")):
        assert raw(web, path) == (200, word)


@pytest.mark.parametrize(
    "path", ["", "accounts/user/", "records/rule/", "django_celery_beat/periodictask/", "doc/"]
)
def test_the_admin_shows_a_form_to_sign_in_and_no_more(
    path: str, alice: Caller, sam: Caller, chen: Caller
) -> None:
    assert Client().get(f"/admin/{path}").status_code in (302, 404)
    for who in (alice, sam, chen):
        client = Client()
        assert who.user
        client.force_login(who.user, "allauth.account.auth_backends.AuthenticationBackend")
        assert client.get(f"/admin/{path}").status_code in (302, 404)
        assert who.get(f"/admin/{path}").status_code in (302, 404)


def test_the_schema_tells_doors_and_nothing_of_how_the_house_is_run(db: None) -> None:
    told = Client().get("/api/schema/").content.decode()
    paths = [line.strip() for line in told.splitlines() if line.startswith("  /")]
    assert paths
    assert all(path.startswith("/api/v1/") for path in paths if "webhooks" not in path), paths
    for word in (settings.SECRET_KEY, "hearth_app", "127.0.0.1", "/home", "/tmp"):  # noqa: S108
        assert word not in told


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
def test_an_error_says_nothing_of_what_failed(committed: str, accept: str) -> None:
    alice = caller("alice")
    client = Client(raise_request_exception=False)
    headers = {"Authorization": alice.client.defaults["HTTP_AUTHORIZATION"], "Accept": accept}
    with loudly_broken(committed, "INSERT", "scheduling_consultation"):
        failed = client.post(
            "/api/v1/consultations/", wish(), content_type="application/json", headers=headers
        )
    assert failed.status_code == 500
    body = failed.content.decode()
    assert not [word for word in (*SECRETS, "scheduling_", str(ROOT), "broken:") if word in body]
    assert len(body) < 500


def test_no_page_is_a_debug_page(db: None) -> None:
    assert settings.DEBUG is False
    for path in ("/nowhere/", "/api/v1/nowhere/", "/admin/nowhere/", "/sandbox/nowhere/"):
        body = Client().get(path, headers={"Host": "127.0.0.1"}).content.decode()
        assert "urlpatterns" not in body
        assert "URLconf" not in body
    other = Client().get("/api/v1/plans/", headers={"Host": "evil.example.org"})
    assert other.status_code == 400
    assert "ALLOWED_HOSTS" not in other.content.decode()
