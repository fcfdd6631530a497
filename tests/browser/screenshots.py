"""A picture of every page, phone and desk, light and dark: ``make screenshots``.

They lie in .data/screenshots/pages; a part of a name as an argument takes those pages alone.
"""

import sys

import django


def main(wanted: str) -> None:
    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from records import clock
    from tests import conftest
    from tests.browser.every_page import LOOKS
    from tests.browser.site import SCHEMES, SIZES, launched, seat, user_of
    from tests.cast import NOW

    to = settings.BASE_DIR / ".data" / "screenshots" / "pages"
    to.mkdir(parents=True, exist_ok=True)
    conftest.make_template()
    conftest.drop("hearth_pictures")
    conftest.clone("hearth_pictures", conftest.EMPTY)
    conftest.use("hearth_pictures")
    clock.move(NOW)
    call_command("load_demo")
    with conftest.serving() as base, launched() as chromium:
        for look in LOOKS:
            for size in SIZES if wanted in look.name else ():
                context = seat(chromium, base, user_of(look.who), size=size)
                page = context.new_page()
                page.goto(look.address)
                for scheme in SCHEMES:
                    page.emulate_media(color_scheme=scheme)
                    page.screenshot(path=to / f"{look.name}-{size}-{scheme}.png", full_page=True)
                context.close()
            print(look.name)
    conftest.drop("hearth_pictures")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
