"""Tell people what was written down for them: after the commit, and again when a crash came in between."""

from __future__ import annotations

from sync_service.engine.context import Cycle


def tell_people(cycle: Cycle) -> None:
    """Pass on every notification nobody has been told of yet. One may be told twice, none is lost."""
    with cycle.read() as uow:
        waiting = uow.notifications.untold()
        contacts = [uow.notifications.contacts(n.role.value, n.class_name) for n in waiting]
    if not waiting:
        return
    cycle.check_lease()
    for notification, addresses in zip(waiting, contacts, strict=True):
        cycle.notifier.tell(cycle.school.code, notification, addresses)
    with cycle.write() as uow:
        uow.notifications.told([notification.key for notification in waiting])
        cycle.probe("telling.before_commit")
        uow.commit()
