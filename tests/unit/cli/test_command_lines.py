"""The tree of commands: help without heavy libraries, wrong lines in Russian, exit code 2."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

from sync_service.cli.app import run

HEAVY = ("sqlalchemy", "httpx", "alembic", "apscheduler", "openpyxl", "psycopg", "tenacity", "rapidfuzz", "structlog")
COMMANDS = [
    *(
        "init",
        "check-config",
        "doctor",
        "migrate",
        "backup",
        "verify-backup",
        "restore",
        "run",
        "sync",
        "reconcile",
        "status",
        "import",
        "demo",
        "simulator",
    ),
    *("runs", "conflicts", "matches", "releases", "quarantine", "connection", "schools", "audit"),
]


@pytest.mark.parametrize(
    ("line", "heavy"),
    [
        (["--help"], (*HEAVY, "pydantic")),
        (["--version"], (*HEAVY, "pydantic")),
        # Typer itself reads the options of a single command with pydantic.
        (["sync", "--help"], HEAVY),
        (["conflicts", "resolve", "--help"], HEAVY),
    ],
)
def test_help_loads_nothing_heavy(line: list[str], heavy: tuple[str, ...]) -> None:
    """Asking for help needs neither database nor HTTP; a process of its own tells for sure."""
    program = (
        "import sys\n"
        "from sync_service.cli.app import run\n"
        f"code = run({line!r})\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.strip() == "[]"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert [name for name in COMMANDS if f" {name} " not in said] == []


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("ecp-sync ")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ([], "Выберите команду"),
        (["conflicts"], "Выберите команду"),
        (["vanish"], "нет команды «vanish»"),
        (["sync", "--fast"], "Нет параметра --fast"),
        (["conflicts", "show"], "Не хватает: ID"),
        (["conflicts", "show", "first"], "ожидается целое число"),
        (["conflicts", "show", "1", "2"], "лишнее: 2"),
        (["conflicts", "resolve", "1"], "укажите --take"),
        (["sync", "--stream", "teachers"], "нет потока «teachers»"),
        (["sync", "--direction", "up"], "«up» нет среди"),
        (["sync", "--direction", "push", "--stream", "lessons"], "только читается"),
        (["runs", "list", "--limit", "0"], "не меньше 1"),
        (["status", "--config"], "после --config нужно значение"),
        (["releases", "log-call", "1"], "Не хватает: --outcome"),
        (["releases", "log-call", "1", "--outcome", " "], "напишите, что сказали"),
        (["releases", "log-call", "1", "--outcome", "да", "--next-call", "12.12.2026"], "ГГГГ-ММ-ДД"),
        (["releases", "log-call", "1", "--outcome", "да", "--step", "shout"], "call, promise"),
        (["connection", "login", "--token", "abc"], "Нет параметра --token"),
        (["quarantine", "retry"], "укажите номера записей или --group"),
    ],
)
def test_a_wrong_line_is_explained_in_russian(line: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, the reason and where the help is; nothing is touched."""
    assert run(line) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "--help" in told


def test_a_wrong_line_with_json_is_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sync", "--json", "--fast"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert (document["error"]["kind"], document["error"]["exit_code"]) == ("UsageError", 2)


def test_the_simulator_reads_its_own_options(capsys: pytest.CaptureFixture[str]) -> None:
    """Its help is its own, and a wrong option of it is a wrong command line."""
    assert run(["simulator", "--help"]) == 0
    assert "--population" in capsys.readouterr().out
    assert run(["simulator", "--population", "huge"]) == 2


def test_a_busy_port_is_a_sentence_with_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1; nobody is told that the program is broken."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["simulator", "--population", "small", "--port", str(port)]) == 1
    told = capsys.readouterr().err
    assert "Порт уже занят" in told
    assert "--port" in told


@pytest.mark.parametrize("port", ["65536", "-5"])
def test_an_impossible_port_is_a_wrong_command_line(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulator", "--population", "small", "--port", port]) == 2
    assert "от 0 до 65535" in capsys.readouterr().err
