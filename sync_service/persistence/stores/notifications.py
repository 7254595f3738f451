"""Messages to people, each stored once by its key, and who the people are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sync_service.engine.ports import Notification, Role
from sync_service.persistence.moments import moment, stamp
from sync_service.persistence.schema import state
from sync_service.persistence.transactions import Transaction

_KNOWN = "SELECT key FROM notifications WHERE school_id = ? AND key {texts}"
_UNTOLD = (
    "SELECT t.created_at, t.key, t.role, t.subject, t.body, t.class_name, t.severity, t.discreet"
    " FROM notifications AS t"
    " WHERE t.school_id = ? AND t.told_at IS NULL ORDER BY t.id"
)
_TOLD = "UPDATE notifications SET told_at = ? WHERE school_id = ? AND key {texts}"
_CONTACTS = "SELECT t.address FROM contacts AS t WHERE t.school_id = ? {conditions} ORDER BY t.id {limit}"
_LATEST = (
    "SELECT t.created_at, t.key, t.role, t.subject, t.body, t.class_name, t.severity, t.discreet"
    " FROM notifications AS t"
    " WHERE t.school_id = ? {conditions} ORDER BY t.id DESC {limit}"
)


def _notification(row: Sequence[Any]) -> tuple[datetime, Notification]:
    at, key, role, subject, body, class_name, severity, discreet = row
    return moment(at), Notification(
        key=key,
        role=Role(role),
        subject=subject,
        text=body,
        class_name=class_name,
        severity=severity,
        discreet=discreet,
    )


class Notifications:
    """A repeat of a key is recognised and not told again."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def add(self, notifications: Sequence[Notification]) -> list[Notification]:
        first: dict[str, Notification] = {}
        for n in notifications:
            first.setdefault(n.key, n)
        if not first:
            return []
        known = {key for (key,) in self._tx.query(_KNOWN, self._tx.school, list(first))}
        fresh = [n for key, n in first.items() if key not in known]
        now = stamp(self._tx.now())
        self._tx.insert_new(
            state.notifications,
            ("key", "role", "subject", "body", "class_name", "severity", "discreet", "created_at"),
            [(n.key, n.role.value, n.subject, n.text, n.class_name, n.severity, n.discreet, now) for n in fresh],
            "ON CONFLICT (key, school_id) DO NOTHING",  # another run may be telling the same right now
        )
        return fresh

    def contacts(self, role: str, class_name: str | None) -> list[str]:
        rows = self._tx.search(_CONTACTS, ("t.role = ?", str(role)), ("t.class_name = ?", class_name))
        return [address for (address,) in rows]

    def untold(self) -> list[Notification]:
        return [_notification(row)[1] for row in self._tx.query(_UNTOLD, self._tx.school)]

    def told(self, keys: Iterable[str]) -> None:
        if listed := list(keys):
            self._tx.run(_TOLD, stamp(self._tx.now()), self._tx.school, listed)

    def latest(self, limit: int = 100) -> list[tuple[datetime, Notification]]:
        return [_notification(row) for row in self._tx.search(_LATEST, limit=limit)]
