"""docs/commands.md says exactly what ``--json`` prints."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

from sync_service.cli.app import app
from sync_service.cli.exit_codes import ExitCode
from sync_service.domain.streams import Stream
from sync_service.engine import (
    queries,
    queries_conflicts,
    queries_holds,
    queries_matches,
    queries_quarantine,
    queries_relatives,
    queries_releases,
    queries_resync,
)
from sync_service.engine.contacts import ContactRow
from sync_service.engine.queries_runs import RunRow
from tests.unit.cli.office import Office
from tests.unit.cli.test_deciding import arrived, doubtful, poisoned
from tests.unit.cli.test_running import pupils

DOCUMENT = (Path(__file__).parents[3] / "docs" / "commands.md").read_text(encoding="utf-8")
VIEWS = (
    queries.SchoolStatus,
    queries.StreamStatus,
    queries.StatusTotals,
    RunRow,
    queries_conflicts.ConflictRow,
    queries_conflicts.ConflictView,
    queries_conflicts.ClashView,
    queries_conflicts.ChoiceView,
    queries_matches.MatchRow,
    queries_matches.MatchView,
    queries_matches.CandidateRow,
    queries_relatives.ComparedField,
    queries_releases.ReleaseRow,
    queries_releases.ReleaseView,
    queries_releases.StepView,
    queries_quarantine.QuarantineGroup,
    queries_holds.HoldRow,
    queries_holds.HoldView,
    queries_holds.HoldItemView,
    queries_holds.HeldFieldView,
    queries_quarantine.QuarantineRow,
    queries_quarantine.QuarantineView,
    queries_resync.PlanRow,
    queries_resync.PlanView,
    queries_resync.PlanItemView,
    queries_resync.PlanFieldView,
    ContactRow,
)


def documented(shape: str) -> list[str]:
    """The keys of a shape; «A ConflictRow with …» begins with those of ConflictRow."""
    section = re.search(rf"^### {shape}\n(.*?)(?=^### |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert section, f"docs/commands.md has no shape {shape}"
    base = re.search(r"^An? (\w+) with$", section[1], re.MULTILINE)
    keys = re.findall(r"^\| (\w+) \|", section[1], re.MULTILINE)
    return [*(documented(base[1]) if base else []), *(key for key in keys if key != "key")]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_a_view_has_the_documented_keys(view: type[Any]) -> None:
    """The same keys in the same order."""
    assert [field.name for field in fields(view)] == documented(view.__name__)


def test_the_version_is_that_of_the_page() -> None:
    assert f"Shapes: version {queries.VERSION}\n" in DOCUMENT


def test_every_exit_code_is_documented() -> None:
    table = re.search(r"## Exit codes\n(.*?)\n## ", DOCUMENT, re.DOTALL)
    assert table
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table[1], re.MULTILINE)] == sorted(map(int, ExitCode))


def test_every_command_is_documented() -> None:
    """And nothing is documented that does not exist."""
    written = {
        " ".join(re.findall(r"[a-z][a-z-]+", name.split("[")[0].split("ID")[0].split("FILE")[0])[:2])
        for row in re.findall(r"^\| (`.*?) \|", DOCUMENT, re.MULTILINE)
        for name in re.findall(r"`([^`]*)`", row)
        if not name.startswith("--")
    }
    assert written == set(existing())


def existing() -> list[str]:
    names: list[str] = []
    for command in typer.main.get_command(app).commands.values():  # type: ignore[attr-defined]
        children = getattr(command, "commands", None)
        names += [f"{command.name} {child}" for child in children] if children else [command.name]
    return names


def keys_of(document: Any) -> list[str]:
    return list(document[0] if isinstance(document, list) else document)


def test_what_commands_print_has_the_documented_keys(office: Office) -> None:
    """Documents that are no views: reports, decisions, connections, findings."""
    Path("list.csv").write_bytes(pupils())
    assert keys_of(office.json("import", "list.csv", "--dry-run")) == documented("ImportReport")
    number = str(office.clashing())
    assert keys_of(office.json("conflicts", "resolve", number, "--take", "gis")) == documented("Resolution")
    assert keys_of(office.json("conflicts", "undo", number)) == documented("Resolution")
    report = office.json("sync")
    assert keys_of(report) == documented("RunReport")
    assert keys_of(report["streams"]["marks"]) == documented("StreamReport")
    assert keys_of(office.json("status")) == documented("status")
    assert keys_of(office.json("connection", "status")) == documented("connection")
    office.type_in("new-token")
    assert keys_of(office.json("connection", "login")) == documented("connection")
    assert keys_of(office.json("schools", "list")) == documented("school")
    days = ("--from", "2026-01-01", "--to", "2026-01-02")
    assert keys_of(office.json("audit", "export", *days, "--output", "j.csv")) == documented("exported")
    assert keys_of(office.json("audit", "verify")) == documented("verified")
    assert keys_of(office.json("check-config")) == documented("findings")
    assert keys_of(office.json("migrate")) == documented("migrate")
    failed = office.json("conflicts", "show", "99", code=1)
    assert keys_of(failed) == documented("error")
    assert keys_of(failed["error"]) == ["kind", "exit_code", "message", "detail", "problems"]


def test_the_answer_to_init_has_the_documented_keys(empty_folder: Office) -> None:
    line = ("--code", "s", "--name", "Школа", "--organization-id", "o", "--base-url", "http://127.0.0.1:9")
    assert keys_of(empty_folder.json("init", *line)) == documented("init")


def test_decisions_about_doubles_have_the_documented_keys(office: Office) -> None:
    number = str(doubtful(office))
    assert keys_of(office.json("matches", "list")) == documented("MatchRow")
    assert keys_of(office.json("matches", "reject", number)) == documented("decision")


def test_decisions_about_releases_have_the_documented_keys(office: Office) -> None:
    number = str(arrived(office))
    assert keys_of(office.json("releases", "list")) == documented("ReleaseRow")
    assert keys_of(office.json("releases", "log-call", number, "--outcome", "да")) == documented("logged")
    assert keys_of(office.json("releases", "close", number)) == documented("decision")


def test_decisions_about_poison_have_the_documented_keys(office: Office) -> None:
    number = str(poisoned(office))
    assert keys_of(office.json("quarantine", "list")) == documented("QuarantineGroup")
    assert keys_of(office.json("quarantine", "list", "--all")) == documented("QuarantineRow")
    assert keys_of(office.json("quarantine", "show", number)) == documented("QuarantineView")
    office.sql("UPDATE marks SET value = '5'")
    assert keys_of(office.json("quarantine", "retry", number)) == documented("retried")


def test_a_separated_pair_has_the_documented_keys(office: Office) -> None:
    office.agreed()
    ((card,),) = office.sql("SELECT id FROM students")
    assert keys_of(office.json("matches", "unlink", str(card))) == documented("unlinked")


def test_every_item_of_a_list_has_an_id(office: Office) -> None:
    office.clashing()
    for line in (("conflicts", "list"), ("runs", "list"), ("schools", "list"), ("connection", "status")):
        found = office.json(*line)
        assert found
        assert all(item["id"] for item in found)


def test_every_stream_is_named_on_the_page() -> None:
    """A key that holds a stream holds one of these."""
    listed = re.search(r"`stream` is one of (.*?);", DOCUMENT, re.DOTALL)
    assert listed
    assert re.split(r",\s+", listed[1]) == [stream.value for stream in Stream]
