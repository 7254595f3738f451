"""README, CHANGELOG and ``docs`` say what the code does: words, commands, keys, links, tables."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from mappings import load_mappings
from sync_service import config
from sync_service.cli.app import app
from sync_service.cli.exit_codes import PRIORITY, ExitCode
from sync_service.cli.setup import LEVELS
from sync_service.cli.shell import CONFIG_VARIABLE
from sync_service.domain import guards
from sync_service.domain.audit import Act
from sync_service.domain.conflicts import ConflictKind, ConflictState, Side
from sync_service.domain.erasures import Obstacle, Reason
from sync_service.domain.guards import Operation, Way
from sync_service.domain.holds import HoldState, ItemState
from sync_service.domain.links import ClosedBy, LinkState
from sync_service.domain.matches import MatchState
from sync_service.domain.outbox import AttemptState, EntryState
from sync_service.domain.plans import ItemResult, PlanAct, PlanKind, PlanState, Target, Why
from sync_service.domain.policies import OnClash, Owner
from sync_service.domain.releases import ReleaseCase, ReleaseState, StepKind
from sync_service.domain.reports import Outcome, RunStatus, WaitingFor
from sync_service.domain.streams import SPECS, Stream
from sync_service.engine import queries_resync_words as resync_words
from sync_service.engine import queries_words as words
from sync_service.engine.ports import PersonStatus, Role
from sync_service.findings import Level
from sync_service.persistence.leases import DEAD_AFTER_PERIODS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
GLOSSARY, OPERATIONS = TEXTS["docs/glossary.md"], TEXTS["docs/operations.md"]
CONTRACT, ARCHITECTURE = TEXTS["docs/contract.md"], TEXTS["docs/architecture.md"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "sync_service").rglob("*.py"))

ENUMS: tuple[type[Enum], ...] = (
    Stream,
    Outcome,
    Reason,
    Obstacle,
    WaitingFor,
    RunStatus,
    ConflictKind,
    ConflictState,
    Side,
    Owner,
    OnClash,
    MatchState,
    ReleaseCase,
    ReleaseState,
    StepKind,
    PlanKind,
    PlanState,
    PlanAct,
    ItemResult,
    Target,
    Why,
    EntryState,
    AttemptState,
    LinkState,
    ClosedBy,
    Operation,
    Way,
    HoldState,
    ItemState,
    PersonStatus,
    Role,
    Act,
    Level,
    ExitCode,
)
SPOKEN: dict[type[Enum], Mapping[Any, str]] = {
    Stream: words.STREAMS,
    WaitingFor: words.WAITING,
    RunStatus: words.RUN_STATUS,
    ConflictKind: words.KINDS,
    ConflictState: words.CONFLICT_STATES,
    MatchState: words.MATCH_STATES,
    ReleaseCase: words.RELEASE_CASES,
    ReleaseState: words.RELEASE_STATES,
    StepKind: words.STEPS,
    PlanKind: resync_words.PLAN_KINDS,
    PlanState: resync_words.PLAN_STATES,
    PlanAct: resync_words.PLAN_ACTS,
    ItemResult: resync_words.RESULTS,
    Target: resync_words.TARGETS,
    Why: resync_words.WHY,
    Operation: words.OPERATIONS,
    Way: words.WAYS,
    HoldState: words.HOLD_STATES,
    ItemState: words.ITEM_STATES,
    Level: LEVELS,
}

# --- reading Markdown --------------------------------------------------------------------------------------------

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", FENCE.sub("", text), re.MULTILINE | re.DOTALL)
    assert found, f"no heading «{heading}»"
    return found[1]


def tables(text: str) -> list[list[list[str]]]:
    """Every table as rows of cells, without its header."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines()]
        assert len({len(row) for row in rows}) == 1, block
        found.append(rows[2:])
    return found


def spans(text: str) -> list[str]:
    """Inline code, table cells included; one that is wrapped counts as written on one line."""
    plain = FENCE.sub("", text)
    assert plain.count("`") % 2 == 0
    return [" ".join(span.replace(r"\|", "|").split()) for span in re.findall(r"`([^`]+)`", plain)]


def code_lines(text: str) -> Iterator[str]:
    """Inline code, and the lines of code blocks without the remarks at their ends."""
    yield from spans(text)
    for _, block in FENCE.findall(text):
        yield from (re.sub(r"\s+# .*", "", line) for line in block.splitlines())


def bare(cell: str) -> str:
    return cell.strip("`")


