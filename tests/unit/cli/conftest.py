from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.office import CONFIG, Office, Region


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Office:
    """A school that has logged in, with an empty database and a region in memory."""
    made = Office(folder=tmp_path, region=Region(), capsys=capsys, monkeypatch=monkeypatch)
    made.settle_in()
    made.write_config(CONFIG)
    made.must("migrate")
    made.type_in("good-token")
    made.must("connection", "login")
    return made


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Office:
    """A folder without anything in it."""
    made = Office(folder=tmp_path, region=Region(), capsys=capsys, monkeypatch=monkeypatch)
    made.settle_in()
    return made
