"""Passkeys: a key in software signs in at the doors; what is no key is refused."""

import json
from hashlib import sha256
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from django.conf import settings
from django.test import Client
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

from accounts.models import User
from tests.cast import CAST
from tests.signing import App, shift

ORIGIN, HOST = "https://hearth.example.org", "hearth.example.org"
FLAG = AuthenticatorData.FLAG
WEBAUTHN = "account/authenticators/webauthn"


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PUBLIC_BASE_URL", ORIGIN)


class Key:
    """An authenticator: one key pair, which says whether it knew its owner."""

    def __init__(self, *, knows_owner: bool = True, origin: str = ORIGIN) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.id, self.origin = b"key-" + bytes(12), origin
        self.flags = FLAG.UP | (FLAG.UV if knows_owner else FLAG(0))
        self.user = ""

    def made(self, options: Any) -> dict[str, Any]:
        """What a browser sends after `navigator.credentials.create`."""
        asked = options["publicKey"]
        self.user = asked["user"]["id"]
        public = ES256.from_cryptography_key(self.private.public_key())
        credential = AttestedCredentialData.create(bytes(16), self.id, public)
        data = AuthenticatorData.create(self._host(), self.flags | FLAG.AT, 0, credential)
        said = CollectedClientData.create("webauthn.create", asked["challenge"], self.origin)
        return self._sent(
            clientDataJSON=said, attestationObject=AttestationObject.create("none", data, {})
        )

    def shown(self, options: Any) -> dict[str, Any]:
        """What a browser sends after `navigator.credentials.get`."""
        data = AuthenticatorData.create(self._host(), self.flags, 1)
        challenge = options["publicKey"]["challenge"]
        said = CollectedClientData.create("webauthn.get", challenge, self.origin)
        signature = self.private.sign(data + said.hash, ec.ECDSA(SHA256()))
        sent = self._sent(clientDataJSON=said, authenticatorData=data, signature=signature)
        sent["response"]["userHandle"] = self.user
        return sent

    def _host(self) -> bytes:
        return sha256(HOST.encode()).digest()

    def _sent(self, **response: bytes) -> dict[str, Any]:
        coded = {name: websafe_encode(value) for name, value in response.items()}
        named = websafe_encode(self.id)
        return {
            "type": "public-key", "id": named, "rawId": named, "response": coded,
            "clientExtensionResults": {"credProps": {"rk": True}},
        }  # fmt: skip


def add(app: App, key: Key) -> Any:
    options = app.auth(f"{WEBAUTHN}?passwordless", method="GET").json()["data"]["creation_options"]
    return app.auth(WEBAUTHN, {"name": "my phone", "credential": key.made(options)})


def sign_in(key: Key) -> tuple[App, Any]:
    app = App()
    options = app.auth("auth/webauthn/login", method="GET").json()["data"]["request_options"]
    return app, app.auth("auth/webauthn/login", {"credential": key.shown(options)})


def test_a_patient_signs_in_with_a_passkey_and_still_by_code(now: object) -> None:
    key = Key()
    assert add(App().sign_in("alice"), key).status_code == 200
    app, done = sign_in(key)
    assert done.status_code == 200
    assert app.get("me/").json()["first_name"] == "Alice"
    assert App().by_code(email=CAST["alice"]).get("me/").status_code == 200


def test_a_passkey_that_knows_its_owner_is_both_factors_of_a_colleague(now: object) -> None:
    key, half = Key(), App()
    half.by_password("sam")
    assert add(half, key).status_code == 200
    assert half.get("work-items/").status_code == 200
    app, done = sign_in(key)
    assert done.status_code == 200
    assert app.get("work-items/").status_code == 200
    assert app.post("me/tokens/", {"scope": "read"}).status_code == 201


