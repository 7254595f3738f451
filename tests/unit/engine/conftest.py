from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import PostgresServer, SqliteTemplate
from tests.unit.engine.world import World, build


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[World]:
    """The engine's tests run once on each database."""
    if request.param == "sqlite":
        made = build(sqlite_template.copy(tmp_path))
        yield made
        made.db.close()
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.copy() as url:
        made = build(url)
        yield made
        made.db.close()