def anchors(text: str) -> set[str]:
    """Names of headings as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


# --- words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_the_glossary_explains_every_value(kind: type[Enum]) -> None:
    """One row per value, in the order of the code, in words that people read elsewhere too."""
    (rows,) = tables(section(GLOSSARY, kind.__name__))
    assert [bare(value) for value, _, _ in rows] == [str(member.value) for member in kind]
    for value, russian, meaning in rows:
        assert re.search("[а-яё]|ГИС", russian), value
        assert meaning
    if kind in SPOKEN:
        assert [russian for _, russian, _ in rows] == [SPOKEN[kind][member] for member in kind]


def test_a_word_stands_in_the_glossary_once() -> None:
    (ideas,) = tables(section(GLOSSARY, "Ideas"))
    names = [name.strip() for row in ideas for name in row[0].split(",")]
    assert len(names) == len(set(names))
    assert all(re.search("[а-яё]", row[1]) or row[1].startswith("ГИС") for row in ideas)


def test_exit_codes_are_those_of_the_program() -> None:
    (rows,) = tables(section(OPERATIONS, "Exit codes"))
    assert [int(row[0]) for row in rows] == sorted(map(int, ExitCode))
    order = ", ".join(str(int(code)) for code in PRIORITY if code is not ExitCode.USAGE)
    assert f"the first of {order}" in " ".join(OPERATIONS.split())


def test_logged_events_exist() -> None:
    (rows,) = tables(section(OPERATIONS, "Logs"))
    for event in (event for row in rows for event in spans(row[0])):
        assert f'"{event}"' in SOURCES, event


def test_the_chapters_of_the_demo_are_those_it_tells() -> None:
    chapters = re.findall(
        r"^\d\. (.*)$", "\n".join(block for _, block in FENCE.findall(TEXTS["README.md"])), re.MULTILINE
    )
    assert len(chapters) >= 5
    for chapter in chapters:
        assert f'chapter("{chapter}")' in SOURCES, chapter


def test_figures_are_those_of_the_code() -> None:
    deletions = f"max({guards.DELETES_AT_LEAST}, {guards.DELETES_PERCENT:.0f} %)"
    creates = f"max({guards.CREATES_AT_LEAST}, {guards.CREATES_PERCENT:.0f} %)"
    updates = f"max({guards.UPDATES_AT_LEAST}, {guards.UPDATES_PERCENT:.0f} %)"
    brake = f"more than {guards.SYSTEMIC_MORE_THAN} records and more than {guards.SYSTEMIC_SHARE * 100:.0f} %"
    for text in (ARCHITECTURE, OPERATIONS):
        plain = " ".join(text.split())
        assert all(limit in plain for limit in (deletions, creates, updates))
        assert brake in plain.replace("More", "more")
    assert DEAD_AFTER_PERIODS == 3, "architecture.md and operations.md say three periods"


# --- links, files, commands --------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", TEXTS)
def test_every_link_leads_somewhere(page: str) -> None:
    """To a file of this repository, and to a heading of it where one is named."""
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", TEXTS[page])):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in anchors(path.read_text(encoding="utf-8")), f"{page}: {target}"


@pytest.mark.parametrize("page", TEXTS)
def test_every_file_of_the_program_that_is_named_exists(page: str) -> None:
    folders = ("sync_service", "connectors", "mappings", "tests", "docs", "deploy", "benchmarks")
    for span in spans(TEXTS[page]):
        if re.fullmatch(rf"({'|'.join(folders)})/[\w/.-]*", span):
            assert (ROOT / span).exists(), f"{page}: {span}"
        elif re.fullmatch(r"[\w/]+\.(py|yaml)", span):
            assert any(any((ROOT / folder).rglob(span)) for folder in folders), f"{page}: {span}"


@pytest.mark.parametrize("page", TEXTS)
def test_every_make_target_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    variables = set(re.findall(r"^([A-Z]+)\s*[?:]?=", MAKEFILE, re.MULTILINE))
    for line in code_lines(TEXTS[page]):
        if re.match(r"make\b", line):
            for word in shlex.split(line)[1:]:
                name, assigned, _ = word.partition("=")
                assert name in (variables if assigned else targets), f"{page}: {line}"


def test_the_two_commands_of_the_readme_exist() -> None:
    assert {"make demo", "make test"} <= {line.strip() for line in code_lines(TEXTS["README.md"])}


COMMAND = re.compile(r"(?:^|[\s/=])ecp-sync\s+(\S.*)$")


def command_lines() -> list[tuple[str, str]]:
    """(page, words after ``ecp-sync``) of every command line of every page."""
    return [
        (page, found[1])
        for page, text in TEXTS.items()
        for line in code_lines(text)
        if (found := COMMAND.search(line)) and not found[1].startswith("COMMAND")
    ]


@pytest.mark.parametrize(("page", "line"), command_lines())
def test_every_command_line_is_understood(page: str, line: str) -> None:
    """Its command exists and has the options and arguments that are used."""
    command: Any = typer.main.get_command(app)
    options = options_of(command)
    rest = shlex.split(line)
    arguments = 0
    while rest:
        word = rest.pop(0)
        if word.startswith("-"):
            assert word in options, f"{page}: {word}"
            if options[word]:
                rest.pop(0)
        elif hasattr(command, "commands"):
            assert word in command.commands, f"{page}: {word}"
            command = command.commands[word]
            options |= options_of(command)
        else:
            arguments += 1
    most = sum(abs(param.nargs) for param in command.params if param.param_type_name == "argument")
    assert arguments <= most, f"{page}: {line}"


def options_of(command: Any) -> dict[str, bool]:
    """Option → whether a value follows."""
    found = {"--help": False}
    for param in command.params:
        if param.param_type_name == "option":
            found |= dict.fromkeys(param.opts, not param.is_flag)
    return found


def test_command_lines_are_found_at_all() -> None:
    assert {page for page, _ in command_lines()} >= {"README.md", "CHANGELOG.md", "docs/operations.md"}
    assert ("README.md", "demo --once") in command_lines()
    assert ("docs/operations.md", "run") in command_lines()


# --- configuration -----------------------------------------------------------------------------------------------

TABLES: dict[str, type[BaseModel]] = {
    "schedule": config.Schedule,
    "limits": config.Limits,
    "guard": config.Guard,
    "web": config.Web,
    "notify": config.Notify,
    "channels": config.Channel,
    "schools": config.SchoolSettings,
}


def settings_keys() -> dict[str, Any]:
    """Every key with its default; None where it has none or a table."""
    found: dict[str, Any] = {}
    models: dict[str, type[BaseModel]] = {"": config.Settings, **TABLES}
    for prefix, model in models.items():
        for name, field in model.model_fields.items():
            if name not in TABLES:
                default = None if field.default is PydanticUndefined or field.default == () else field.default
                found[f"{prefix}.{name}".lstrip(".")] = default
    return found


def test_every_setting_is_listed_with_its_default() -> None:
    keys = settings_keys()
    rows = {bare(row[0]): bare(row[1]) for row in tables(section(OPERATIONS, "Settings"))[0]}
    assert rows.keys() == keys.keys()
    for key, default in keys.items():
        if default is not None:
            assert rows[key] == str(default).removesuffix(".0"), key


def test_every_variable_of_the_environment_is_listed() -> None:
    rows = {bare(row[0]) for row in tables(section(OPERATIONS, "Settings"))[1]}
    assert rows == {CONFIG_VARIABLE, *config.ENVIRONMENT, "ECP_SYNC_DATABASE_URL_FILE"}
    for text in TEXTS.values():
        for name in re.findall(r"ECP_SYNC_\w+", text):
            assert name in SOURCES, name


SCHOOL = {"code": "s", "name": "s", "organization_id": "s", "base_url": "https://ecp.example.ru"}


@pytest.mark.parametrize("page", TEXTS)
def test_every_example_of_settings_is_valid(page: str) -> None:
    """Whole blocks, and lines ``key = value`` in running text."""
    blocks = [block for language, block in FENCE.findall(TEXTS[page]) if language == "toml"]
    lines = [span for span in spans(TEXTS[page]) if re.match(r"(database_url|base_url) = ", span)]
    for content in map(tomllib.loads, [*blocks, *lines]):
        if "base_url" in content:
            content = {"schools": [{**SCHOOL, "base_url": content["base_url"]}]}
        config.Settings.model_validate({"schools": [SCHOOL], **content})


def test_keys_named_in_running_text_exist() -> None:
    """A span that looks like a key of ``[[schools]]`` or of the file's head is one."""
    known = {key.rpartition(".")[2] for key in settings_keys()}
    for key in ("watch_from", "ca_bundle", "mappings_dir", "base_url", "organization_id"):
        assert key in known
        assert any(key in spans(text) for text in TEXTS.values()), key


