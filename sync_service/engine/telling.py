"""Tell people what was written down for them: after the commit, and again when a crash came in between.

What the notifier does not deliver at once stays untold; its courier notes the arrival (:func:`note_arrival`).
"""

from __future__ import annotations

from collections.abc import Sequence

from sync_service.engine.context import Cycle, School
from sync_service.engine.ports import Notification
from sync_service.engine.stores import Database


def tell_people(cycle: Cycle) -> None:
    """Pass on every notification nobody has been told of yet. One may be told twice, none is lost."""
    waiting = untold(cycle.db, cycle.school)
    if not waiting:
        return
    cycle.check_lease()
    told = [n.key for n, addresses in waiting if cycle.notifier.tell(cycle.school.code, n, addresses)]
    if not told:
        return
    with cycle.write() as uow:
        uow.notifications.told(told)
        cycle.probe("telling.before_commit")
        uow.commit()


def untold(db: Database, school: School) -> list[tuple[Notification, list[str]]]:
    """Messages nobody has been told of yet, oldest first, with the addresses of those they are for."""
    with db.read(school.school_id) as uow:
        waiting = uow.notifications.untold()
        people = {(n.role.value, n.class_name) for n in waiting}
        addresses = {key: uow.notifications.contacts(*key) for key in people}
    return [(n, addresses[n.role.value, n.class_name]) for n in waiting]


def note_arrival(db: Database, school: School, keys: Sequence[str]) -> None:
    """These have been told."""
    with db.write(school.school_id) as uow:
        uow.notifications.told(keys)
        uow.commit()
