"""Statement 37: every page, empty, full, decided and in trouble, is usable by everybody, script or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext

from sync_service.domain.people import Role
from sync_service.web.api.calls import PREFIX
from tests.browser.chromium import launched, may_do_without, signed_in
from tests.browser.filled import decided, filled
from tests.browser.looks import look, look_without_script, without_database
from tests.browser.routes import pages, table
from tests.browser.site import Site
from tests.simulation.databases import Databases
from tests.simulation.door_statements import a_site

# Their forms stand on the door, on the answer to another form, on a hold that one of two people has released, on a
# pupil who has left and on the acts, and beside channels of a setting: test_erase_page, test_contacts_page.
ON_ANSWERS = {
    "/login",
    "/login/code",
    "/password",
    "/s/{school}/conflicts-bulk/undo",
    "/s/{school}/movements/arrival/form",
    "/s/{school}/import-apply",
    "/s/{school}/holds/{hold_id}/undo",
    "/s/{school}/subjects/{student_id}/erase",
    "/s/{school}/erasures/scrub",
    "/s/{school}/erasures/{erasure_id}/lift",
    "/s/{school}/contacts-tried",
}
NO_SUCH_JOB = "/resync/wait"  # a page that exists only while a plan is being made


def statement_37(_count: int, databases: Databases) -> str:
    if may_do_without():
        return "not available here"
    looks, posted = 0, set[str]()
    with launched() as browser:
        with a_site(databases) as empty:
            looks += every_page(browser, empty, {}, posted, dark=True)
        with a_site(databases) as made:
            examples = filled(made)
            looks += every_page(browser, made, examples, posted, full=True)
            with without_database(made):
                looks += every_page(browser, made, examples, set(), trouble=True)
            decided(made, examples)
            looks += every_page(browser, made, examples, posted)
    unsafe = {path for method, path in table() if method != "GET" and not path.startswith(PREFIX)}
    unreached = {path for path in unsafe - ON_ANSWERS if not any(re.fullmatch(_shape(path), one) for one in posted)}
    assert not unreached, f"no plain form leads to {sorted(unreached)}"
    return (
        f"{len(pages())} pages × empty, full, decided, database away × script on and off = {looks} looks:"
        f" axe 0 violations, 320 px without sideways scrolling, 0 off-origin requests;"
        f" plain forms lead to all {len(unsafe)} unsafe routes"
    )


def every_page(
    browser: Browser,
    made: Site,
    examples: dict[str, str],
    posted: set[str],
    *,
    full: bool = False,
    trouble: bool = False,
    dark: bool = False,
) -> int:
    """How often a page was looked at; ``posted`` gets where their forms go."""
    looks = 0
    with _admin(browser, made, dark=dark) as usual, _admin(browser, made, dark=dark, script=False) as plain:
        for path in pages(examples):
            status, text = look(usual, made, path)
            if full:
                assert status == 200 or path.endswith(NO_SUCH_JOB), f"{path}: {status}, nothing to look at"
            elif trouble:
                assert status in (200, 404, 503), f"{path}: {status}"
            else:
                assert status in (200, 404, 409, 422), f"{path}: {status}"
            posted |= look_without_script(plain, made, path, text)
            looks += 2
    return looks


@contextmanager
def _admin(browser: Browser, made: Site, *, dark: bool, script: bool = True) -> Iterator[BrowserContext]:
    context = signed_in(
        browser, made, Role.ADMIN, color_scheme="dark" if dark else "light", java_script_enabled=script
    )
    yield context
    context.close()


def _shape(path: str) -> str:
    return re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))
