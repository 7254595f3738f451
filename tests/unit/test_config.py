"""Settings: the example is true, the environment overrides, problems are named all at once."""

from __future__ import annotations

import tomllib
from datetime import date, time
from pathlib import Path

import pytest
from pydantic import ValidationError

from sync_service.config import ENVIRONMENT, Guard, Schedule, SchoolSettings, Settings, load_settings
from sync_service.domain.errors import ConfigError
from sync_service.domain.guards import Limits
from sync_service.domain.streams import Stream

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
MINIMAL = """
[[schools]]
code = "school-900"
name = "Школа № 900"
organization_id = "org-900"
base_url = "https://ecp.example.ru/api"
"""


def load(folder: Path, text: str, **environment: str) -> Settings:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environment)


def problems(folder: Path, text: str, **environment: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, **environment)
    return [problem.removeprefix(f"{folder / 'config.toml'}: ") for problem in caught.value.problems]


def test_the_example_loads_and_says_what_it_means() -> None:
    settings = load_settings(EXAMPLE, {})
    assert settings.database_url == f"sqlite:///{EXAMPLE.parent / 'ecp-sync.sqlite'}"
    (school,) = settings.schools
    assert (school.code, school.zone, school.page_size) == ("school-900", "Asia/Yekaterinburg", 1000)
    assert school.watch_from == date(2026, 9, 1)
    assert settings.intervals_of(school)[Stream.ATTENDANCE] == 120
    assert settings.intervals_of(school)[Stream.MARKS] == 300
    nightly, weekend = settings.schedule.blackouts
    assert (nightly.starts, nightly.ends, len(nightly.weekdays)) == (time(22, 30), time(23, 30), 7)
    assert (weekend.starts, weekend.ends, weekend.weekdays) == (time(0), time(6), frozenset({5, 6}))


def test_the_example_tours_every_key() -> None:
    """A key that the example does not show would be known to nobody."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for model in (Settings, Schedule, SchoolSettings):
        for name in model.model_fields:
            assert name in text
    for variable in ENVIRONMENT:
        assert variable in text


@pytest.mark.parametrize(
    ("text", "hour", "days"),
    [
        ("sun 03:00", 3, {6}),
        ("Mon, thu 02:30", 2, {0, 3}),
        ("23:00", 23, set(range(7))),
    ],
)
def test_the_moment_of_the_comparison(text: str, hour: int, days: set[int]) -> None:
    """Days and an hour, every day without days; «never» is no moment."""
    moment = Schedule(reconcile=text).comparison
    assert moment is not None
    assert (moment.at.hour, set(moment.weekdays)) == (hour, days)
    assert Schedule(reconcile="never").comparison is None
    assert Schedule().comparison is not None


def test_a_minimal_file_takes_the_defaults(tmp_path: Path) -> None:
    """Paths belong to the folder of the file."""
    settings = load(tmp_path, 'mappings_dir = "own"\n' + MINIMAL + 'ca_bundle = "ca.pem"')
    assert settings.database_url == f"sqlite:///{tmp_path / 'ecp-sync.sqlite'}"
    assert settings.mappings_dir == tmp_path / "own"
    assert settings.schools[0].ca_bundle == tmp_path / "ca.pem"
    assert settings.log_level == "info"
    assert settings.schedule.heartbeat == 2
    assert set(settings.intervals_of(settings.schools[0])) == set(Stream)


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        'log_level = "debug"\n' + MINIMAL,
        ECP_SYNC_LOG_LEVEL="warning",
        ECP_SYNC_DATABASE_URL="postgresql://u@h/d",
    )
    assert (settings.log_level, settings.database_url) == ("warning", "postgresql://u@h/d")


def test_a_secret_file_gives_the_database_url(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("postgresql://u:p@h/d\n")
    assert load(tmp_path, MINIMAL, ECP_SYNC_DATABASE_URL_FILE=str(secret)).database_url == "postgresql://u:p@h/d"
    (problem,) = problems(tmp_path, MINIMAL, ECP_SYNC_DATABASE_URL_FILE=str(tmp_path / "absent"))
    assert "ECP_SYNC_DATABASE_URL_FILE" in problem


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    """Each with its place and a remedy; misspelt keys with what was meant."""
    text = """
databse_url = "x"
log_level = "loud"
[schedule]
heartbeat = 0
blackouts = ["22:00", "son 10:00-11:00", "25:00-26:00"]
reconcile = "weekly"
[schedule.intervals]
mark = 5
[[schools]]
code = "Школа"
nmae = "x"
organization_id = "org"
base_url = "ftp://user:pass@host"
zone = "Asia/Ekaterinburg"
page_size = 5000
"""
    found = problems(tmp_path, text)
    expected = {
        "databse_url": "did you mean 'database_url'",
        "log_level": "'debug'",
        "schedule.heartbeat": "greater than 0",
        "schedule.reconcile": "a moment is written as 'sun 03:00'",
        "schedule.blackouts.0": "22:00-23:30",
        "schedule.blackouts.1": "unknown day 'son'",
        "schedule.blackouts.2": "hours go from",
        "schedule.intervals.mark": "did you mean 'marks'",
        "schools.0.code": "pattern",
        "schools.0.nmae": "did you mean 'name'",
        "schools.0.name": "is missing",
        "schools.0.base_url": "https://",
        "schools.0.zone": "did you mean 'Asia/Yekaterinburg'",
        "schools.0.page_size": "1000",
    }
    for place, remedy in expected.items():
        assert any(p.startswith(f"{place}:") and remedy in p for p in found), (place, found)
    assert len(found) == len(expected)


@pytest.mark.parametrize("url", ["mysql://u:geheim@h/d", "sqlite://", "geheim", "postgresql://"])
def test_a_wrong_database_url_is_named_and_not_repeated(tmp_path: Path, url: str) -> None:
    """It may hold a password."""
    (problem,) = problems(tmp_path, f'database_url = "{url}"\n' + MINIMAL)
    assert problem.startswith("database_url: expected sqlite:///")
    assert "geheim" not in problem


def test_two_schools_differ(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, MINIMAL + MINIMAL)
    assert "two schools have the same code" in problem


@pytest.mark.parametrize(
    ("text", "words"),
    [("[[schools]", "not valid TOML"), ("", "schools: is missing"), ("[school]", "written as [[schools]]")],
)
def test_a_file_without_schools_is_explained(tmp_path: Path, text: str, words: str) -> None:
    assert any(words in problem for problem in problems(tmp_path, text))


def test_an_unreadable_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ecp-sync init"):
        load_settings(tmp_path / "absent.toml", {})
    (tmp_path / "config.toml").write_bytes("# Школа".encode("cp1251"))
    with pytest.raises(ConfigError, match="UTF-8"):
        load_settings(tmp_path / "config.toml", {})


def test_the_example_is_plain_toml() -> None:
    assert set(tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))) == {
        "database_url",
        "log_level",
        "schedule",
        "guard",
        "limits",
        "schools",
        "web",
        "notify",
    }


def test_the_guard_of_the_example_is_the_default_one() -> None:
    """The tour shows what holds anyway; weeks without sense are refused with an example."""
    assert load_settings(EXAMPLE, {}).guard.limits() == Limits()
    assert Guard(rollover="").limits().rollover is None
    for weeks in ("25-15", "31.02-15.09", "Sept"):
        with pytest.raises(ValidationError, match=r"25\.08-15\.09"):
            Guard(rollover=weeks)
