"""What the daemon throws away by itself: previews nobody will come back to. They hold values of pupils.

Records, decisions, runs and the journal are not its business: they stay until a person erases them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from sync_service.engine.context import School
    from sync_service.engine.ports import Clock
    from sync_service.engine.stores import Database
    from sync_service.persistence.uploads import Uploads

TIDY_SECONDS = 3600.0  # between two rounds
UNUSED_PLANS_FOR = timedelta(days=7)  # it could be applied for half an hour
PLANS_FOR = timedelta(days=90)  # of those that were applied: what was written also stands in the journal
ITEMS_AT_ONCE = 5000  # of a plan, in one transaction: others write meanwhile


class Housekeeper:
    """One round an hour for each school."""

    def __init__(self, db: Database, clock: Clock, uploads: Uploads) -> None:
        self._db = db
        self._clock = clock
        self._uploads = uploads
        self._tidied_at: dict[str, float] = {}

    def tidy(self, school: School) -> None:
        """Drop what has outlived its use, and say in the log how much that was."""
        now = self._clock.monotonic()
        if now - self._tidied_at.get(school.code, -TIDY_SECONDS) < TIDY_SECONDS:
            return
        self._tidied_at[school.code] = now
        plans, uploads = self._drop_plans(school), self._uploads.drop_outlived()
        if plans or uploads:
            structlog.get_logger().info("old_previews_dropped", school=school.code, plans=plans, uploads=uploads)

    def _drop_plans(self, school: School) -> int:
        now = self._clock.now()
        with self._db.read(school.school_id) as uow:
            old = uow.plans.outlived(begun_before=now - PLANS_FOR, made_before=now - UNUSED_PLANS_FOR)
        for plan_id in old:
            gone = False
            while not gone:
                with self._db.write(school.school_id) as uow:
                    gone = uow.plans.drop(plan_id, most=ITEMS_AT_ONCE)
                    uow.commit()
        return len(old)
