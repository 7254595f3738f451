"""Every screen, empty, full and without its database: no accessibility violation, no sideways scrolling, nothing from
elsewhere, nothing that needs a script.

The short form of statement 37. The list of screens is the list of routes: a new one is looked at by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from sync_service.domain.people import Role
from tests.browser.chromium import signed_in
from tests.browser.filled import filled
from tests.browser.looks import look, look_without_script, without_database
from tests.browser.routes import pages
from tests.browser.site import Site, site
from tests.databases import SqliteTemplate

examples: dict[str, dict[str, str]] = {}


@pytest.fixture(scope="module", params=["empty", "full"])
def shown(
    request: pytest.FixtureRequest, sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp(f"pages-{request.param}")
    with site(sqlite_template.copy(folder), folder) as made:
        examples[made.url] = filled(made) if request.param == "full" else {}
        yield made


@pytest.fixture(scope="module")
def admin(chromium: Browser, shown: Site) -> Iterator[BrowserContext]:
    # The full site is looked at in the light, the empty one in the dark: both sets of colours are measured.
    context = signed_in(chromium, shown, Role.ADMIN, color_scheme="light" if examples[shown.url] else "dark")
    yield context
    context.close()


@pytest.fixture(scope="module")
def plain(chromium: Browser, shown: Site) -> Iterator[BrowserContext]:
    context = signed_in(chromium, shown, Role.ADMIN, java_script_enabled=False)
    yield context
    context.close()


@pytest.mark.parametrize("place", range(len(pages())), ids=pages())
def test_a_screen_is_usable_by_everybody(
    admin: BrowserContext, plain: BrowserContext, shown: Site, place: int
) -> None:
    """A page of a record that is not there (the site is empty) is a page as well."""
    found = examples[shown.url]
    path = pages(found)[place]
    status, text = look(admin, shown, path)
    assert status == 200 or path.endswith("/resync/wait") or not found, f"{path}: {status}, nothing to look at"
    assert status in (200, 404, 422), path
    if found:
        look_without_script(plain, shown, path, text)


@pytest.mark.parametrize("place", range(0, len(pages()), 4))
def test_a_screen_without_its_database_says_so(admin: BrowserContext, shown: Site, place: int) -> None:
    path = pages(examples[shown.url])[place]
    with without_database(shown):
        status, _ = look(admin, shown, path)
    nothing_there = path.endswith("/resync/wait") or not examples[shown.url]
    assert status in (503, 404 if nothing_there else 200), path
