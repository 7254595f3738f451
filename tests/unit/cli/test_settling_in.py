"""From an empty folder to a healthy installation: init, check-config, doctor, migrate, connection, schools."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from sync_service.domain.errors import Unreachable
from tests.unit.cli.office import CONFIG, SECOND_SCHOOL, Office

ANSWERS = (
    *("--code", "school-900", "--name", 'Школа "№ 900"', "--organization-id", "school-1"),
    *("--base-url", "https://ecp.example.ru/api"),
)


def test_init_writes_a_configuration_that_works(empty_folder: Office) -> None:
    """Names with quotes survive; the database is there; the next steps are said."""
    said = empty_folder.must("init", *ANSWERS)
    assert "connection login" in said
    empty_folder.must("check-config")
    (school,) = empty_folder.json("schools", "list")
    assert (school["code"], school["name"], school["connection"]) == ("school-900", 'Школа "№ 900"', "login_needed")
    assert (empty_folder.folder / "ecp-sync.sqlite").exists()


def test_init_makes_files_that_only_their_owner_may_read(empty_folder: Office) -> None:
    """Settings, database and its log, whatever the umask of the person who types."""
    former = os.umask(0)
    try:
        empty_folder.must("init", *ANSWERS)
        with closing(sqlite3.connect(empty_folder.folder / "ecp-sync.sqlite")) as reader:
            reader.execute("SELECT count(*) FROM students").fetchall()
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in empty_folder.folder.iterdir()}
    finally:
        os.umask(former)
    assert set(modes) >= {"config.toml", "ecp-sync.sqlite", "ecp-sync.sqlite-wal"}
    assert set(modes.values()) == {0o600}


def test_doctor_warns_of_a_database_others_may_read(office: Office) -> None:
    """With the command that closes it; a closed one is not mentioned."""
    file = office.folder / "school.sqlite"
    assert "chmod" not in str(office.json("doctor", code=1))
    file.chmod(0o644)
    (found,) = [one for one in office.json("doctor", code=1)["findings"] if "chmod 600" in one["remedy"]]
    assert (found["area"], found["level"]) == ("database", "warning")
    assert str(file) in found["remedy"]


def test_an_empty_database_file_gives_nothing_away(empty_folder: Office) -> None:
    """Its tables are missing; that others may read nothing is no second finding."""
    empty_folder.write_config(CONFIG)
    (empty_folder.folder / "school.sqlite").touch(mode=0o644)
    findings = empty_folder.json("doctor", code=1)["findings"]
    assert [one["remedy"] for one in findings if one["area"] == "database"] == ["Создайте их: ecp-sync migrate."]


def test_init_never_replaces_a_configuration(empty_folder: Office) -> None:
    empty_folder.write_config("mine")
    assert empty_folder.run("init", *ANSWERS) == 1
    assert (empty_folder.folder / "config.toml").read_text() == "mine"
    assert "уже есть" in empty_folder.told


def test_init_with_impossible_answers_writes_nothing(empty_folder: Office) -> None:
    """Every problem is told with the name of the file to be."""
    assert empty_folder.run("init", *ANSWERS[:-1], "ftp://nowhere", "--code", "Школа") == 78
    assert list(empty_folder.folder.iterdir()) == []
    assert "config.toml" in empty_folder.told
    assert "base_url" in empty_folder.told
    assert "code" in empty_folder.told


def test_init_where_nothing_may_be_written_says_what_to_do(empty_folder: Office) -> None:
    """Exit code 1 and the next step; a folder that cannot be, because a file has its name."""
    (empty_folder.folder / "taken").write_text("a file")
    assert empty_folder.run("init", *ANSWERS, "--config", "taken/config.toml") == 1
    assert "нельзя создать" in empty_folder.told.splitlines()[0]
    assert "--config" in empty_folder.told.splitlines()[0]
    assert "Ошибка программы" not in empty_folder.told


def test_init_asks_nobody_when_nobody_is_there(empty_folder: Office) -> None:
    assert empty_folder.run("init", *ANSWERS[2:]) == 2
    assert "--code" in empty_folder.told
    assert list(empty_folder.folder.iterdir()) == []


def test_init_asks_a_person_for_what_is_missing(empty_folder: Office) -> None:
    """On a terminal every answer that was not given is asked for."""
    empty_folder.type_in("school-900\n\n")
    empty_folder.monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    empty_folder.must("init", *ANSWERS[2:])
    assert 'code = "school-900"' in (empty_folder.folder / "config.toml").read_text(encoding="utf-8")


def test_every_problem_of_a_configuration_is_told_at_once(empty_folder: Office) -> None:
    """Exit code 78; unknown keys with a suggestion."""
    empty_folder.write_config(CONFIG.replace("http://", "gopher://") + 'zonne = "Asia/Yekaterinburg"\n')
    for line in (("check-config",), ("doctor",), ("status",), ("sync",)):
        document = empty_folder.json(*line, code=78)
        assert document["error"]["kind"] == "ConfigError"
        assert len(document["error"]["problems"]) == 2
        assert "'zone'" in empty_folder.told


def test_a_missing_configuration_names_the_next_step(empty_folder: Office) -> None:
    """In the first line, before the technical words."""
    for line in ("status", "sync", "doctor", "check-config"):
        assert empty_folder.run(line) == 78
        assert "ecp-sync init" in empty_folder.told.splitlines()[0]


def test_the_configuration_is_found_where_it_is_named(empty_folder: Office) -> None:
    """Before the command, behind it, or in the environment; behind wins."""
    other = empty_folder.folder / "other.toml"
    other.write_text(CONFIG, encoding="utf-8")
    assert empty_folder.run("migrate") == 78
    empty_folder.must("--config", "other.toml", "migrate")
    empty_folder.must("schools", "list", "--config", "other.toml")
    empty_folder.monkeypatch.setenv("ECP_SYNC_CONFIG", str(other))
    empty_folder.must("schools", "list")
    assert empty_folder.run("schools", "list", "--config", "absent.toml") == 78
    assert empty_folder.run("--config", "absent.toml", "schools", "list", "--config", "other.toml") == 0


def test_json_may_stand_before_the_command(office: Office) -> None:
    assert isinstance(json.loads(office.must("--json", "schools", "list")), list)


def test_an_old_database_is_refused_until_migrated(empty_folder: Office) -> None:
    empty_folder.write_config(CONFIG)
    assert empty_folder.run("status") == 78
    assert "ещё нет таблиц" in empty_folder.told.splitlines()[0]
    assert "ecp-sync migrate" in empty_folder.told.splitlines()[0]
    assert empty_folder.json("migrate")["revision"]
    empty_folder.must("status")


def test_a_database_of_another_version_is_not_called_a_wrong_setting(office: Office) -> None:
    office.sql("UPDATE alembic_version SET version_num = '0000'")
    assert office.run("status") == 78
    first = office.told.splitlines()[0]
    assert "другой версии" in first
    assert "ecp-sync migrate" in first


def test_check_config_needs_no_database(empty_folder: Office) -> None:
    empty_folder.write_config(CONFIG)
    document = empty_folder.json("check-config")
    assert document["ok"] is True
    assert [path.name for path in empty_folder.folder.iterdir()] == ["config.toml"]


def test_doctor_finds_and_mends_missing_triggers(office: Office) -> None:
    """Exit code 1 with a remedy; ``--fix`` repairs that, and the region stays away (nobody listens there)."""
    office.sql("DROP TRIGGER " + office.sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")[0][0])
    found = {finding["area"]: finding for finding in office.json("doctor", code=1)["findings"]}
    assert (found["triggers"]["level"], "--fix" in found["triggers"]["remedy"]) == ("error", True)
    found = {finding["area"]: finding for finding in office.json("doctor", "--fix", code=1)["findings"]}
    assert (found["triggers"]["level"], found["region school-900"]["level"]) == ("ok", "error")


def test_doctor_speaks_in_a_table(office: Office) -> None:
    assert office.run("doctor") == 1
    assert "База данных открывается" in office.said
    assert "Требует внимания: 1." in office.said


# The token


def test_a_good_token_is_proved_and_kept(office: Office) -> None:
    (state,) = office.json("connection", "status")
    assert (state["school"], state["connection"]) == ("school-900", "ok")


def test_a_rejected_token_changes_nothing(office: Office) -> None:
    """Exit code 6; what was stored before stays, and the token is not repeated."""
    before = office.sql("SELECT refresh_token FROM connections")
    office.type_in("bad-token")
    assert office.run("connection", "login") == 6
    assert "bad-token" not in office.said + office.told
    assert office.sql("SELECT refresh_token FROM connections") == before


def test_without_a_token_login_is_needed(empty_folder: Office) -> None:
    empty_folder.write_config(CONFIG)
    empty_folder.must("migrate")
    (state,) = empty_folder.json("connection", "status", code=6)
    assert state["connection"] == "login_needed"


def test_a_token_is_kept_when_the_region_cannot_be_asked(office: Office) -> None:
    """Exit code 5, and the next run proves it."""
    office.region.fail_next(Unreachable("changeVersion: the region could not be reached (ConnectError)"))
    office.type_in("newer-token")
    assert office.run("connection", "login") == 5
    assert "Ключ сохранён" in office.told
    assert office.sql("SELECT refresh_token FROM connections") == [("newer-token",)]


def test_a_token_comes_from_a_file(office: Office) -> None:
    """With the byte order mark and the line end of an editor."""
    Path("token.txt").write_text("\ufefffile-token\r\n", encoding="utf-8")
    office.must("connection", "login", "--token-file", "token.txt")
    assert office.sql("SELECT refresh_token FROM connections") == [("file-token-next",)]
    office.type_in("piped-token")
    office.must("connection", "login", "--token-file", "-")
    assert office.sql("SELECT refresh_token FROM connections") == [("piped-token-next",)]


def test_a_token_is_typed_without_echo(office: Office) -> None:
    asked: list[str] = []

    def typed(question: str) -> str:
        asked.append(question)
        return "typed-token"

    office.monkeypatch.setattr("getpass.getpass", typed)
    office.monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    office.must("connection", "login")
    assert asked == ["Ключ ГИС (не отображается): "]
    assert office.sql("SELECT refresh_token FROM connections") == [("typed-token-next",)]


@pytest.mark.parametrize("token", ["", "two words", "ключ", "a\tb"])
def test_what_is_no_token_is_refused_unsent(office: Office, token: str) -> None:
    office.region.calls.clear()
    office.type_in(token)
    assert office.run("connection", "login") == 2
    assert not office.region.calls
    assert office.run("connection", "login", "--token-file", "absent.txt") == 2


# Several schools


def test_one_of_several_schools_must_be_named(office: Office) -> None:
    """Lists show all of them; a command that acts refuses to guess."""
    office.write_config(CONFIG + SECOND_SCHOOL)
    assert office.run("sync") == 2
    assert "school-900, school-901" in office.told
    assert office.run("sync", "--school", "school-77") == 2
    assert office.json("sync", "--school", "school-900")["school"] == "school-900"
    assert [row["school"] for row in office.json("status")["schools"]] == ["school-900", "school-901"]
    assert [row["school"] for row in office.json("status", "--school", "school-901")["schools"]] == ["school-901"]
    assert office.json("conflicts", "list") == []


def test_a_changed_journal_is_found(office: Office) -> None:
    """Exit code 1 and the place; nobody can rewrite who did what."""
    office.clashing()
    (row,) = office.json("audit", "verify")
    assert (row["school"], row["ok"], row["problem"]) == ("school-900", True, None)
    office.sql("UPDATE audit SET actor = 'somebody' WHERE seq = 2")
    (row,) = office.json("audit", "verify", code=1)
    assert row["ok"] is False
    assert "2" in row["problem"]
    assert office.run("audit", "verify") == 1


def test_the_journal_of_some_days_is_written_for_an_incident(office: Office) -> None:
    """A file only its owner may read, in the form its name says; what it cannot be is refused before it is made."""
    office.clashing()
    days = ("--from", "2020-01-01", "--to", "2099-12-31")
    made = office.json("audit", "export", *days, "--output", "journal.json", "--as", "orlov")
    assert made["entries"] == json.loads(Path("journal.json").read_text("utf-8"))["entries"][-1]["seq"]
    assert Path("journal.json").stat().st_mode & 0o077 == 0
    assert office.sql("SELECT actor FROM audit WHERE cause = 'journal:export'") == [("orlov",)]
    none = office.json("audit", "export", *days, "--output", "none.csv", "--who", "nobody")
    assert (none["entries"], none["first_seq"]) == (0, None)
    for wrong in ("journal.json", "journal.txt"):
        assert office.run("audit", "export", *days, "--output", wrong) == 2


def test_a_journal_that_was_chained_anew_is_found_by_a_noted_head(office: Office) -> None:
    """The end is cut off with its head: the check alone sees a whole chain, the head noted before does not."""
    office.clashing()
    (row,) = office.json("audit", "verify")
    noted = row["head"]
    office.sql("DELETE FROM audit_items WHERE entry_id = (SELECT max(id) FROM audit)")
    office.sql("DELETE FROM audit WHERE id = (SELECT max(id) FROM audit)")
    office.sql("UPDATE audit_heads SET (seq, digest) = (SELECT seq, digest FROM audit ORDER BY seq DESC LIMIT 1)")
    assert office.json("audit", "verify")[0]["ok"] is True
    (row,) = office.json("audit", "verify", "--head", noted, code=1)
    assert "noted" in row["problem"]
    assert office.json("audit", "verify", "--head", row["head"])[0]["ok"] is True
    assert office.run("audit", "verify", "--head", "17") == 2
