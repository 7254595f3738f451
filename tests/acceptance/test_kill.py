"""kill -9 at every named point of a run, then another run: nothing twice, nothing lost.

The points are read from the code, so that a new one is tested from the day it is written. The day is the busy one
of ``working_day``; what the region holds in the end is compared with what it holds after a day without a kill.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.agreement import Portrait, disagreements
from tests.acceptance.office import Office, office, region
from tests.acceptance.probe_points import POINTS
from tests.acceptance.working_day import (
    PAGE_SIZE,
    Files,
    assert_everything_arrived,
    copied,
    edit_both_sides,
    import_files,
    write_files,
)
from tests.databases import PostgresServer

OF_PUSH = [point for point in POINTS if point.startswith("push.")]
OF_RECONCILE = [point for point in POINTS if point.startswith("reconcile.")]
OF_IMPORT = [point for point in POINTS if point.startswith("import.")]
OF_RESYNC = [point for point in POINTS if point.startswith("resync.")]  # test_kill_resync.py
OF_ERASURE = [point for point in POINTS if point.startswith("erasure.")]  # tests/unit/engine/test_erasing.py
OF_QUARANTINE = [point for point in POINTS if point.startswith("quarantine.")]
ELSEWHERE = {*OF_IMPORT, *OF_RECONCILE, *OF_RESYNC, *OF_QUARANTINE, *OF_ERASURE}
# Streams are sent one after the other: students first, attendance last. Each is read back in its own way.
LATER_PASSINGS = [*(f"push.after_send:{n}" for n in range(2, 7)), "push.before_send:5", "pull.page.after_commit:4"]
# Points a smooth run does not pass.
TROUBLE: dict[str, dict[str, Any]] = {
    "push.mark.before_commit": {"kind": "unavailable", "match": {"route": "batch", "stream": "marks"}, "times": 3},
    "push.read_back": {"kind": "commit_then_drop", "match": {"route": "batch", "stream": "marks"}, "times": 1},
}
SET_ASIDE = """
INSERT INTO quarantine (school_id, stream, direction, record, code, signature, reason, remote_id, local_id, payload,
                        tries, first_seen, last_seen, fingerprint)
SELECT school_id, stream, :direction, CASE :direction WHEN 'pull' THEN remote_id ELSE local_id END, 'unreadable',
       'unreadable', 'unreadable', CASE :direction WHEN 'pull' THEN remote_id END,
       CASE :direction WHEN 'push' THEN local_id END, '{}', 1,
       '2026-11-20T05:00:00+00:00', '2026-11-20T05:00:00+00:00', 'former'
FROM links WHERE stream = 'marks' AND state = 'live'
"""
# The guard looks into a window only when it is large: every mark has a new version then, the day's edits among them.
OF_LARGE_WINDOWS = {"pull.guard.before_commit"}


@contextmanager
def busy(folder: Path, url: str) -> Iterator[tuple[Office, Files]]:
    """The day's work is done on both sides; the files lie in the folder."""
    with region() as door, office(door, folder, url=url, page_size=PAGE_SIZE) as made:
        made.region.admin("POST", "settings", {"idempotency": "ignored"})
        files = write_files(made)
        edit_both_sides(made)
        yield made, files


def killed(made: Office, point: str, *arguments: str) -> None:
    """The command dies at this point."""
    ended = made.run(*arguments, environment={"ECP_SYNC_CRASH_AT": point})
    assert ended.code == -signal.SIGKILL, f"{point} was not passed: {ended.out}{ended.err}"


def test_the_points_are_found() -> None:
    """The pattern still reads the code."""
    assert {"push.after_send", "push.read_back", "pull.page.before_commit", "import.before_commit"} <= set(POINTS)
    assert {*TROUBLE, *OF_LARGE_WINDOWS} <= set(POINTS)


@pytest.mark.parametrize("point", [*(p for p in POINTS if p not in ELSEWHERE), *LATER_PASSINGS])
def test_a_killed_sync_is_finished_by_the_next(point: str, agreed: Path, expected: Portrait, tmp_path: Path) -> None:
    """SQLite: what the killed run left behind is picked up, wherever it died."""
    with busy(tmp_path, copied(agreed, tmp_path)) as (made, files):
        import_files(made, files)
        made.faults(*(rule for name, rule in TROUBLE.items() if name == point))
        if point in OF_LARGE_WINDOWS:
            made.region.admin("POST", "bump", {"stream": "marks"})
        killed(made, point, "sync")
        made.settle()
        assert_everything_arrived(made, expected)


