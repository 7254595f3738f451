"""The Chromium of this machine, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from sync_service.domain.people import Role
from tests.browser.site import Site

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


def may_do_without() -> bool:
    """Whether there is no Chromium, and nobody insists on what it proves (``ECP_SYNC_NEEDS_BROWSER``)."""
    return browser_path() is None and not os.environ.get("ECP_SYNC_NEEDS_BROWSER")


@contextmanager
def launched() -> Iterator[Browser]:
    """Raises AssertionError where there is no Chromium."""
    found = browser_path()
    assert found, "no Chromium on this machine: install it (Debian: apt-get install chromium)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()


def signed_in(browser: Browser, where: Site, role: Role, **options: object) -> BrowserContext:
    """A browser of its own for one person; ``options`` as Playwright has them."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, **options)  # type: ignore[arg-type]  # as named
    secret = where.sign_in(role).cookies["ecp_session"]
    context.add_cookies([{"name": "ecp_session", "value": secret, "url": where.url, "httpOnly": True}])
    return context
