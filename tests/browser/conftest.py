"""Chromium and sites for it. Without a Chromium on the machine these tests are left out, except where
``ECP_SYNC_NEEDS_BROWSER`` says that the page has to be proven: there its absence is an error."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from sync_service.domain.people import Role
from tests.browser.site import Site, site
from tests.databases import SqliteTemplate

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def browser_path() -> str | None:
    """Where this machine keeps its Chromium."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = browser_path()
    if not found and not os.environ.get("ECP_SYNC_NEEDS_BROWSER"):
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    assert found, "no Chromium on this machine: install it (Debian: apt-get install chromium)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def school_page(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Site]:
    """The page of a school that agrees with its region."""
    with site(sqlite_template.copy(tmp_path), tmp_path) as made:
        yield made


@pytest.fixture
def desk(chromium: Browser, school_page: Site) -> Iterator[Page]:
    """A secretary's browser, signed in."""
    context = signed_in(chromium, school_page, Role.SECRETARY)
    yield context.new_page()
    context.close()


def signed_in(browser: Browser, where: Site, role: Role, **options: object) -> BrowserContext:
    """A browser of its own for one person; ``options`` as Playwright has them."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, **options)  # type: ignore[arg-type]  # as named
    secret = where.sign_in(role).cookies["ecp_session"]
    context.add_cookies([{"name": "ecp_session", "value": secret, "url": where.url, "httpOnly": True}])
    return context
