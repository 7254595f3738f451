"""A damaged database file is refused as such: the run ends, nothing is sent, doctor says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from sync_service.cli.failures import of_sync_error
from sync_service.domain.errors import DatabaseDamaged
from sync_service.persistence import open_database
from sync_service.persistence.health import damage
from tests.databases import SqliteTemplate

PAGE = 4096


def test_a_damaged_page_is_named_and_refused(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    """Sound first; then the first page of the schema is overwritten: open refuses with the next step."""
    url = sqlite_template.copy(tmp_path)
    database = open_database(url)
    assert damage(database.engine) is None
    database.close()
    with Path(str(make_url(url).database)).open("r+b") as file:
        file.write(b"\xff" * PAGE)
    with pytest.raises(DatabaseDamaged) as refused:
        open_database(url)
    failure = of_sync_error(refused.value)
    assert (int(failure.code), "резервную копию" in failure.message) == (1, True)


def test_doctor_finds_what_no_run_has_read(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    """An index of marks that no opening touches."""
    url = sqlite_template.copy(tmp_path)
    database = open_database(url)
    find = text("SELECT rootpage FROM sqlite_master WHERE type = 'index' AND tbl_name = 'marks' LIMIT 1")
    with database.engine.connect() as connection:
        page = int(connection.execute(find).scalar_one())
    database.close()
    with Path(str(make_url(url).database)).open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xff" * PAGE)
    database = open_database(url)
    assert damage(database.engine) is not None
    database.close()
