"""The short form of statement 47: what the region sends is text, on the page and in tables for spreadsheets."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.browser.site import Site
from tests.simulation.injection_statements import FORMULAS, formulas_are_text, payloads_are_text


def test_payloads_stay_text(chromium: Browser, school_page: Site) -> None:
    """In every text the region fills, with and without the content security policy."""
    assert payloads_are_text(chromium, school_page, 3) > 60


def test_formulas_stay_text(school_page: Site) -> None:
    assert formulas_are_text(school_page) > len(FORMULAS)
