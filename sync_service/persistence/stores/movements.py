"""The book of movement, page by page."""

from __future__ import annotations

from sync_service.domain.links import LocalId
from sync_service.engine.stores import MovementFilter
from sync_service.persistence.stores.staging import StagingRows

_LINES = (
    "SELECT t.id FROM movements AS t WHERE t.school_id = ? {conditions}"
    " ORDER BY t.date DESC, t.id DESC LIMIT ? OFFSET ?"
)
_COUNT = "SELECT count(*) FROM movements AS t WHERE t.school_id = ? {conditions}"


class MovementBook(StagingRows):
    """Lines of «Движение учащихся» by kind, day and class."""

    def movements(self, wanted: MovementFilter, *, limit: int, offset: int = 0) -> tuple[list[LocalId], int]:
        conditions: list[str] = []
        params: list[str | int] = []
        for condition, value in (
            ("t.kind = ?", wanted.kind),
            ("t.date >= ?", wanted.first),
            ("t.date <= ?", wanted.last),
            ("? IN (t.class_from_id, t.class_to_id)", wanted.class_id),
        ):
            if value is not None:
                conditions.append(f"AND {condition}")
                params.append(value)
        words = " ".join(conditions)
        rows = self._tx.query(_LINES, self._tx.school, *params, limit, offset, conditions=words)
        ((total,),) = self._tx.query(_COUNT, self._tx.school, *params, conditions=words)
        return [LocalId(i) for (i,) in rows], int(total)
