"""Short forms of the statements about kills at commits and at random moments."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.agreement import Portrait
from tests.databases import PostgresServer, SqliteTemplate
from tests.simulation.crash_statements import killed_at_commits
from tests.simulation.databases import Databases
from tests.simulation.soak_statements import killed_at_random


def test_killed_at_a_commit(
    agreed: Path,
    expected: Portrait,
    sqlite_template: SqliteTemplate,
    postgres_server: PostgresServer,
    tmp_path: Path,
) -> None:
    """A run on SQLite, and an upgrade on both databases before its commit (RELIABILITY 9; 3 kills)."""
    databases = Databases(sqlite_template, postgres_server)
    assert killed_at_commits(agreed, expected, tmp_path, databases, 1).startswith("3 kills at 3 points")


def test_killed_at_random_moments(agreed: Path, tmp_path: Path) -> None:
    """Nothing is lost or doubled (RELIABILITY 10; 2 kills)."""
    assert killed_at_random(agreed, tmp_path, 2).startswith("2 kills")