@pytest.mark.parametrize("point", OF_RECONCILE)
def test_a_killed_comparison_is_finished_by_the_next(
    point: str, agreed: Path, expected: Portrait, tmp_path: Path
) -> None:
    """The change journal of the day is lost: a comparison finds every change of the school, wherever it died."""
    with busy(tmp_path, copied(agreed, tmp_path)) as (made, files):
        import_files(made, files)
        made.sql("DELETE FROM changes")
        killed(made, point, "reconcile")
        made.settle()
        assert_everything_arrived(made, expected)


@pytest.mark.parametrize("point", OF_QUARANTINE)
def test_a_killed_retry_is_finished_by_the_next(point: str, agreed: Path, expected: Portrait, tmp_path: Path) -> None:
    """Every mark stands in quarantine, once as it came and once as it was refused, under tables that have changed
    since: all of them are tried again."""
    with busy(tmp_path, copied(agreed, tmp_path)) as (made, files):
        import_files(made, files)
        for direction in ("pull", "push"):
            made.sql(SET_ASIDE, direction=direction)
        killed(made, point, "sync")
        made.settle()
        assert_everything_arrived(made, expected)


@pytest.mark.parametrize("point", OF_PUSH)
def test_a_killed_push_is_finished_on_postgresql(
    point: str, expected: Portrait, postgres_server: PostgresServer, agreed_on_server: str, tmp_path: Path
) -> None:
    """PostgreSQL: the same for everything about sending."""
    with postgres_server.copy(agreed_on_server) as url, busy(tmp_path, url) as (made, files):
        import_files(made, files)
        made.faults(*(rule for name, rule in TROUBLE.items() if name == point))
        killed(made, point, "sync")
        made.settle()
        assert_everything_arrived(made, expected)


@pytest.mark.parametrize("point", OF_IMPORT)
def test_a_killed_import_leaves_nothing(point: str, agreed: Path, expected: Portrait, tmp_path: Path) -> None:
    """The file goes in whole or not at all, and can simply be imported again."""
    with busy(tmp_path, copied(agreed, tmp_path)) as (made, files):
        before = made.sql("SELECT count(*) AS n FROM students"), made.sql("SELECT count(*) AS n FROM changes")
        killed(made, point, "import", str(files.pupils))
        assert before == (
            made.sql("SELECT count(*) AS n FROM students"),
            made.sql("SELECT count(*) AS n FROM changes"),
        )
        import_files(made, files)
        made.settle()
        assert_everything_arrived(made, expected)


def test_killed_again_and_again(agreed: Path, expected: Portrait, tmp_path: Path) -> None:
    """Killed while sending, while reading back, while settling what was read back, at the next stream: each run
    goes on where the last one died, and every death is on record."""
    deaths = ("push.after_send:5", "push.read_back", "push.settle.before_commit", "push.after_send", "push.read_back")
    with busy(tmp_path, copied(agreed, tmp_path)) as (made, files):
        import_files(made, files)
        earlier = {run["id"] for run in made.must("runs", "list", "--json").json()}
        for point in deaths:
            killed(made, point, "sync")
            made.clock.sleep(3600)
        made.must("sync")
        made.must("sync")
        assert_everything_arrived(made, expected)
        runs = [run for run in made.must("runs", "list", "--json").json() if run["id"] not in earlier]
        assert [run["status"] for run in runs] == ["succeeded"] * 2 + ["interrupted"] * len(deaths)
        assert made.must("audit", "verify", "--json").json()[0]["ok"] is True


def test_rows_changed_after_the_kill(at_rest: Office) -> None:
    """The run dies before it hears that a card and a new mark have been stored. Before the next run the card is
    changed again and the mark deleted: the region gets the newest card and loses the mark."""
    made = at_rest
    recent = {one["id"] for one in made.dump("lessons") if one["lessonDate"] >= "2026-11-10"}
    known = next(one for one in made.dump("marks") if one["lessonId"] in recent)
    card, marks = made.dump("students")[0], len(made.dump("marks"))
    row = made.local_id("students", card["id"])
    for number in (1, 2):
        email = f"email{number}@example.ru"
        made.sql("UPDATE students SET email = :email WHERE id = :id", email=email, id=row)
        made.sql(
            "INSERT INTO marks (school_id, student_id, lesson_id, value, position)"
            " SELECT school_id, student_id, lesson_id, '3', 5 FROM marks WHERE id = :id",
            id=made.local_id("marks", known["id"]),
        )
        killed(made, f"push.after_send:{number}", "sync")
        made.clock.sleep(3600)
        made.sql("UPDATE students SET email = 'newest@example.ru' WHERE id = :id", id=row)
        made.sql("DELETE FROM marks WHERE value = '3' AND position = 5")
        made.settle()
        assert [one["email"] for one in made.dump("students") if one["id"] == card["id"]] == ["newest@example.ru"]
        assert len(made.dump("marks")) == marks
        assert disagreements(made) == []
