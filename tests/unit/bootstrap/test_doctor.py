"""The doctor: every problem at once, each with its remedy."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections import namedtuple
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.ecp.simulator import Handle, build_world, start_in_thread
from sync_service.bootstrap import Service
from sync_service.clock import SystemClock
from sync_service.config import Settings
from sync_service.doctor import MIB, check_settings, examine
from sync_service.domain.erasures import Reason
from sync_service.findings import Finding, Level
from tests.databases import SchoolDatabase
from tests.unit.bootstrap.region_in_memory import settings

TODAY = datetime.now(UTC).date().isoformat()
NOWHERE = "http://127.0.0.1:9"


class Ahead(SystemClock):
    """Five minutes fast."""

    def now(self) -> datetime:
        return super().now() + timedelta(minutes=5)


@pytest.fixture(scope="module")
def handle() -> Iterator[Handle]:
    made = start_in_thread(build_world(seed=1, date=TODAY, population="small"), host="127.0.0.1", port=0)
    made.admin("POST", "/simulator/clock", {"set": datetime.now(UTC).isoformat()})
    yield made
    made.stop()


@pytest.fixture
def healthy(handle: Handle, tmp_path: Path) -> Settings:
    """An installation with a token that works."""
    made = at(settings(tmp_path), handle)
    with Service.open(made, create=True) as service:
        token = handle.admin("POST", "/simulator/tokens/issue", {})["refreshToken"]
        service.connections.login(service.school(None), token)
    return made


def at(made: Settings, handle: Handle, organization: int = 0) -> Settings:
    (school,) = made.schools
    changed = {"base_url": handle.url, "organization_id": handle.organizations[organization]["id"]}
    return made.model_copy(update={"schools": (school.model_copy(update=changed),)})


def look(made: Settings, *, fix: bool = False) -> list[Finding]:
    return examine(made, clock=SystemClock(), fix=fix)


def wrong(findings: list[Finding]) -> list[Finding]:
    found = [finding for finding in findings if finding.level is not Level.OK]
    assert all(finding.remedy for finding in found), "a problem without a remedy"
    return found


def the_one(findings: list[Finding]) -> Finding:
    (found,) = wrong(findings)
    return found


def test_a_healthy_installation_has_no_problem(healthy: Settings) -> None:
    """Every area was looked at."""
    findings = look(healthy)
    assert wrong(findings) == []
    assert {finding.area.split()[0] for finding in findings} == {
        "school", "mappings", "disk", "database", "triggers", "region"
    }  # fmt: skip


def test_problems_of_different_areas_are_told_together(healthy: Settings, tmp_path: Path) -> None:
    """A wrong setting, a bad table and a missing trigger: three findings at once."""
    drop_trigger(healthy)
    (tmp_path / "tables" / "ecp").mkdir(parents=True)
    (tmp_path / "tables" / "ecp" / "marks.toml").write_text("nonsense", encoding="utf-8")
    (school,) = healthy.schools
    broken = healthy.model_copy(
        update={
            "mappings_dir": tmp_path / "tables",
            "schools": (school.model_copy(update={"ca_bundle": tmp_path / "no.pem"}),),
        }
    )
    areas = [finding.area for finding in wrong(look(broken))]
    assert areas == ["school school-900", "mappings", "triggers"]


def drop_trigger(made: Settings) -> None:
    connection = sqlite3.connect(made.database_url.removeprefix("sqlite:///"))
    connection.execute("DROP TRIGGER journal_marks_update")
    connection.commit()
    connection.close()


def test_a_missing_trigger_is_found_and_repaired(healthy: Settings) -> None:
    """Without ``fix`` nothing is changed; with it the next look finds all well."""
    drop_trigger(healthy)
    for _ in range(2):
        found = the_one(look(healthy))
        assert found.area == "triggers"
        assert "journal_marks_update" in found.message
        assert "--fix" in found.remedy
    assert wrong(look(healthy, fix=True)) == []
    assert wrong(look(healthy)) == []


def test_triggers_are_repaired_on_both_engines(database: SchoolDatabase) -> None:
    """The triggers of a table are gone; ``fix`` brings them back."""
    name = "journal_marks_update"
    database.sql(f"DROP TRIGGER {name}" + (" ON marks" if database.on_postgres else ""))
    made = settings(Path(), code_of(database)).model_copy(update={"database_url": database.url})

    def triggers(*, fix: bool) -> list[Level]:
        return [f.level for f in examine(made, clock=SystemClock(), fix=fix) if f.area == "triggers"]

    assert set(triggers(fix=False)) == {Level.ERROR}
    assert triggers(fix=True) == [Level.OK]
    assert triggers(fix=False) == [Level.OK]


def code_of(database: SchoolDatabase) -> str:
    return database.database.schools.all()[0].code


# Database and disk


def test_an_erasure_that_is_not_complete_is_a_warning(database: SchoolDatabase) -> None:
    """Its act is named; once the freed space is overwritten there is nothing to say."""
    made = settings(Path(), code_of(database)).model_copy(update={"database_url": database.url})
    with database.database.write(database.school) as uow:
        number = uow.erasures.record(Reason.TERM, actor="ivanov", rows=1, remote_ids={}, names=[])
        uow.commit()
    (found,) = [f for f in examine(made, clock=SystemClock()) if f.area == "erasures"]
    assert (found.level, str(number) in found.message) == (Level.WARNING, True)
    assert "subjects scrub" in found.remedy
    with database.database.write(database.school) as uow:
        uow.erasures.scrubbed([number])
        uow.commit()
    assert [f for f in examine(made, clock=SystemClock()) if f.area == "erasures"] == []


def test_a_missing_database_is_not_created(tmp_path: Path) -> None:
    """The doctor tells the command that makes one, and leaves the folder as it is."""
    found = [f for f in wrong(look(settings(tmp_path))) if f.area == "database"]
    assert ["ecp-sync migrate" in finding.remedy for finding in found] == [True]
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_needs_its_tables(tmp_path: Path) -> None:
    """A file that somebody has touched."""
    (tmp_path / "school.sqlite").touch()
    assert "ecp-sync migrate" in the_one(look(settings(tmp_path))).remedy


def test_a_database_of_another_version_is_named(healthy: Settings) -> None:
    """Both versions are told."""
    connection = sqlite3.connect(healthy.database_url.removeprefix("sqlite:///"))
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    found = the_one(look(healthy))
    assert "9999" in found.message
    assert "ecp-sync migrate" in found.remedy


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Before anything tries to open a file in it."""
    found = the_one(look(settings(tmp_path / "missing")))
    assert str(tmp_path / "missing") in found.message


