"""``ecp-sync demo`` as a visitor starts it: a process, an empty folder, nothing configured."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import PROGRAM, Installation, Outcome, Process, installation, wait_for

pytestmark = pytest.mark.xdist_group("demo")  # the story is told once for all of them
BUDGET = 60.0  # seconds the demo may take at full size, also on a slow machine


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An empty folder to stand in."""
    with installation(tmp_path_factory.mktemp("visitor"), "") as made:
        made.config.unlink()
        yield made


@pytest.fixture(scope="module")
def shown(empty: Installation, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """The demo at full size, told once for all tests here, and the folder it worked in."""
    temporary = tmp_path_factory.mktemp("temporary")
    outcome = empty.run("demo", "--once", "--json", environment={"TMPDIR": str(temporary)}, limit=2 * BUDGET)
    (folder,) = temporary.iterdir()
    return outcome, folder


def test_demo_comes_to_agreement_within_a_minute(shown: tuple[Outcome, Path]) -> None:
    """Exit code 0, one JSON document with about 300 pupils, both sides equal, one conflict and one flag left."""
    outcome, _ = shown
    assert outcome.code == 0, outcome.err
    assert outcome.seconds < BUDGET
    document = outcome.json()
    assert list(document) == ["report", "story", "totals"]
    assert document["report"]["status"] == "succeeded"
    totals = document["totals"]
    assert 290 <= totals["pupils"] <= 330
    assert totals["classes_reported"] == 4
    assert (totals["open_conflicts"], totals["not_released"]) == (1, 1)
    assert totals["records_different"] == totals["records_only_in_school"] == totals["records_only_in_region"] == 0
    assert totals["records_equal"] > 5_000
    steps = {step["step"]: step["counts"] for step in document["story"]}
    assert steps["second_sync"]["sent"] == 0
    assert steps["release"]["enrolled"] == 1
    assert steps["late_entry"]["waiting_after"] == 0
    assert "Traceback" not in outcome.err


def test_demo_leaves_the_current_folder_alone(empty: Installation, shown: tuple[Outcome, Path]) -> None:
    """Everything is in the temporary folder: settings, database, files."""
    _, folder = shown
    assert not list(empty.folder.iterdir())
    assert {path.name for path in folder.iterdir()} >= {"config.toml", "ecp-sync.sqlite", "files"}
    assert len(list((folder / "files").glob("*.xlsx"))) == 4


@pytest.mark.parametrize(
    ("arguments", "holds"),
    [
        (("conflicts", "list"), lambda rows: len(rows) == 1),
        (("releases", "list"), lambda rows: [row["state"] for row in rows] == ["not_released"]),
        (("quarantine", "list"), lambda rows: rows == []),
        (("matches", "list"), lambda rows: rows == []),
        (("runs", "list"), lambda rows: {row["status"] for row in rows} == {"succeeded"}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_there_is_something_to_look_at(
    empty: Installation, shown: tuple[Outcome, Path], arguments: tuple[str, ...], holds: Callable[[Any], bool]
) -> None:
    """The commands the demo recommends work on its folder after the region is gone."""
    _, folder = shown
    rows = empty.must("--config", str(folder / "config.toml"), *arguments, "--json").json()
    assert holds(rows), rows


def test_journal_of_the_demo_is_unbroken(empty: Installation, shown: tuple[Outcome, Path]) -> None:
    """What the story did is on record, and the chain holds."""
    _, folder = shown
    empty.must("--config", str(folder / "config.toml"), "audit", "verify")


def test_folder_in_use_is_a_wrong_configuration(empty: Installation, tmp_path: Path) -> None:
    """``--workdir`` with something in it: exit code 78, nothing touched."""
    (tmp_path / "letter.txt").write_text("private")
    outcome = empty.run("demo", "--once", "--workdir", str(tmp_path))
    assert outcome.code == 78
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_demo_stays_up_until_interrupted(tmp_path: Path) -> None:
    """Without --once region and school stay; a release is noticed by itself; SIGINT ends everything with 0."""
    command = (*PROGRAM, "demo", "--workdir", str(tmp_path / "demo"))
    with closing(Process.of(command, cwd=tmp_path)) as process:
        wait_for(lambda: "Ctrl-C" in "".join(process.out) or not process.is_running, "the end of the story")
        assert process.is_running, process.words()
        (line,) = [line for line in process.out if "curl -X POST" in line]
        url, body = line.split()[3], line.split("'")[-2]
        request = urllib.request.Request(url, data=body.encode(), headers={"Content-Type": "application/json"})
        assert json.loads(urllib.request.urlopen(request, timeout=30).read())["personId"]
        wait_for(lambda: "зачислено 1" in "".join(process.out[-3:]), "the second enrolment")
        process.interrupt()
        asked = time.monotonic()
        assert process.wait() == 0
        assert time.monotonic() - asked < 10
        assert not [line for line in process.err if "Traceback" in line]
