"""Statement 36: a secretary decides fifty conflicts without a mouse, with at most three keys each.

Every press is counted, from the start page to the empty list. What is decided is read from both sides afterwards.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, expect

from sync_service.domain.conflicts import ConflictState, Side
from sync_service.domain.people import Role
from tests.browser.chromium import launched, may_do_without, signed_in
from tests.browser.disputes import disputes, shape_of
from tests.browser.site import Site, errors_on
from tests.simulation.databases import Databases
from tests.simulation.door_statements import a_site

MOST_KEYS = 3
MOST_KEYS_TO_BEGIN = 10  # from the start page to the first card
SIDES = {"1": Side.LOCAL, "2": Side.GIS}


@dataclass(slots=True)
class Typist:
    """Presses keys and counts them."""

    page: Page
    pressed: Counter[str] = field(default_factory=Counter)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.pressed[key] += 1


def statement_36(count: int, databases: Databases) -> str:
    if may_do_without():
        return "not available here"
    with launched() as browser, a_site(databases) as made:
        per_case, to_begin = by_keyboard(browser, made, count)
    told = ", ".join(f"{number} with {keys}" for keys, number in sorted(Counter(per_case).items()))
    return f"{count:,} conflicts by keyboard only ({told} keys), {to_begin} keys to open the first one"


def by_keyboard(browser: Browser, made: Site, count: int) -> tuple[list[int], int]:
    """Keys pressed for each conflict, and before the first one; AssertionError when that was too many, or when
    something else was decided than the keys say."""
    numbers = disputes(made, count)
    context = signed_in(browser, made, Role.SECRETARY)
    page = context.new_page()
    errors = errors_on(page)
    page.goto(made.at())
    typist = Typist(page)
    _open_the_first(typist)
    to_begin = typist.pressed.total()
    assert to_begin <= MOST_KEYS_TO_BEGIN, f"{to_begin} keys to open the first conflict"
    chosen: dict[int, list[str]] = {}
    per_case = []
    for place, number in enumerate(numbers):
        expect(page).to_have_url(made.at(f"/conflicts/{number}"))
        before = typist.pressed.total()
        groups = set(page.locator("tr[data-group]").evaluate_all("rows => rows.map(row => row.dataset.group)"))
        chosen[number] = [str((place + group) % 2 + 1) for group in range(len(groups))]
        for key in (*chosen[number], "Enter"):
            typist.press(key)
        per_case.append(typist.pressed.total() - before)
        assert per_case[-1] <= MOST_KEYS, f"{shape_of(place)}: {per_case[-1]} keys"
        page.wait_for_url(lambda url, number=number: not url.endswith(f"/conflicts/{number}"))  # type: ignore[misc]
    expect(page).to_have_url(made.at("/conflicts"))
    expect(page.locator("main")).to_contain_text("Расхождений нет")
    assert errors == []
    context.close()
    _as_the_keys_say(made, chosen)
    return per_case, to_begin


def _open_the_first(typist: Typist) -> None:
    """Past the navigation by the skip link, on to the first line, into it."""
    typist.press("Tab")
    typist.press("Enter")
    while typist.pressed.total() < MOST_KEYS_TO_BEGIN:
        typist.press("Tab")
        if "/conflicts/" in str(typist.page.evaluate("document.activeElement.getAttribute('href') ?? ''")):
            break
    typist.press("Enter")


def _as_the_keys_say(made: Site, chosen: dict[int, list[str]]) -> None:
    world = made.world
    with world.db.read(world.school.school_id) as uow:
        cases = {case.conflict_id: case for case in uow.conflicts.cases(state=None)}
    for number, keys in chosen.items():
        case = cases[number]
        assert case.state is ConflictState.RESOLVED, f"{number} is {case.state}"
        sides = sorted(choice.side.value for choice in case.choices)
        assert sides == sorted(SIDES[key].value for key in keys), f"{number}: {sides} for {keys}"
    world.sync()
    world.sync()
    with world.db.read(world.school.school_id) as uow:
        assert not uow.conflicts.cases(), "a decision has made another conflict"
        assert not uow.outbox.counts(), "a decision has not left"