def test_a_server_that_is_away_is_a_finding(tmp_path: Path) -> None:
    """The password in the address is not repeated."""
    made = settings(tmp_path).model_copy(update={"database_url": "postgresql://u:geheim@127.0.0.1:9/x"})
    found = the_one(look(made))
    assert found.area == "database"
    assert "geheim" not in found.message


@pytest.mark.parametrize(
    ("free", "level"), [(50 * MIB, Level.ERROR), (500 * MIB, Level.WARNING), (5000 * MIB, Level.OK)]
)
def test_disk_space_is_watched(healthy: Settings, monkeypatch: pytest.MonkeyPatch, free: int, level: Level) -> None:
    """A full disk stops the school's journal."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**12, 0, free))
    assert [finding.level for finding in look(healthy) if finding.area == "disk"] == [level]


def test_a_read_only_folder_is_found(healthy: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite needs to write beside its file."""
    monkeypatch.setattr("os.access", lambda *_: False)
    assert the_one(look(healthy)).area == "database"


# Region


def test_a_school_without_a_token_is_told_how_to_log_in(handle: Handle, tmp_path: Path) -> None:
    """The line is fine, only a person is missing."""
    made = at(settings(tmp_path), handle)
    Service.open(made, create=True).close()
    assert "ecp-sync connection login --school school-900" in the_one(look(made)).remedy


def test_a_rejected_token_is_found_and_remembered(healthy: Settings, handle: Handle) -> None:
    """The doctor's own request found out; ``status`` knows it from now on."""
    handle.admin("POST", "/simulator/tokens/issue", {})
    handle.admin("POST", "/simulator/tokens/expire", {})
    assert "connection login" in the_one(look(healthy)).remedy
    with Service.open(healthy) as service:
        assert service.needs_login(service.school(None))
    assert "connection login" in the_one(look(healthy)).remedy


def test_another_schools_organization_is_found(healthy: Settings, handle: Handle) -> None:
    """The token belongs to one organization; the setting names another."""
    assert "organization_id" in the_one(look(at(healthy, handle, organization=1))).remedy


def test_a_silent_region_is_found_with_a_hint_at_gost(healthy: Settings) -> None:
    """The usual reasons: network, firewall, a server that speaks ГОСТ TLS only."""
    (school,) = healthy.schools
    silent = healthy.model_copy(update={"schools": (school.model_copy(update={"base_url": NOWHERE}),)})
    found = the_one(look(silent))
    assert "не отвечает" in found.message
    assert "stunnel" in found.remedy


def test_a_server_without_tls_we_speak_is_found_with_a_hint_at_gost(healthy: Settings) -> None:
    """The handshake fails: the remedy is stunnel, never less checking."""
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        connection, _ = listener.accept()
        connection.recv(1)
        connection.sendall(b"\x15\x03\x03\x00\x02\x02\x28")  # alert: handshake failure
        connection.recv(1 << 16)
        connection.close()

    server = threading.Thread(target=refuse)
    server.start()
    (school,) = healthy.schools
    address = {"base_url": f"https://127.0.0.1:{listener.getsockname()[1]}"}
    found = the_one(look(healthy.model_copy(update={"schools": (school.model_copy(update=address),)})))
    server.join()
    listener.close()
    assert "защищённое соединение" in found.message
    assert "stunnel" in found.remedy


def test_a_clock_that_is_wrong_is_a_warning(healthy: Settings) -> None:
    """Edit windows are decided by our clock."""
    found = the_one(examine(healthy, clock=Ahead()))
    assert found.level is Level.WARNING
    assert "300 с" in found.message or "299 с" in found.message


# Settings alone


def test_settings_are_checked_without_asking_anybody(tmp_path: Path) -> None:
    """No database, no region: only what is written."""
    assert wrong(check_settings(settings(tmp_path))) == []
    assert list(tmp_path.iterdir()) == []


def test_an_unusable_certificate_file_is_a_wrong_setting(tmp_path: Path) -> None:
    """Missing, or no PEM."""
    (tmp_path / "roots.pem").write_text("no certificate", encoding="utf-8")
    for name in ("missing.pem", "roots.pem"):
        found = the_one(check_settings(settings(tmp_path, ca_bundle=tmp_path / name)))
        assert name in found.message


def test_plain_http_to_another_machine_is_a_wrong_setting(tmp_path: Path) -> None:
    """Tokens would travel in clear."""
    assert "https" in the_one(check_settings(settings(tmp_path, base_url="http://ecp.example.ru"))).message


def test_a_table_that_loses_values_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The round trip of the mappings is part of the check."""
    from mappings import RecordMapping

    def lossy(mapping: RecordMapping) -> list[str]:
        return ["marks.value: значение не возвращается"] if mapping.stream == "marks" else []

    monkeypatch.setattr(RecordMapping, "round_trip_check", lossy)
    assert the_one(check_settings(settings(tmp_path))).area == "mappings"
