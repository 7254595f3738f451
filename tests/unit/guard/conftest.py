from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import PostgresServer, SqliteTemplate
from tests.unit.engine.world import World, build


@pytest.fixture
def world(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[World]:
    """The guard decides alike on both databases; what its stores do is tested on each."""
    made = build(sqlite_template.copy(tmp_path))
    yield made
    made.db.close()


@pytest.fixture
def postgres_world(postgres_server: PostgresServer) -> Iterator[World]:
    with postgres_server.copy() as url:
        made = build(url)
        yield made
        made.db.close()
