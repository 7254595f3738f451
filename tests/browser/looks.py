"""What is looked at on every screen (statement 37): accessibility, width, where requests go, what needs a script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from playwright.sync_api import BrowserContext, Page

from sync_service.domain.errors import DatabaseBusy
from tests.browser.site import Site

AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
RULES = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})"
NARROW, USUAL = 320, 1366
# What a script fills in while one chooses, and what tells of keys: all of it is said elsewhere in words.
ADDED_BY_SCRIPT = "[data-result], [data-effect], [data-keys]"
TEXT = f"""() => {{
    const copy = document.body.cloneNode(true);
    for (const one of copy.querySelectorAll('{ADDED_BY_SCRIPT}, script')) one.remove();
    return copy.textContent.replace(/\\s+/g, ' ').trim();
}}"""
COUNTS_LOOKS = ("/journal", "/erase")  # every look is written into the journal: they never say the same twice
UNUSABLE = """() => [
    ...[...document.querySelectorAll('button')].filter(one => one.form === null || one.type !== 'submit'),
    ...document.querySelectorAll('a:not([href]), a[href="#"], a[href^="javascript:"]'),
    ...[...document.forms].filter(one => one.method === 'post' && !one.getAttribute('action')),
].map(one => one.outerHTML.slice(0, 120))"""
POSTED = "() => [...document.forms].filter(one => one.method === 'post').map(one => new URL(one.action).pathname)"


@contextmanager
def without_database(made: Site) -> Iterator[None]:
    """The page is up, and the database answers nobody."""

    def busy(*_: object, **__: object) -> None:
        raise DatabaseBusy("the database is busy")

    with patch.object(type(made.service.db), "read", busy):
        yield


def look(context: BrowserContext, made: Site, path: str) -> tuple[int, str]:
    """The status and the text of a screen that is usable by everybody; AssertionError says what is not."""
    page = context.new_page()
    elsewhere: list[str] = []
    wrong: list[str] = []
    page.on(
        "request",
        lambda request: None if request.url.startswith((made.url, "data:")) else elsewhere.append(request.url),
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.set_viewport_size({"width": USUAL, "height": 768})
    answer = page.goto(made.url + path)
    assert answer is not None
    assert page.locator("h1").count() == 1, f"{path}: not one heading"
    text = str(page.evaluate(TEXT))
    page.evaluate(AXE)
    found = page.evaluate(RULES)
    assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found["violations"]] == [], path
    assert narrow(page) <= NARROW, f"{path} scrolls sideways"
    assert elsewhere == [], f"{path} asks {elsewhere}"
    assert wrong == [], f"{path}: {wrong}"
    page.close()
    return answer.status, text


def narrow(page: Page) -> int:
    """The width the screen needs on a narrow one."""
    page.set_viewport_size({"width": NARROW, "height": 640})
    return int(page.evaluate("document.documentElement.scrollWidth"))


def look_without_script(context: BrowserContext, made: Site, path: str, text: str) -> set[str]:
    """Where its forms go. The screen says the same as with JavaScript, and everything on it can be pressed."""
    page = context.new_page()
    page.goto(made.url + path)
    plain = str(page.evaluate(TEXT))
    if not path.endswith(COUNTS_LOOKS):
        assert _words(plain) == _words(text), f"{path} says something else without JavaScript"
    assert page.evaluate(UNUSABLE) == [], f"{path}: useless without JavaScript"
    assert narrow(page) <= NARROW, f"{path} scrolls sideways without JavaScript"
    posted = set(page.evaluate(POSTED))
    page.close()
    return posted


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)
