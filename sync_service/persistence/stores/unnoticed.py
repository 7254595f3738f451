"""Rows that differ from what was last agreed although nobody noted a change: found by the database itself.

A trigger that was missing for a while, a table that was restored from a copy. Each column is compared as text with
the same field of the base, NULL being equal to NULL (IS NOT on SQLite, IS DISTINCT FROM on PostgreSQL; EXCEPT over
both sides costs several times as much). What is found is a suspicion only: a row may write a value otherwise than
its canonical form does («8 (912) …» for a phone), and capture, which knows the forms, then finds nothing to do.
"""

from __future__ import annotations

from functools import cache

from sync_service.domain.links import LocalId
from sync_service.domain.streams import SPECS, Stream
from sync_service.persistence.transactions import Transaction

_ON_THE_WAY = (
    "AND {id} NOT IN (SELECT o.local_id FROM outbox AS o WHERE o.school_id = ? AND o.stream = ?)"
    " AND {id} NOT IN (SELECT c.local_id FROM changes AS c WHERE c.school_id = ? AND c.stream = ?)"
    " AND {id} NOT IN (SELECT q.local_id FROM quarantine AS q WHERE q.school_id = ? AND q.stream = ?"
    " AND q.direction = 'push' AND q.local_id IS NOT NULL)"
)
_EDITED = (
    "SELECT t.id FROM {table} AS t LEFT JOIN links AS l ON l.local_id = t.id AND l.stream = ?"
    " AND l.school_id = t.school_id AND l.state = 'live' {bases}"
    " WHERE t.school_id = ? AND t.id > ? AND ({unlinked} OR (l.id IS NOT NULL AND ({differs})))"
    " {on_the_way} ORDER BY t.id LIMIT ?"
)
_GONE = (
    "SELECT l.local_id FROM links AS l WHERE l.school_id = ? AND l.stream = ? AND l.state = 'live'"
    " AND l.local_id > ? AND NOT EXISTS (SELECT 1 FROM {table} AS t WHERE t.id = l.local_id"
    " AND t.school_id = l.school_id)"
    " {on_the_way} ORDER BY l.local_id LIMIT ?"
)


@cache
def _comparison(stream: Stream, engine: str) -> tuple[str, str]:
    """The source of the base's fields, and the condition that one of them differs from its column."""
    names = SPECS[stream].fields
    if engine == "sqlite":
        parts = [f"""json_extract(l.base_local, '$.{name}') IS NOT t."{name}\"""" for name in names]
        return "", " OR ".join(parts)
    columns = ", ".join(f'"{name}" text' for name in names)
    parts = [f'b."{name}" IS DISTINCT FROM t."{name}"::text' for name in names]
    return f"LEFT JOIN LATERAL json_to_record(l.base_local::json) AS b({columns}) ON true", " OR ".join(parts)


def edited(tx: Transaction, stream: Stream, *, after: LocalId, limit: int) -> list[LocalId]:
    """Rows that differ from their base, and rows that have neither a link nor anything on the way.

    A pupil without a link is no suspicion: the release watch looks for such cards itself.
    """
    bases, differs = _comparison(stream, tx.dialect.name)
    name, school = stream.value, tx.school
    rows = tx.query(
        _EDITED,
        name,
        school,
        after,
        *(school, name) * 3,
        limit,
        table=name,
        bases=bases,
        differs=differs,
        unlinked="1 = 0" if stream is Stream.STUDENTS else "l.id IS NULL",
        id="t.id",
        on_the_way=_ON_THE_WAY,
    )
    return [LocalId(i) for (i,) in rows]


def gone(tx: Transaction, stream: Stream, *, after: LocalId, limit: int) -> list[LocalId]:
    """Local ids of live links whose row is no longer there."""
    name, school = stream.value, tx.school
    rows = tx.query(
        _GONE, school, name, after, *(school, name) * 3, limit, table=name, id="l.local_id", on_the_way=_ON_THE_WAY
    )
    return [LocalId(i) for (i,) in rows]
