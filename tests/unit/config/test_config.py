"""The configuration: a guided tour that loads, and problems that are all told at once."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest

from sync_service.config import Settings, load_settings
from sync_service.domain.errors import ConfigError
from sync_service.domain.streams import Stream

ROOT = Path(__file__).parents[3]
SCHOOL = """
[[schools]]
code = "s1"
name = "Школа"
organization_id = "abc-1"
base_url = "https://ecp.example.ru/api/"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str, **environment: str) -> Settings:
    return load_settings(write(folder, text), environment)


def test_the_guided_tour_loads_and_names_every_key() -> None:
    """config.example.toml is valid, and no key of the settings is missing from it."""
    path = ROOT / "config.example.toml"
    settings = load_settings(path, {})
    text = path.read_text(encoding="utf-8")
    assert settings.schools[0].watch_from == date(2026, 8, 1)
    for model in (settings, settings.schedule, settings.schools[0]):
        for key in type(model).model_fields:
            assert key in text, key


def test_paths_belong_to_the_folder_of_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, f'mappings_dir = "tables"\n{SCHOOL}ca_bundle = "root.pem"\n')
    assert settings.database_url == f"sqlite:///{tmp_path.as_posix()}/ecp-sync.sqlite"
    assert settings.mappings_dir == tmp_path / "tables"
    assert settings.schools[0].ca_bundle == tmp_path / "root.pem"
    assert settings.schools[0].base_url == "https://ecp.example.ru/api"


def test_intervals_of_a_school_come_before_those_of_the_schedule(tmp_path: Path) -> None:
    text = f"[schedule.intervals]\nmarks = 60\nlessons = 61\n{SCHOOL}[schools.intervals]\nmarks = 10\n"
    settings = load(tmp_path, text)
    intervals = settings.intervals_of(settings.schools[0])
    assert (intervals[Stream.MARKS], intervals[Stream.LESSONS], intervals[Stream.SUBJECTS]) == (10, 61, 3600)


def test_a_blackout_has_hours_and_days(tmp_path: Path) -> None:
    settings = load(tmp_path, f'[schedule]\nblackouts = ["sat, sun 22:00-01:30"]\n{SCHOOL}')
    (window,) = settings.schedule.blackouts
    assert (window.starts, window.ends, window.weekdays) == (time(22), time(1, 30), frozenset({5, 6}))


def test_the_environment_and_secret_files_come_first(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://user:secret@db/ecp\n", encoding="utf-8")
    settings = load(tmp_path, SCHOOL, ECP_SYNC_DATABASE_URL_FILE=str(secret), ECP_SYNC_LOG_LEVEL="debug")
    assert settings.database_url == "postgresql://user:secret@db/ecp"
    assert settings.log_level == "debug"


def test_every_problem_is_told_at_once_with_its_place_and_remedy(tmp_path: Path) -> None:
    """Unknown keys with a suggestion, wrong addresses, zones, streams and windows: one error, many lines."""
    text = """
databse_url = "x"
database_url = "mysql://root:hunter2@db/x"
[schedule]
blackouts = ["25:00-26:00"]
[schedule.intervals]
mark = 5
[[schools]]
code = "S 1"
name = ""
organization_id = "a/b"
base_url = "ftp://user@host"
zone = "Asia/Yekaterinberg"
page_size = 5000
"""
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    told = "\n".join(refused.value.problems)
    assert len(refused.value.problems) == 10
    assert "databse_url: unknown key; did you mean 'database_url'?" in told
    assert "did you mean 'Asia/Yekaterinburg'?" in told
    assert "unknown stream; did you mean 'marks'?" in told
    assert "schools.0.base_url" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "schools"),
        (b"schools = []", "schools"),
        (b"[[school]]\ncode='x'", "[[schools]]"),
        (b"a = ", "TOML"),
        (b"\xff\xfe", "UTF-8"),
        (SCHOOL.encode() * 2, "same code"),
    ],
)
def test_a_wrong_file_says_what_to_do(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=word.replace("[", r"\[")):
        load_settings(path, {})


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ecp-sync init"):
        load_settings(tmp_path / "none.toml", {})
