"""Runs killed at random moments while both sides go on editing (statement 10).

So many cards change in one day that the guard of mass changes stops some of them, as it should. Somebody attends to
it with the commands a secretary has: looks at what is held and releases exactly that. In the end both sides hold
the last value of every edit, and every mark stands once.
"""

from __future__ import annotations

import random
import re
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.agreement import disagreements
from tests.acceptance.office import Item, Office, office, region
from tests.acceptance.processes import wait_for
from tests.acceptance.working_day import PAGE_SIZE, agreed_database, copied
from tests.simulation.after_a_kill import assert_sound, synced
from tests.simulation.databases import Databases

BETWEEN = 60.0  # seconds from one run to the next
ATTENDED_EVERY = 10  # kills
MEASURED_EVERY = 50  # kills
MOST_ROUNDS = 10  # in which the last holds are decided; a release may uncover what was changed since


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """Of a run from beginning to end: seconds of the processor, and requests."""

    processor: float
    requests: int


@dataclass(slots=True)
class _Soak:
    """What has been edited, and what has happened."""

    made: Office
    chance: random.Random
    cards: list[tuple[str, int]]
    cells: list[Item]
    addresses: dict[str, str] = field(default_factory=dict)  # the last one of each card
    emails: dict[str, str] = field(default_factory=dict)
    kills: int = 0
    logins: int = 0
    releases: int = 0


def statement_10(count: int, _databases: Databases) -> str:
    """One school, ``count`` runs killed at random moments; then both sides agree, and every edit has arrived."""
    with tempfile.TemporaryDirectory(prefix="ecp-sync-soak-") as folder:
        agreed, here = Path(folder) / "agreed", Path(folder) / "soak"
        agreed.mkdir()
        here.mkdir()
        return killed_at_random(agreed_database(agreed), here, count)


def killed_at_random(agreed: Path, here: Path, count: int, *, seed: int = 0) -> str:
    """The same, beginning with a copy of the database ``agreed``; ``here`` is an empty folder."""
    with (
        region() as door,
        office(door, here, url=copied(agreed, here), page_size=PAGE_SIZE) as made,
    ):
        made.region.admin("POST", "settings", {"idempotency": "ignored"})
        soak = _Soak(made=made, chance=random.Random(seed), cards=_cards(made), cells=_cells(made))
        before = len(made.dump("marks"))
        edits = _edit_and_kill(soak, count)
        _come_to_rest(soak)
        _assert_nothing_lost(soak, edits, marks=before + edits)
        (runs,) = made.sql("SELECT count(*) AS n FROM runs WHERE status = 'interrupted'")
    return (
        f"{count:,} kills, {runs['n']:,} of them in the middle of a run; {edits:,} edits on each side, 0 lost,"
        f" 0 doubled; a person released {soak.releases:,} holds and logged in {soak.logins:,} times on the way"
    )


def _cards(made: Office) -> list[tuple[str, int]]:
    return [(card["id"], made.local_id("students", card["id"])) for card in made.dump("students")]


def _cells(made: Office) -> list[Item]:
    """The cells of the week, which may still be edited."""
    return made.sql(
        """SELECT DISTINCT m.student_id AS student, m.lesson_id AS lesson
        FROM marks AS m JOIN lessons AS l ON l.id = m.lesson_id
        WHERE l.date BETWEEN '2026-11-16' AND '2026-11-20' ORDER BY m.student_id, m.lesson_id"""
    )


def _edit_and_kill(soak: _Soak, count: int) -> int:
    """Edit and kill until ``count`` processes have died; returns the number of edits. A run that was too quick for
    its killer is no kill, but work all the same."""
    edits = 0
    whole = _measured(soak)
    while soak.kills < count:
        _edit(soak, edits)
        edits += 1
        soak.kills += _killed_at_random(soak, whole)
        if edits % ATTENDED_EVERY == 0:
            assert_sound(soak.made)
            soak.logins += synced(soak.made)  # a kill may have cost the token; nothing would be killed at work then
            soak.releases += attend_to_holds(soak.made)
        if edits % MEASURED_EVERY == 0:
            whole = _measured(soak)
            print(f"10: {soak.kills} of {count} kills", file=sys.stderr)  # noqa: T201 - it takes an hour
        soak.made.clock.sleep(BETWEEN)
    return edits