# --- the contract ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", Stream)
def test_every_row_of_a_mapping_table_is_in_the_contract(stream: Stream) -> None:
    """Same fields, same order, same owner, clash rule and group."""
    (rows,) = tables(section(CONTRACT, stream.value))
    written = [
        (bare(ours.removesuffix(" *")), ours.endswith(" *"), bare(theirs), codec, owner, clash, group)
        for ours, theirs, codec, _, owner, clash, group in rows
    ]
    mapped = [
        (
            row.field,
            row.required,
            row.remote,
            row.codec.name,
            row.owner.value,
            row.on_clash.value,
            "" if row.group == row.field else row.group,
        )
        for row in load_mappings()[stream].rows.values()
    ]
    assert written == mapped


def test_every_code_is_in_the_contract() -> None:
    written = {}
    for name, where, pairs in tables(section(CONTRACT, "Codes"))[0]:
        stream, _, field = where.partition(".")
        assert load_mappings()[Stream(stream)].rows[field].codec.name == f"code:{bare(name)}"
        written[bare(name)] = dict(re.findall(r"`([^`]+)` = `([^`]+)`", pairs))
    assert written == {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8"))["codes"]
        for path in (ROOT / "mappings" / "codes").glob("*.toml")
    }


def test_natural_keys_are_given_for_every_stream_that_is_sent() -> None:
    (keys,) = (found for found in tables(section(CONTRACT, "Reading")) if found[0][0] == "students")
    assert [row[0] for row in keys] == [stream.value for stream in Stream if SPECS[stream].both_ways]
