"""Mass damage: the statements of ``guard_statements`` in their short form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import SqliteTemplate
from tests.simulation import guard_statements as statements
from tests.unit.engine.world import World, build


@pytest.fixture
def world(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[World]:
    made = build(sqlite_template.copy(tmp_path))
    yield made
    made.db.close()


def test_the_whole_truth_table(world: World) -> None:
    """School, region and base in every combination end as the table says; without a base nothing is deleted."""
    assert statements.truth_table(world) == (21, 0)


def test_lists_that_lie_delete_nothing(world: World) -> None:
    found = statements.lying_lists(world, 12)
    assert found == {"empty": 4, "half": 4, "truncated": 4, "deleted": 0}


def test_refused_streams_are_never_green_and_delete_nothing(world: World) -> None:
    assert statements.refusals(world, 6) == (6, 0)


def test_a_failed_look_up_never_creates_a_pupil(world: World) -> None:
    assert statements.failed_look_ups(world, 6) == (6, 0)


@pytest.mark.parametrize("way", ["pull", "push"])
def test_ten_small_runs_do_not_do_what_one_may_not(world: World, way: str) -> None:
    """Ten runs of five deletions within a day: the first five pass, the other 45 are held."""
    assert statements.small_runs(world, 10, each=5, way=way) == statements.SmallRuns(runs=10, asked=50, passed=5)


def test_a_release_never_covers_a_record_that_changed(world: World) -> None:
    changed, covered = statements.changed_after_release(world, 4)
    assert changed > 4
    assert covered == 0
