"""The command line as an administrator and a secretary use it: real processes, a real region on a socket."""

from __future__ import annotations

import json
import os
import pty
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from connectors.files.writers import pupil_list_csv
from sync_service.domain.school_files import ParsedGuardian, ParsedPupil
from tests.acceptance.processes import LIMIT, PROGRAM, Installation, Simulator, simulator, surroundings, wait_for

SLOW_PAGES = {"kind": "slow", "match": {"route": "page"}, "params": {"seconds": 1.0}}


@pytest.fixture
def region() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture
def school(region: Simulator, tmp_path: Path) -> Iterator[Installation]:
    """An installation made as the README tells: init, then login."""
    ours = region.organizations[0]
    with ExitStack() as stack:
        made = Installation(tmp_path, stack)
        made.must(
            *("init", "--code", "school-900", "--name", "Школа № 900"),
            *("--organization-id", ours["id"], "--base-url", region.url),
        )
        made.must("connection", "login", stdin=ours["refreshToken"])
        yield made


def sql(school: Installation, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """What another program does with the school's database."""
    with closing(sqlite3.connect(school.folder / "ecp-sync.sqlite", timeout=30)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def students(region: Simulator) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = region.admin("GET", "dump", {"stream": "students", "deleted": "false"})["items"]
    return items


def newcomer() -> bytes:
    mother = ParsedGuardian(last_name="Ёлкина", first_name="Мария", relation="мать", phone="+79001112233")
    pupil = ParsedPupil(
        rows=(2,),
        last_name="Ёлкина",
        first_name="Анна",
        patronymic="Петровна",
        sex="Ж",
        birth_date="2019-05-11",
        class_name="1А",
        admitted_on="2026-11-18",
        enrolled_on="2026-11-18",
        order_number="112-у",
        order_date="2026-11-18",
        origin_kind="none",
        guardians=(mother,),
    )
    return pupil_list_csv([pupil], encoding="cp1251")


def test_from_an_empty_folder_to_agreement(school: Installation, region: Simulator) -> None:
    """doctor, first sync, import, sync: the region has the new pupil, and a last sync has nothing to do."""
    assert school.must("doctor", "--json").json()["ok"] is True
    first = school.must("sync", "--json").json()
    assert first["status"] == "succeeded"
    assert first["streams"]["students"]["pull"]["applied"] == len(students(region))
    (school.folder / "list.csv").write_bytes(newcomer())
    imported = school.must("import", "list.csv", "--json").json()
    assert (imported["streams"]["students"]["added"], imported["streams"]["guardians"]["added"]) == (1, 1)
    assert school.must("status", "--json").json()["schools"][0]["totals"]["backlog"] > 0
    assert school.must("sync", "--json").json()["releases"]["enrolled"] == 1
    assert [card["firstName"] for card in students(region) if card["lastName"] == "Ёлкина"] == ["Анна"]
    school.must("sync")
    last = school.must("sync", "--json").json()
    assert all(not entry.get("push", {}).get("queued") for entry in last["streams"].values())
    (status,) = school.must("status", "--json").json()["schools"]
    assert (status["connection"], status["totals"]["backlog"]) == ("ok", 0)
    assert all(entry["lag_seconds"] is not None for entry in status["streams"].values())


def test_a_conflict_from_the_alarm_to_agreement(school: Installation, region: Simulator) -> None:
    """sync ends with 3; list, show, resolve; the next sync brings the decision to the region."""
    school.must("sync")
    card = students(region)[0]
    ((row,),) = sql(school, "SELECT local_id FROM links WHERE stream = 'students' AND remote_id = ?", card["id"])
    sql(school, "UPDATE students SET address = 'ул. Мира, 1', email = 'school@example.ru' WHERE id = ?", row)
    region.admin("POST", "edit", {"stream": "students", "items": [{"id": card["id"], "changes": {"address": "x"}}]})
    assert school.run("sync").code == 3
    (case,) = school.must("conflicts", "list", "--json").json()
    assert (case["stream"], case["local_id"], case["fields"]) == ("students", row, ["address"])
    shown = school.must("conflicts", "show", str(case["id"])).out
    assert "ул. Мира, 1" in shown
    school.must(
        "conflicts", "resolve", str(case["id"]), "--take", "school", "--stamp", case["stamp"], "--as", "petrova"
    )
    school.must("sync")
    (stored,) = [item for item in students(region) if item["id"] == card["id"]]
    assert (stored["address"], stored["email"]) == ("ул. Мира, 1", "school@example.ru")
    assert school.must("conflicts", "list", "--json").json() == []
    assert school.must("audit", "verify", "--json").json()[0]["ok"] is True


def test_a_region_that_is_gone_is_five(school: Installation, region: Simulator) -> None:
    """The port is closed: exit code 5, a sentence with the next step, a document with --json."""
    school.must("sync")
    region.process.terminate()
    assert region.process.wait() == 0
    outcome = school.run("sync", "--json")
    assert (outcome.code, outcome.json()["status"]) == (5, "failed")
    assert "ecp-sync doctor" in school.run("sync").err


def test_a_dead_token_is_six_until_a_new_one_is_entered(school: Installation, region: Simulator) -> None:
    """«Нужен вход» is remembered; the new token ends it."""
    region.admin("POST", "tokens/reject-refresh", {"reject": True})
    region.admin("POST", "tokens/expire")
    outcome = school.run("sync", "--json")
    assert (outcome.code, outcome.json()["status"]) == (6, "login_needed")
    assert school.run("connection", "status").code == 6
    token = region.admin("POST", "tokens/issue")["refreshToken"]
    (school.folder / "token.txt").write_text(token + "\n", encoding="utf-8")
    school.must("connection", "login", "--token-file", "token.txt")
    assert "связь есть" in school.must("connection", "status").out
    school.must("sync")


def test_a_second_sync_is_eleven(school: Installation, region: Simulator) -> None:
    """While one works the other waits a moment, refuses, and leaves it alone."""
    config = school.config.read_text(encoding="utf-8") + "\n[schedule]\nheartbeat = 0.5\n"
    school.config.write_text(config, encoding="utf-8")
    region.admin("POST", "faults", {"rules": [{**SLOW_PAGES, "params": {"seconds": 3.0}}]})
    first = school.start("sync")
    wait_for(lambda: sql(school, "SELECT 1 FROM leases WHERE holder IS NOT NULL"), "the first run's leases")
    assert school.run("sync").code == 11
    assert first.is_running
    region.admin("DELETE", "faults")
    assert first.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_at_the_next_page(school: Installation, region: Simulator, number: signal.Signals) -> None:
    """Exit code 1 with a sentence; what was durable stays, and the next run goes on from there."""
    region.admin("POST", "faults", {"rules": [SLOW_PAGES]})
    with subprocess.Popen(
        (*PROGRAM, "sync", "--json"),
        cwd=school.folder,
        env=surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as running:
        try:
            wait_for(lambda: sql(school, "SELECT 1 FROM cursors"), "the first page")
            running.send_signal(number)
            out, err = running.communicate(timeout=LIMIT)
        finally:
            running.kill()
    assert running.returncode == 1
    assert json.loads(out)["status"] == "interrupted"
    assert "Останавливаемся" in err
    region.admin("DELETE", "faults")
    assert school.must("sync", "--json").json()["status"] == "succeeded"
    assert [run["status"] for run in school.must("runs", "list", "--json").json()] == ["succeeded", "interrupted"]
    assert sql(school, "SELECT count(*) FROM students") == [(len(students(region)),)]


def test_a_second_ctrl_c_ends_at_once(school: Installation, region: Simulator) -> None:
    """Exit code 1 while the region keeps us waiting; the next run takes over and finishes."""
    config = school.config.read_text(encoding="utf-8") + "\n[schedule]\nheartbeat = 0.5\n"
    school.config.write_text(config, encoding="utf-8")
    region.admin("POST", "faults", {"rules": [{**SLOW_PAGES, "params": {"seconds": 25}}]})
    running = school.start("sync")
    wait_for(lambda: region.admin("GET", "faults")["rules"][0]["fired"], "a request the region keeps waiting")
    running.terminate()
    wait_for(lambda: "Останавливаемся" in "".join(running.err), "the first answer")
    running.terminate()
    assert running.wait(20) == 1
    region.admin("DELETE", "faults")
    assert school.must("sync", "--json").json()["status"] == "succeeded"


def test_a_terminal_sees_how_far_the_run_is(school: Installation, region: Simulator) -> None:
    """A moving line on the terminal, none of it in the result."""
    region.admin("POST", "faults", {"rules": [SLOW_PAGES | {"times": 3}]})
    terminal, its_end = pty.openpty()
    with subprocess.Popen(
        (*PROGRAM, "sync"), cwd=school.folder, env=surroundings(), stdout=subprocess.PIPE, stderr=its_end
    ) as running:
        os.close(its_end)
        seen = b"".join(iter(lambda: read_terminal(terminal), b""))
        os.close(terminal)
        out = running.communicate(timeout=LIMIT)[0].decode()
    assert running.returncode == 0
    assert "связано записей" in seen.decode(errors="replace")
    assert "Ученики" in out
    assert "Сверка идёт" not in out
    assert "\x1b" not in out


def read_terminal(terminal: int) -> bytes:
    """What came next; nothing once the program has ended."""
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says EIO when the last writer has gone
        return b""


def test_the_simulator_is_a_command(tmp_path: Path) -> None:
    """One ready line on standard output; SIGTERM ends it."""
    with ExitStack() as stack:
        process = Installation(tmp_path, stack).start("simulator", "--port", "0", "--date", "2026-11-20")
        wait_for(lambda: process.out, "the ready line")
        assert json.loads(process.out[0])["organizations"]
        process.terminate()
        assert process.wait() == 0
