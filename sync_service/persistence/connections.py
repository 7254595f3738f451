"""The region's token pair of each school.

The refresh token dies with its first use, so a new pair is stored in one transaction before it is used
(DESIGN.md 6). Tokens live in the database file: it is as confidential as the records in it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, insert, select, update

from sync_service.domain.links import SchoolId
from sync_service.persistence.engine import connected
from sync_service.persistence.moments import stamp
from sync_service.persistence.schema.state import connections

OK = "ok"
LOGIN_NEEDED = "login_needed"


class ConnectionStore:
    """Tokens and state of one school's connection; own short transactions."""

    def __init__(self, engine: Engine, school: SchoolId) -> None:
        self._engine = engine
        self._school = school

    def load(self) -> tuple[str | None, str] | None:
        """(access, refresh); access is None until the first refresh; None when nobody has logged in."""
        with connected(self._engine, writing=False) as connection:
            row = connection.execute(
                select(connections.c.access_token, connections.c.refresh_token).where(
                    connections.c.school_id == self._school
                )
            ).one_or_none()
        return None if row is None else (row[0], row[1])

    def save(self, access: str | None, refresh: str) -> None:
        """Replace the pair; durable when this returns. The state becomes «ok»."""
        with connected(self._engine, writing=True) as connection:
            connection.execute(delete(connections).where(connections.c.school_id == self._school))
            connection.execute(insert(connections).values(school_id=self._school, **_pair(access, refresh)))
            connection.commit()

    def replace(self, access: str | None, refresh: str, *, former: str) -> bool:
        """The same, if the pair with the refresh token ``former`` is still there; else False, and nothing changes."""
        mine = (connections.c.school_id == self._school) & (connections.c.refresh_token == former)
        with connected(self._engine, writing=True) as connection:
            replaced = connection.execute(update(connections).where(mine).values(**_pair(access, refresh))).rowcount
            connection.commit()
        return bool(replaced)

    def state(self) -> str:
        """``ok``, ``login_needed`` or ``unknown``."""
        with connected(self._engine, writing=False) as connection:
            found = connection.execute(
                select(connections.c.state).where(connections.c.school_id == self._school)
            ).scalar()
        return found or "unknown"

    def reject(self, refused: Collection[str]) -> None:
        """Remember that the region rejected the pair, if its refresh token is one of the ``refused`` ones."""
        theirs = (connections.c.school_id == self._school) & connections.c.refresh_token.in_(refused)
        with connected(self._engine, writing=True) as connection:
            connection.execute(
                update(connections).where(theirs).values(state=LOGIN_NEEDED, updated_at=stamp(datetime.now(UTC)))
            )
            connection.commit()


def _pair(access: str | None, refresh: str) -> dict[str, str | None]:
    return {
        "access_token": access,
        "refresh_token": refresh,
        "state": OK,
        "updated_at": stamp(datetime.now(UTC)),
    }
