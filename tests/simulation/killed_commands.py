"""The commands that statement 9 kills: the work before each, and the proof that nothing was lost or doubled.

The day is the busy one of tests/acceptance/working_day; every command has to bring both sides to what they hold
after a day without a kill, or leave it to the next run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.acceptance.agreement import Portrait, disagreements
from tests.acceptance.office import Office
from tests.acceptance.working_day import assert_everything_arrived, edit_both_sides, import_files, write_files

BATCHES = 6  # that a busy day sends; a plan has nothing to say about releases, and sends fewer
BATCHES_OF_A_PLAN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is killed: the work before it, its arguments, and the proof that nothing was lost or doubled."""

    name: str
    prepare: Callable[[Office], list[str]]
    verify: Callable[[Office, Portrait], None]
    points: tuple[str, ...] = ()


def _prepare_sync(made: Office) -> list[str]:
    made.region.admin("POST", "settings", {"idempotency": "ignored"})
    files = write_files(made)
    edit_both_sides(made)
    import_files(made, files)
    return ["sync"]


def _prepare_import(made: Office) -> list[str]:
    made.region.admin("POST", "settings", {"idempotency": "ignored"})
    files = write_files(made)
    edit_both_sides(made)
    return ["import", str(files.pupils)]


def _verify_day(made: Office, expected: Portrait) -> None:
    made.settle()
    assert_everything_arrived(made, expected)


def _verify_import(made: Office, expected: Portrait) -> None:
    """The file went in whole or not at all; importing all of them again doubles nothing."""
    _import_again(made)
    _verify_day(made, expected)


def _import_again(made: Office) -> None:
    for path in sorted(made.folder.iterdir(), key=lambda p: p.stat().st_mtime_ns):
        if path.suffix in (".csv", ".xlsx"):
            made.service.files.bring_in(made.school(), path, actor="secretary")


def _prepare_resolve(made: Office) -> list[str]:
    card = made.dump("students")[0]
    edit = {"stream": "students", "items": [{"id": card["id"], "changes": {"address": "ул. Новая, 1"}}]}
    made.region.admin("POST", "edit", edit)
    row = made.local_id("students", card["id"])
    made.sql("UPDATE students SET address = 'ул. Старая, 2' WHERE id = :id", id=row)
    made.sync()
    (case,) = made.sql("SELECT id FROM conflicts WHERE state = 'open'")
    return ["conflicts", "resolve", str(case["id"]), "--take", "school", "--as", "ivanova"]


def _verify_resolve(made: Office, expected: Portrait) -> None:
    """Decided or not decided; when not, the case still stands and can be decided."""
    if cases := made.sql("SELECT id FROM conflicts WHERE state = 'open'"):
        made.must("conflicts", "resolve", str(cases[0]["id"]), "--take", "school", "--as", "ivanova")
    made.settle()
    assert disagreements(made) == []
    assert [one["address"] for one in made.dump("students")].count("ул. Старая, 2") == 1


def _prepare_resync(made: Office) -> list[str]:
    _prepare_sync(made)
    plan = made.run("resync", "plan", "--all", "--json")
    assert plan.code == 10, plan.err
    return ["resync", "apply", str(plan.json()["id"])]


def _verify_resync(made: Office, expected: Portrait) -> None:
    """The same command goes on; a cycle was faster with the rest, which is told and not done again."""
    (plan,) = made.sql("SELECT max(id) AS id FROM plans")
    again = made.run("resync", "apply", str(plan["id"]))
    assert again.code in (0, 3) or "уже выполнен" in again.err, again.out + again.err
    _verify_day(made, expected)


def _around_requests(batches: int) -> tuple[str, ...]:
    return tuple(f"push.{when}_send:{n}" for when in ("before", "after") for n in range(1, batches + 1))


SYNC = Command(name="sync", prepare=_prepare_sync, verify=_verify_day, points=_around_requests(BATCHES))
ON_AN_AGREED_DAY = (
    SYNC,
    Command(name="import", prepare=_prepare_import, verify=_verify_import),
    Command(name="resolve", prepare=_prepare_resolve, verify=_verify_resolve),
    Command(
        name="resync apply",
        prepare=_prepare_resync,
        verify=_verify_resync,
        points=_around_requests(BATCHES_OF_A_PLAN),
    ),
)
