"""Whom to tell: the people behind the roles, entered, shown and removed by an administrator.

An address is personal data of an employee: it is shown in part until somebody asks for it, which is journalled. The
journal itself names the number of the contact and its role alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sync_service.domain.audit import Act, AuditEntry
from sync_service.domain.errors import DecisionError
from sync_service.domain.rules import class_names
from sync_service.domain.rules.outcome import Refused
from sync_service.domain.rules.text import squeeze
from sync_service.engine.context import School
from sync_service.engine.decisions import Desk, not_found
from sync_service.engine.ports import Contact, Role
from sync_service.engine.queries_masks import masked_address
from sync_service.engine.stores import Database

LONGEST = 200  # signs of a name or an address

ROLES = {
    Role.DIRECTOR: "директор",
    Role.DEPUTY_HEAD: "завуч",
    Role.CLASS_TEACHER: "классный руководитель",
    Role.SECRETARY: "секретарь",
    Role.ADMIN: "администратор",
}
WRONG = {
    "role": "Выберите, кто это: роль определяет, о чём сообщать.",
    "name": "Укажите фамилию и инициалы.",
    "address": "Укажите адрес одним словом: почту, телефон или имя в мессенджере.",
    "channel": "Это адрес канала: он содержит пароль и стоит в настройках, не здесь.",
    "no class": "Класс указывают только классному руководителю.",
    "class": "Укажите класс: классному руководителю сообщают о его учениках.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRow:
    """One line of the list. ``address`` is shown in part unless it was asked for."""

    id: int
    role: str
    class_name: str | None
    name: str
    address: str


def contact_rows(db: Database, school: School) -> list[ContactRow]:
    """Everybody, by role, class and name, with masked addresses."""
    with db.read(school.school_id) as uow:
        return [row_of(contact, masked=True) for contact in uow.contacts.all()]


def contacts_in_full(desk: Desk) -> list[ContactRow]:
    """The same with whole addresses; that somebody asked for them is in the journal first."""
    with desk.db.write(desk.school.school_id) as uow:
        found = uow.contacts.all()
        uow.audit.append([AuditEntry(act=Act.VIEW.value, actor=desk.actor, cause="contacts:unmask")])
        uow.commit()
    return [row_of(contact, masked=False) for contact in found]


def row_of(contact: Contact, *, masked: bool) -> ContactRow:
    return ContactRow(
        id=contact.contact_id,
        role=contact.role.value,
        class_name=contact.class_name,
        name=contact.name,
        address=masked_address(contact.address) if masked else contact.address,
    )


def set_contact(desk: Desk, *, role: str, name: str, address: str, class_name: str | None = None) -> Contact:
    """Somebody is told from now on; the same role, class and address again changes the name.

    Raises DecisionError for what cannot be told anything.
    """
    contact = _contact(role, squeeze(name), address.strip(), squeeze(class_name or ""))
    with desk.db.write(desk.school.school_id) as uow:
        stored = uow.contacts.put(contact)
        _note(desk, uow.audit.append, stored, "set")
        uow.commit()
    return stored


def remove_contact(desk: Desk, contact_id: int) -> Contact:
    """Nobody is told there any more. Raises NoSuchCase when the number is nobody's."""
    with desk.db.write(desk.school.school_id) as uow:
        gone = uow.contacts.drop(contact_id)
        if gone is None:
            raise not_found("Адрес", contact_id)
        _note(desk, uow.audit.append, gone, "removed")
        uow.commit()
    return gone


def _note(desk: Desk, append: Callable[[Sequence[AuditEntry]], None], contact: Contact, what: str) -> None:
    note = f"{what}: {contact.role.value}"
    append([AuditEntry(act=Act.CONFIGURE.value, actor=desk.actor, cause=f"contact:{contact.contact_id}", note=note)])


def _contact(role: str, name: str, address: str, class_name: str) -> Contact:
    try:
        meant = Role(role)
    except ValueError:
        raise DecisionError(WRONG["role"]) from None
    if not 1 <= len(name) <= LONGEST:
        raise DecisionError(WRONG["name"])
    if not 3 <= len(address) <= LONGEST or not address.isprintable() or " " in address:
        raise DecisionError(WRONG["address"])
    if "://" in address:
        raise DecisionError(WRONG["channel"])
    return Contact(role=meant, class_name=_class(meant, class_name), name=name, address=address)


def _class(role: Role, typed: str) -> str | None:
    if role is not Role.CLASS_TEACHER:
        if typed:
            raise DecisionError(WRONG["no class"])
        return None
    read = class_names.normalise(typed)
    if isinstance(read, Refused):
        raise DecisionError(WRONG["class"])
    return read.value.name
