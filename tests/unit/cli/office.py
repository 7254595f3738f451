"""The command line on a real database against a region in memory."""

from __future__ import annotations

import io
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import connectors
from connectors.auth import Tokens, TokenStore
from connectors.memory import MemoryRemote
from sync_service.cli.app import run
from sync_service.clock import SystemClock
from sync_service.domain.errors import LoginNeeded
from sync_service.domain.links import RemoteId
from sync_service.domain.streams import Stream
from sync_service.engine.ports import ChangeVersions
from tests.unit.engine.world import PUPIL, furnish

CONFIG = """\
database_url = "sqlite:///school.sqlite"

[[schools]]
code = "school-900"
name = "Школа № 900"
organization_id = "school-1"
base_url = "http://127.0.0.1:9/api"
"""

SECOND_SCHOOL = """
[[schools]]
code = "school-901"
name = "Школа № 901"
organization_id = "school-2"
base_url = "http://127.0.0.1:9/api"
"""


class Region(MemoryRemote):
    """A region that wants a token; what it holds outlives the commands that ask it."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.tokens: TokenStore | None = None

    def connect(self, _settings: Mapping[str, Any], *, tokens: TokenStore, **_: object) -> Region:
        """What a connector's factory does."""
        self.tokens = tokens
        return self

    def change_versions(self) -> ChangeVersions:
        pair = self.tokens.load() if self.tokens else None
        if pair is None:
            raise LoginNeeded("no regional token is stored; a person must enter one")
        if pair.refresh.startswith("bad"):
            raise LoginNeeded("the region rejected the stored token; a person must enter a new one")
        versions = super().change_versions()
        if self.tokens is not None and pair.access is None:
            self.tokens.save(Tokens(access="access", refresh=f"{pair.refresh}-next"), made_from=pair.refresh)
        return versions


@dataclass(slots=True)
class Office:
    """A folder in which commands run, and the region they speak to."""

    folder: Path
    region: Region
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    said: str = ""
    told: str = ""  # on standard error

    def settle_in(self) -> None:
        self.monkeypatch.chdir(self.folder)
        for name in list(os.environ):
            if name.startswith("ECP_SYNC_"):
                self.monkeypatch.delenv(name)
        self.monkeypatch.setattr(connectors, "CONNECTORS", {"ecp": self.region.connect})
        self.type_in("")

    def write_config(self, text: str) -> None:
        (self.folder / "config.toml").write_text(text, encoding="utf-8")

    def type_in(self, text: str) -> None:
        """What the next command finds on standard input."""
        self.monkeypatch.setattr("sys.stdin", io.StringIO(text))

    def run(self, *line: str) -> int:
        """One command line; its words are kept."""
        self.capsys.readouterr()
        code = run(line)
        self.said, self.told = self.capsys.readouterr()
        return code

    def must(self, *line: str) -> str:
        """A command that succeeds; what it said."""
        assert self.run(*line) == 0, self.said + self.told
        return self.said

    def json(self, *line: str, code: int = 0) -> Any:
        """The document of a command that ends with ``code``."""
        found = self.run(*line, "--json")
        assert found == code, f"exit code {found}: {self.said}{self.told}"
        return json.loads(self.said)

    # another program that writes SQL

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "school.sqlite")) as connection, connection:
            return connection.execute(statement, values).fetchall()

    # scenes

    def agreed(self) -> RemoteId:
        """One pupil, known to both sides."""
        yesterday = (self.region.clock.now() - timedelta(days=1)).date().isoformat()
        furnish(self.region, dates=(yesterday,))
        pupil = self.region.create(Stream.STUDENTS, dict(PUPIL))
        self.must("sync")
        return pupil

    def clashing(self) -> int:
        """Birth date and address were changed on both sides; the number of the conflict."""
        self.agreed()
        return self.clashing_again()

    def clashing_again(self) -> int:
        """The same for a pupil both sides know already."""
        (pupil,) = self.region.records(Stream.STUDENTS)
        self.sql("UPDATE students SET birth_date = '2012-06-11', address = 'ул. Мира, 1'")
        self.region.edit(Stream.STUDENTS, pupil, birth_date="2012-07-11", address="ул. Мира, 2")
        assert self.run("sync") == 3, self.said + self.told
        (row,) = self.json("conflicts", "list")
        return int(row["id"])

    def card(self) -> dict[str, Any]:
        """The pupil as the region has it."""
        (values,) = self.region.records(Stream.STUDENTS).values()
        return values
