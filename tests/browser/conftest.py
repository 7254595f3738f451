"""Chromium and sites for it. Without a Chromium on the machine these tests are left out, except where
``ECP_SYNC_NEEDS_BROWSER`` says that the page has to be proven: there its absence is an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from sync_service.domain.people import Role
from tests.browser.chromium import launched, may_do_without, signed_in
from tests.browser.site import Site, site
from tests.databases import SqliteTemplate


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if may_do_without():
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with launched() as browser:
        yield browser


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
