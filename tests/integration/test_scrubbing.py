"""Whose database it is: PostgreSQL passes what is somebody else's by with a mere warning, and we say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy.engine import make_url

from sync_service.persistence.engine import create
from sync_service.persistence.schema import metadata
from sync_service.persistence.scrubbing import scrub
from tests.databases import SchoolDatabase


@contextmanager
def somebody(database: SchoolDatabase) -> Iterator[str]:
    """A role that owns nothing yet."""
    role = f"somebody_{uuid4().hex[:8]}"
    database.sql(f"CREATE ROLE {role} LOGIN")
    try:
        yield role
    finally:
        database.sql(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
        database.sql(f"DROP OWNED BY {role}")
        database.sql(f"DROP ROLE {role}")


def test_freed_space_is_overwritten_by_the_owner_of_tables_and_database_alone(
    postgres_database: SchoolDatabase,
) -> None:
    """The statistics with samples of former values belong to the owner of the database."""
    database = postgres_database
    with somebody(database) as role:
        url = make_url(database.url).set(username=role).render_as_string(hide_password=False)
        engine = create(url)
        try:
            assert scrub(engine) is False
            for table in metadata.sorted_tables:
                database.sql(f"ALTER TABLE {table.name} OWNER TO {role}")
            assert scrub(engine) is False
            database.sql(f"ALTER DATABASE {make_url(database.url).database} OWNER TO {role}")
            assert scrub(engine) is True
        finally:
            engine.dispose()
