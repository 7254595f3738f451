"""Files between their preview and their import; own short transactions."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Engine, delete, insert, select

from sync_service.domain.links import SchoolId
from sync_service.persistence.engine import connected
from sync_service.persistence.moments import stamp
from sync_service.persistence.schema.people import uploads

KEPT_FOR = timedelta(hours=1)


class Uploads:
    """Kept in the database, which is as confidential as what is in them, and for an hour at most."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def keep(self, school: SchoolId, content: bytes, *, file_name: str, by: str) -> str:
        """A token that only this person can use."""
        token, now = secrets.token_urlsafe(24), self._now()
        with connected(self._engine, writing=True) as connection:
            connection.execute(delete(uploads).where(self._outlived()))
            connection.execute(
                insert(uploads).values(
                    token=token,
                    school_id=school,
                    file_name=file_name,
                    uploaded_by=by,
                    uploaded_at=stamp(now),
                    content=content,
                )
            )
            connection.commit()
        return token

    def get(self, school: SchoolId, token: str, *, by: str) -> tuple[str, bytes] | None:
        """(file name, content); None when it is gone, or somebody else's."""
        mine = (uploads.c.token == token) & (uploads.c.school_id == school) & (uploads.c.uploaded_by == by)
        fresh = uploads.c.uploaded_at >= stamp(self._now() - KEPT_FOR)
        with connected(self._engine, writing=False) as connection:
            row = connection.execute(select(uploads.c.file_name, uploads.c.content).where(mine & fresh)).one_or_none()
        return None if row is None else (row[0], bytes(row[1]))

    def drop_outlived(self) -> int:
        """Files nobody came back for, of every school; how many."""
        with connected(self._engine, writing=True) as connection:
            gone = connection.execute(delete(uploads).where(self._outlived())).rowcount
            connection.commit()
        return int(gone)

    def _outlived(self) -> ColumnElement[bool]:
        return uploads.c.uploaded_at < stamp(self._now() - KEPT_FOR)

    def drop(self, school: SchoolId, token: str) -> None:
        with connected(self._engine, writing=True) as connection:
            connection.execute(delete(uploads).where(uploads.c.token == token, uploads.c.school_id == school))
            connection.commit()
