"""How the demo is put on stage: what goes where, when it ends, and with which code."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sync_service.config import load_settings
from sync_service.demo import installation, narrator, run_demo, show
from sync_service.demo.region import Region
from sync_service.demo.story import Story
from sync_service.domain.errors import AlreadyRunning, ConfigError
from sync_service.domain.reports import RunReport
from tests.unit.demo.stage import Today, small_region

DAY = date(2026, 11, 20)


def told(folder: Path, **options: Any) -> int:
    """A small demo, on an ordinary day, in a folder below ``folder``."""
    given = {"once": True, "as_json": False, "workdir": folder / "demo", **options}
    return run_demo(clock=Today(DAY), population="small", **given)


def test_with_json_standard_output_is_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The document goes to standard output, the story to standard error; both sides agree: 0."""
    assert told(tmp_path, as_json=True) == 0
    captured = capsys.readouterr()
    assert set(json.loads(captured.out)) == {"report", "story", "totals"}
    assert "Первая синхронизация" in captured.err


def test_without_json_the_story_is_told_in_russian(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Plain lines on a pipe: the steps, what to look at, and no control sequences."""
    assert told(tmp_path) == 0
    captured = capsys.readouterr()
    for words in ("Секретарь загружает файлы", "Директору:", "Стороны согласны", "conflicts list", "releases list"):
        assert words in captured.out
    assert "\x1b" not in captured.out
    assert captured.err == ""


def test_disagreement_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A regional record that changes behind the last cycle is found by the comparison: exit code 1."""
    settle = Story._sync

    def disturbed(story: Story) -> RunReport:
        report = settle(story)
        if len(story.steps) == 7:
            story.region.edit("students", story.cast.enrolled[0].student_id or "", {"email": "late@example.ru"})
        return report

    monkeypatch.setattr(Story, "_sync", disturbed)
    assert told(tmp_path) == 1
    assert "Стороны разошлись" in capsys.readouterr().out


def test_settings_of_the_environment_are_not_for_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database named for a real installation is never touched."""
    real = tmp_path / "real.sqlite"
    monkeypatch.setenv("ECP_SYNC_DATABASE_URL", f"sqlite:///{real}")
    assert told(tmp_path) == 0
    assert not real.exists()
    assert (tmp_path / "demo" / "ecp-sync.sqlite").exists()


def test_folder_in_use_is_refused(tmp_path: Path) -> None:
    """A demo never writes into a folder that holds anything; nor where it may not."""
    (tmp_path / "config.toml").write_text("# somebody's settings")
    with pytest.raises(ConfigError, match="not empty"):
        installation.prepare_folder(tmp_path)
    with pytest.raises(ConfigError, match="another folder"):
        installation.prepare_folder(tmp_path / "config.toml")
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_default_folder_is_temporary_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder the demo makes one that only its user may read."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = installation.prepare_folder(None)
    assert folder.parent == tmp_path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    made = installation.prepare_folder(tmp_path / "new" / "deep")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_configuration_is_one_that_a_person_could_go_on_with(tmp_path: Path) -> None:
    """The file loads: the region's address, its school, a database beside the file."""
    with small_region(DAY) as region:
        config = installation.write_config(tmp_path, region, zone=show.ZONE, watch_from=date(2026, 9, 1))
        settings = load_settings(config, environment={})
        (school,) = settings.schools
        assert (school.base_url, school.organization_id, school.name) == (
            region.url,
            region.organization_id,
            region.name,
        )
    assert settings.database_url == f"sqlite:///{tmp_path.as_posix()}/ecp-sync.sqlite"
    assert school.watch_from == date(2026, 9, 1)


class Visitor(threading.Event):
    """Stands in place of the pause between cycles: acts before each cycle, and stops the demo at the end."""

    story: Story

    def __init__(self, *acts: Callable[[Story], None]) -> None:
        super().__init__()
        self._acts = list(acts)

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout == show.INTERVAL
        if not self._acts:
            return True
        self._acts.pop(0)(self.story)
        return False


def test_staying_up_goes_on_synchronising_until_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --once cycles go on: a release is noticed, a busy database is passed over, then it ends with 0."""

    def release(story: Story) -> None:
        story.region.release(story.cast.never_released.person_id or "")

    def be_busy(story: Story) -> None:
        sync = story.service.sync

        def busy(*_: Any, **__: Any) -> RunReport:
            monkeypatch.setattr(story.service, "sync", sync)
            raise AlreadyRunning("marks: another run holds the stream")

        monkeypatch.setattr(story.service, "sync", busy)

    visitor = Visitor(release, be_busy, lambda _: None)
    stay_up = show._stay_up

    def observed(story: Story, told_by: narrator.Narrator, stop: threading.Event) -> None:
        visitor.story = story
        stay_up(story, told_by, stop)

    monkeypatch.setattr(show, "_stay_up", observed)
    assert told(tmp_path, once=False, stop=visitor) == 0
    out = capsys.readouterr().out
    assert "зачислено 1" in out
    assert "Цикл пропущен" in out
    assert "curl -X POST http://127.0.0.1:" in out


def test_region_is_gone_when_the_demo_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread and no port is left behind, also when the story breaks off."""
    closed: list[str] = []
    close = Region.close

    def noticed(region: Region) -> None:
        closed.append(region.url)
        close(region)

    def broken(_story: Story) -> None:
        raise AlreadyRunning("in the middle")

    monkeypatch.setattr(Region, "close", noticed)
    monkeypatch.setattr(Story, "first_sync", broken)
    before = threading.active_count()
    with pytest.raises(AlreadyRunning):
        told(tmp_path)
    assert len(closed) == 1
    assert threading.active_count() == before


def test_narrator_shows_texts_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """What looks like markup is no markup; figures that are zero are not shown; a command is never wrapped."""
    teller = narrator.Narrator()
    teller.say("[bold]не разметка[/bold]")
    teller.figures({"есть": 5, "нет": 0})
    teller.command("x" * 500)
    out = capsys.readouterr().out
    assert "[bold]не разметка[/bold]" in out
    assert "есть" in out
    assert "нет" not in out
    assert "x" * 500 in out
