"""Browsers for the tests of pages."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page

from records import clock
from tests.browser.site import Scheme, launched, seat, user_of
from tests.cast import NOW
from tests.conftest import STAGE, serving, use


@pytest.fixture(scope="session")
def chromium(django_db_blocker: Any) -> Iterator[Browser]:
    """One for all tests. Where it runs, Django has other connections: no stage is left on these."""
    with django_db_blocker.unblock():
        STAGE.change("")
    with launched() as browser:
        yield browser


@pytest.fixture
def sit(web: str, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """``sit("alice", size="phone")``: a page of somebody who has signed in; of nobody without."""
    seats: list[BrowserContext] = []
    errors: list[str] = []

    def open_one(name: str = "", *, size: str = "", scheme: Scheme = "light") -> Page:
        user = user_of(name)
        size = size or ("desk" if user and user.is_colleague else "phone")
        context = seat(chromium, web, user, size=size, scheme=scheme)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        seats.append(context)
        return context.new_page()

    yield open_one
    for context in seats:
        context.close()
    assert not errors, errors


@pytest.fixture(scope="module")
def demo(django_db_setup: None, empty: str, django_db_blocker: Any) -> Iterator[str]:
    """The address of a Hearth with the demo in it at `NOW`, the same for all tests of a file."""
    before = settings.DATABASES["default"]["NAME"]
    with django_db_blocker.unblock():
        STAGE.change("")
        use(empty)
        clock.move(NOW)
        call_command("load_demo")
        with serving() as base:
            yield base
        connections["default"].close()
        use(before)
