"""The short form of statement 36: conflicts of every shape, decided by keyboard only."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.browser.disputes import SHAPES
from tests.browser.site import Site
from tests.simulation.keyboard_statements import by_keyboard


def test_conflicts_are_decided_by_keyboard_only(chromium: Browser, school_page: Site) -> None:
    """At most three keys each, and both sides end with what the keys say."""
    per_case, _ = by_keyboard(chromium, school_page, len(SHAPES))
    assert sorted(set(per_case)) == [2, 3]
