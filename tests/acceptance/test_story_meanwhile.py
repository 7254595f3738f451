"""Other programs and other people write while a sync is under way: nothing they wrote is lost or overwritten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.agreement import disagreements
from tests.acceptance.office import Item, Office, office, region
from tests.acceptance.probe_points import POINTS
from tests.acceptance.processes import LIMIT
from tests.acceptance.working_day import PAGE_SIZE, copied

# Points that a run with one change on each side passes.
PASSED = [
    point
    for point in POINTS
    if not point.startswith(
        (
            "import.",
            "erasure.",
            "push.mark",
            "push.read_back",
            "pull.parked",
            "pull.deletions",
            "releases.",
            "telling.",
            "reconcile.",
            "resync.",
            "quarantine.",
            "pull.guard",
        )
    )
    and point != "capture.place.before_commit"
]


class Bystander:
    """Does something once, at the named point of a run, from a thread of its own as another process would.

    At a point inside a transaction the other one may have to wait for its end; the run waits for nobody.
    """

    def __init__(self) -> None:
        self.point = ""
        self.act: Callable[[], None] = lambda: None
        self._thread: threading.Thread | None = None

    def at(self, point: str, act: Callable[[], None]) -> None:
        self.point, self.act = point, act

    def __call__(self, passed: str) -> None:
        if passed == self.point:
            self.point = ""
            self._thread = threading.Thread(target=self.act)
            self._thread.start()
            if not passed.endswith(".before_commit"):
                self._thread.join(LIMIT)

    def join(self) -> None:
        assert self._thread is not None, "the point was not passed"
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()
        self._thread = None


@pytest.fixture
def bystander(monkeypatch: pytest.MonkeyPatch) -> Bystander:
    made = Bystander()
    monkeypatch.setattr("sync_service.bootstrap.crash_probe", lambda _environment: made)
    return made


@pytest.fixture(params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest, bystander: Bystander, tmp_path: Path) -> Iterator[Office]:
    """A school that agrees with its region; its runs tell the bystander where they are."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = copied(request.getfixturevalue("agreed"), tmp_path)
        else:
            url = stack.enter_context(request.getfixturevalue("postgres_server").copy())
        opened = stack.enter_context(office(stack.enter_context(region()), tmp_path, url=url, page_size=PAGE_SIZE))
        opened.settle()
        yield opened


def edit(office: Office, card: Item, **changes: str) -> None:
    """What a regional user does."""
    edited = [{"id": card["id"], "changes": changes}]
    office.region.admin("POST", "edit", {"stream": "students", "items": edited})


def stored(office: Office, card: Item) -> Item:
    (found,) = [one for one in office.dump("students") if one["id"] == card["id"]]
    return found


def test_another_program_updates_the_row_that_is_under_way(made: Office, bystander: Bystander) -> None:
    """The row that is being read, merged, sent or settled right now is changed by another connection: its newest
    values reach the region, and the region's own change reaches the school."""
    assert {"push.after_send", "push.prepare.after_commit", "pull.page.before_commit"} <= set(PASSED)
    cards = made.dump("students")
    for number, point in enumerate(PASSED):
        card = cards[number]
        row = made.local_id("students", card["id"])
        newest = {"email": f"second{number}@example.ru", "phone": f"+7912000010{number % 10}"}

        def update(row: int = row, newest: dict[str, str] = newest) -> None:
            made.sql("UPDATE students SET email = :email, phone = :phone WHERE id = :id", id=row, **newest)

        edit(made, card, address=f"ул. Новая, {number}")
        made.sql("UPDATE students SET email = 'first@example.ru' WHERE id = :id", id=row)
        bystander.at(point, update)
        made.sync()
        bystander.join()
        made.settle()
        held = stored(made, card)
        assert (held["email"], held["phone"]) == (newest["email"], newest["phone"]), point
        assert made.sql("SELECT address FROM students WHERE id = :id", id=row) == [{"address": held["address"]}]
        assert held["address"] == f"ул. Новая, {number}", point
    assert disagreements(made) == []
    assert made.sql("SELECT id FROM conflicts") == []


def test_a_regional_user_is_a_moment_faster(made: Office, bystander: Bystander) -> None:
    """The record changes in the region after we read it and before our update arrives: another field is kept beside
    ours; the same field becomes a case, and neither value is overwritten."""
    beside, against = made.dump("students")[:2]
    rows = [made.local_id("students", card["id"]) for card in (beside, against)]
    for row in rows:
        made.sql("UPDATE students SET email = 'ours@example.ru' WHERE id = :id", id=row)

    def be_faster() -> None:
        edit(made, beside, address="ул. Быстрая, 1")
        edit(made, against, email="theirs@example.ru")

    bystander.at("push.before_send", be_faster)
    made.sync()
    bystander.join()
    made.settle()
    held = stored(made, beside)
    assert (held["email"], held["address"]) == ("ours@example.ru", "ул. Быстрая, 1")
    assert stored(made, against)["email"] == "theirs@example.ru"
    assert made.sql("SELECT email FROM students WHERE id = :id", id=rows[1]) == [{"email": "ours@example.ru"}]
    assert disagreements(made) == [f"students {rows[1]}: email"]
    assert [case["fields"] for case in made.must("conflicts", "list", "--json").json()] == [["email"]]


def test_a_mark_is_deleted_while_it_is_being_sent(made: Office, bystander: Bystander) -> None:
    """A new mark leaves, and its row is deleted before the answer comes: in the end neither side has it."""
    recent = {one["id"] for one in made.dump("lessons") if one["lessonDate"] >= "2026-11-10"}
    known = next(one for one in made.dump("marks") if one["lessonId"] in recent)
    before = len(made.dump("marks"))
    made.sql(
        "INSERT INTO marks (school_id, student_id, lesson_id, value, position)"
        " SELECT school_id, student_id, lesson_id, '3', 5 FROM marks WHERE id = :id",
        id=made.local_id("marks", known["id"]),
    )

    def delete() -> None:
        made.sql("DELETE FROM marks WHERE value = '3' AND position = 5")

    bystander.at("push.after_send", delete)
    made.sync()
    bystander.join()
    made.settle()
    assert len(made.dump("marks")) == before
    assert disagreements(made) == []