def _measured(soak: _Soak) -> _Whole:
    """What a run needs that nobody kills; one that ends «held» needs as much as any other."""
    before = soak.made.counted("")
    process = soak.made.start_module("tests.acceptance.dying", "timer", "0", "sync")
    process.wait()
    process.close()
    found = re.search(r"processor: ([\d.]+)", "".join(process.err))
    assert found, process.words()
    return _Whole(processor=float(found[1]), requests=soak.made.counted("") - before)


def _edit(soak: _Soak, number: int) -> None:
    """Different cards on the two sides, so that nothing contradicts; one new mark with a name of its own."""
    made = soak.made
    theirs, ours = soak.chance.sample(soak.cards, 2)
    address, email = f"ул. Новая, д. {number}", f"e{number}@example.ru"
    items = [{"id": theirs[0], "changes": {"address": address}}]
    made.region.admin("POST", "edit", {"stream": "students", "items": items})
    made.sql("UPDATE students SET email = :email WHERE id = :id", email=email, id=ours[1])
    soak.addresses[theirs[0]], soak.emails[ours[0]] = address, email
    made.sql(
        "INSERT INTO marks (school_id, student_id, lesson_id, value, position, comment)"
        " VALUES (:school, :student, :lesson, '5', :position, :comment)",
        school=made.school().school_id,
        position=20 + number // len(soak.cells),  # the region knows a hundred places in a cell
        comment=f"soak {number}",
        **soak.cells[number % len(soak.cells)],
    )


def _killed_at_random(soak: _Soak, whole: _Whole) -> bool:
    """By turns somewhere in its own work, and while the region works for it; False when the run was over by then."""
    if soak.chance.random() < 0.5:
        seconds = soak.chance.uniform(0.02, 1.0) * whole.processor
        process = soak.made.start_module("tests.acceptance.dying", "timer", str(seconds), "sync")
        code = process.wait()
        process.close()
        return code == -signal.SIGPROF
    heard = soak.made.counted("") + soak.chance.randint(1, whole.requests)
    process = soak.made.start("sync")
    wait_for(lambda: soak.made.counted("") >= heard or not process.is_running, "a request")
    process.kill()
    return process.wait() == -signal.SIGKILL


def attend_to_holds(made: Office) -> int:
    """What a secretary does about holds: looks at each and releases exactly what was shown; returns how many.

    Nothing is deleted in a soak, so one person is enough for each."""
    if not made.sql("SELECT id FROM holds WHERE state IN ('open', 'seconding')"):
        return 0
    listed = made.must("holds", "list", "--json").json()
    for one in listed:
        number = str(one["id"])
        shown = made.must("holds", "show", number, "--as", "ivanova", "--json").json()
        assert (shown["operation"], shown["direction"]) in (("update", "pull"), ("update", "push")), shown["why"]
        made.must("holds", "release", number, "--digest", shown["digest"], "--as", "ivanova")
    return len(listed)


def _come_to_rest(soak: _Soak) -> None:
    """Runs without a kill, holds decided in between, until nothing is held and nothing moves."""
    soak.logins += synced(soak.made)
    for _ in range(MOST_ROUNDS):
        soak.made.settle()
        released = attend_to_holds(soak.made)
        if not released:
            return
        soak.releases += released
    raise AssertionError(f"something is held again after {MOST_ROUNDS} rounds of releases")


def _assert_nothing_lost(soak: _Soak, edits: int, *, marks: int) -> None:
    made = soak.made
    assert disagreements(made) == []
    assert_sound(made)
    cards = {card["id"]: card for card in made.dump("students")}
    assert {key: cards[key]["address"] for key in soak.addresses} == soak.addresses
    assert {key: cards[key]["email"] for key in soak.emails} == soak.emails
    present = made.dump("marks")
    named = [one["comment"] for one in present if str(one.get("comment")).startswith("soak ")]
    assert len(named) == len(set(named)) == edits, f"{len(named)} marks of {edits}, {len(set(named))} different"
    assert len(present) == marks, f"{len(present)} marks instead of {marks}"
