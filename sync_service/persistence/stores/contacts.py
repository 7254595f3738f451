"""The people behind the roles that are told."""

from __future__ import annotations

from typing import Any

from sync_service.engine.ports import Contact, Role
from sync_service.persistence.schema import state
from sync_service.persistence.transactions import Transaction

_ALL = (
    "SELECT t.id, t.role, t.class_name, t.name, t.address FROM contacts AS t WHERE t.school_id = ? {conditions}"
    " ORDER BY t.role, t.class_name IS NOT NULL, t.class_name, t.name, t.id {limit}"
)
_RENAME = "UPDATE contacts SET name = ? WHERE school_id = ? AND id = ?"
_DROP = "DELETE FROM contacts WHERE school_id = ? AND id = ?"
_KNOWN = frozenset(Role)


class Contacts:
    """Other programs may write this table too; a role that is none of ours is nobody's and left alone."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def all(self) -> list[Contact]:
        return self._found()

    def put(self, contact: Contact) -> Contact:
        same = [
            one
            for one in self._found(("t.role = ?", contact.role.value), ("t.address = ?", contact.address))
            if one.class_name == contact.class_name
        ]
        if same:
            self._tx.run(_RENAME, contact.name, self._tx.school, same[0].contact_id)
            contact_id = same[0].contact_id
        else:
            row = (contact.role.value, contact.class_name, contact.name, contact.address)
            (contact_id,) = self._tx.insert_new(state.contacts, ("role", "class_name", "name", "address"), [row])
        (stored,) = self._found(("t.id = ?", contact_id))
        return stored

    def drop(self, contact_id: int) -> Contact | None:
        found = self._found(("t.id = ?", contact_id))
        if not found:
            return None
        self._tx.run(_DROP, self._tx.school, contact_id)
        return found[0]

    def _found(self, *filters: tuple[str, Any]) -> list[Contact]:
        return [
            Contact(contact_id=int(number), role=Role(role), class_name=class_name, name=name, address=address)
            for number, role, class_name, name, address in self._tx.search(_ALL, *filters)
            if role in _KNOWN
        ]
