"""An office on a fresh SQLite database."""

from __future__ import annotations

import pytest

from tests.databases import SchoolDatabase
from tests.unit.importing.office import Office
from tests.unit.importing.office import office as open_office


@pytest.fixture
def office(sqlite_database: SchoolDatabase) -> Office:
    return open_office(sqlite_database.database, sqlite_database.school)
