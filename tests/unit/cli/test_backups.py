"""``backup``, ``verify-backup`` and ``restore``: a copy of its day, refused when damaged, put in place as it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sync_service.daemon_lock import take_lock
from sync_service.domain.streams import Stream
from sync_service.persistence import backups
from tests.unit.cli.office import Office

COPY, DATABASE = Path("copy.sqlite"), Path("school.sqlite")


def test_an_old_backup_is_put_in_place_and_doubles_nothing(office: Office) -> None:
    """What the region has got meanwhile is read again; the former database stays beside, whole."""
    office.agreed()
    made = office.json("backup", str(COPY))
    assert (made["ok"], made["bytes"]) == (True, COPY.stat().st_size)
    assert COPY.stat().st_mode & 0o077 == 0
    office.sql("UPDATE students SET address = 'ул. Мира, 1'")
    office.must("sync")
    assert office.json("verify-backup", str(COPY))["ok"] is True
    restored = office.json("restore", str(COPY))
    assert office.sql("SELECT address FROM students") != [("ул. Мира, 1",)]
    with closing(sqlite3.connect(restored["former"])) as former:
        assert former.execute("SELECT address FROM students").fetchall() == [("ул. Мира, 1",)]
    office.type_in("new-token")
    office.must("connection", "login")
    office.must("sync")
    assert office.sql("SELECT address FROM students") == [("ул. Мира, 1",)]
    assert len(office.region.records(Stream.STUDENTS)) == 1
    assert COPY.exists(), "the backup itself stays"


def test_a_backup_replaces_nothing(office: Office) -> None:
    office.agreed()
    COPY.write_bytes(b"something else")
    assert office.run("backup", str(COPY)) == 2
    assert COPY.read_bytes() == b"something else"


@pytest.mark.parametrize("wrong", ["missing", "no database", "empty", "foreign", "damaged", "tampered", "later"])
def test_what_is_no_sound_backup_is_refused(office: Office, wrong: str) -> None:
    """Exit code 1 and the reason; the database is left as it is."""
    office.agreed()
    office.must("backup", str(COPY))
    match wrong:
        case "missing":
            COPY.unlink()
        case "no database":
            COPY.write_bytes(b"\x00\x01 no database " * 500)
        case "empty":
            COPY.write_bytes(b"")
        case "damaged":
            content = bytearray(COPY.read_bytes())
            content[8192:40960] = bytes(32768)
            COPY.write_bytes(content)
        case _:
            changes = {
                "foreign": "DROP TABLE alembic_version",
                "tampered": "UPDATE audit SET actor = 'somebody' WHERE seq = 1",
                "later": "UPDATE alembic_version SET version_num = '9999'",
            }
            with closing(sqlite3.connect(COPY)) as connection, connection:
                connection.execute(changes[wrong])
    before = office.sql("SELECT * FROM students")
    found = office.json("verify-backup", str(COPY), code=1)
    assert found["problem"]
    assert office.run("restore", str(COPY)) == 1
    assert office.sql("SELECT * FROM students") == before
    assert not list(Path().glob("*.before-restore-*"))


def test_nothing_is_restored_under_a_running_service(office: Office) -> None:
    """Exit code 11: the daemon has to be stopped first."""
    office.agreed()
    office.must("backup", str(COPY))
    lock = take_lock(f"sqlite:///{DATABASE}")
    try:
        assert office.run("restore", str(COPY)) == 11
    finally:
        lock.release()


def test_nothing_is_restored_under_a_page_or_a_run(office: Office) -> None:
    """They do not hold the daemon's lock, and would go on writing into the file that was set aside."""
    office.agreed()
    office.must("backup", str(COPY))
    with closing(sqlite3.connect(DATABASE)) as page:
        assert page.execute("SELECT count(*) FROM students").fetchall() == [(1,)]
        assert office.run("restore", str(COPY)) == 11
        assert not list(Path().glob("*.before-restore-*"))
        assert not list(Path().glob("*.arriving"))
    office.must("restore", str(COPY))


def test_a_copy_that_finds_no_room_leaves_the_database(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.agreed()
    office.must("backup", str(COPY))

    def full(*_: Path) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backups, "back_up", full)
    with pytest.raises(OSError, match="No space"):
        backups.put_in_place(COPY, DATABASE)
    assert office.sql("SELECT count(*) FROM students") == [(1,)]
    assert not list(Path().glob("*.before-restore-*"))


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_whoever_examines_a_copy_leaves_it_as_it_is(office: Office, mode: str) -> None:
    """Not a byte changes and nothing is made beside it: it may lie where nobody can write."""
    office.agreed()
    office.must("backup", str(COPY))
    with closing(sqlite3.connect(COPY)) as other:  # as SQLite's own shell makes it
        other.execute(f"PRAGMA journal_mode = {mode}")
    before, content = sorted(Path().iterdir()), COPY.read_bytes()
    assert office.json("verify-backup", str(COPY))["ok"] is True
    assert (sorted(Path().iterdir()), COPY.read_bytes()) == (before, content)


def test_a_backup_that_cannot_be_finished_leaves_nothing(office: Office) -> None:
    Path("broken.sqlite").write_bytes(b"x" * 5000)
    with pytest.raises(sqlite3.DatabaseError):
        backups.back_up(Path("broken.sqlite"), COPY)
    assert not COPY.exists()


def test_a_server_has_its_own_tools(office: Office) -> None:
    office.write_config(
        (office.folder / "config.toml").read_text("utf-8").replace("sqlite:///school.sqlite", "postgresql://u@h/n")
    )
    assert office.run("restore", str(COPY)) == 1
    assert "pg_restore" in office.said + office.told