def test_a_key_that_does_not_know_its_owner_signs_nobody_in_alone(now: object) -> None:
    key, half = Key(), App()
    half.by_password("sam")
    add(half, key)
    key.flags = FLAG.UP
    app, done = sign_in(key)
    assert done.status_code == 400
    assert app.get("work-items/").status_code == 401
    beside = App()
    assert beside.by_password("sam").status_code == 401
    options = beside.auth("auth/webauthn/authenticate", method="GET").json()["data"]
    sent = {"credential": key.shown(options["request_options"])}
    assert beside.auth("auth/webauthn/authenticate", sent).status_code == 200
    assert beside.get("work-items/").status_code == 200


def test_a_key_of_another_site_or_a_challenge_of_before_opens_nothing(now: object) -> None:
    key = Key()
    add(App().sign_in("alice"), key)
    app = App()
    options = app.auth("auth/webauthn/login", method="GET").json()["data"]["request_options"]
    answer = key.shown(options)
    assert app.auth("auth/webauthn/login", {"credential": answer}).status_code == 200
    assert App().auth("auth/webauthn/login", {"credential": answer}).status_code == 400
    key.origin = "https://hearth.example.org.evil.example"
    assert sign_in(key)[1].status_code == 400
    stranger = Key()
    stranger.user = key.user
    assert sign_in(stranger)[1].status_code == 400


def test_who_is_deactivated_has_no_use_of_a_passkey(now: object) -> None:
    key = Key()
    add(App().sign_in("alice"), key)
    User.objects.filter(email=CAST["alice"]).update(is_active=False)
    app, _ = sign_in(key)
    assert app.get("me/").status_code == 401


def test_a_passkey_is_taken_away_with_something_shown_just_before(now: object) -> None:
    alice, eve, key = App().sign_in("alice"), App().sign_in("eve"), Key()
    add(alice, key)
    pk = Authenticator.objects.get(type="webauthn").pk
    assert eve.auth(WEBAUTHN, {"authenticators": [pk]}, method="DELETE").status_code == 400
    shift(alice, shown=301)
    gone = alice.auth(WEBAUTHN, {"authenticators": [pk]}, method="DELETE")
    assert gone.json()["code"] == "reauthentication_required"
    alice = App().sign_in("alice")
    assert alice.auth(WEBAUTHN, {"authenticators": [pk]}, method="DELETE").status_code == 200
    assert sign_in(key)[1].status_code == 400


BROKEN: list[Any] = [
    None, {}, [], "x", 1, {"response": {}}, {"id": "x", "rawId": "x", "type": "x", "response": 1},
    {"id": "AA", "rawId": "AA", "type": "public-key", "response": {
        "clientDataJSON": "e30", "attestationObject": "AA", "authenticatorData": "AA",
        "signature": "AA", "userHandle": "AA"}},
    {"id": "AA", "rawId": "AA", "type": "public-key", "response": {
        "clientDataJSON": websafe_encode(b'{"type": 1, "challenge": 2, "origin": 3}'),
        "attestationObject": websafe_encode(b"\xa0"),
        "authenticatorData": websafe_encode(bytes(37)), "signature": "AA", "userHandle": "\x00"}},
    {"id": "\ud800"}, {"id": "a\x00"},
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BROKEN)))
def test_what_is_no_passkey_is_400_at_the_doors_and_the_pages(now: object, number: int) -> None:
    sent, alice, half = {"credential": BROKEN[number]}, App().sign_in("alice"), App()
    alice.auth(WEBAUTHN, method="GET")
    assert alice.auth(WEBAUTHN, {"name": "n", **sent}).status_code == 400
    half.auth("auth/webauthn/login", method="GET")
    assert half.auth("auth/webauthn/login", sent).status_code == 400
    page = Client()
    page.get("/accounts/2fa/webauthn/login/")
    answer = page.post("/accounts/2fa/webauthn/login/", {"credential": json.dumps(BROKEN[number])})
    assert answer.status_code in (302, 400)
    assert page.get("/accounts/sessions/").status_code == 302
