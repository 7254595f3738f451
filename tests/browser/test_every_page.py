"""Every screen, empty and full: no accessibility violation, no sideways scrolling, nothing from elsewhere.

Statement 37 of the reliability page. The list of screens is the list of routes: a new one is looked at by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from sync_service.domain.people import Role
from tests.browser.chromium import signed_in
from tests.browser.routes import pages
from tests.browser.site import Site, furnished, site
from tests.databases import SqliteTemplate

AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
RULES = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
NARROW, USUAL = 320, 1366
furnished_sites: dict[str, bool] = {}


@pytest.fixture(scope="module", params=["empty", "full"])
def shown(
    request: pytest.FixtureRequest, sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp(f"pages-{request.param}")
    with site(sqlite_template.copy(folder), folder) as made:
        if request.param == "full":
            furnished(made)
        furnished_sites[made.url] = request.param == "full"
        yield made


@pytest.fixture(scope="module")
def admin(chromium: Browser, shown: Site) -> Iterator[BrowserContext]:
    # The full site is looked at in the light, the empty one in the dark: both sets of colours are measured.
    context = signed_in(
        chromium, shown, Role.ADMIN, color_scheme="light" if furnished_sites.get(shown.url) else "dark"
    )
    yield context
    context.close()


@pytest.mark.parametrize("path", pages())
def test_a_screen_is_usable_by_everybody(admin: BrowserContext, shown: Site, path: str) -> None:
    """A page of a record that is not there (the site is empty) is a page as well."""
    elsewhere: list[str] = []
    page = admin.new_page()
    page.on(
        "request",
        lambda request: None if request.url.startswith((shown.url, "data:")) else elsewhere.append(request.url),
    )
    page.set_viewport_size({"width": USUAL, "height": 768})
    answer = page.goto(shown.url + path)
    assert answer is not None
    assert answer.status in (200, 404, 422), path
    assert page.locator("h1").count() == 1
    page.evaluate(AXE)
    found = page.evaluate(RULES)
    assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found["violations"]] == []
    page.set_viewport_size({"width": NARROW, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW, f"{path} scrolls sideways"
    assert elsewhere == []
    page.close()
