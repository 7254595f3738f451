"""Parents of a pupil who is being entered: the existing card is attached, never a second one made (regulation 3.5).

Cards are offered by surname and by phone, with the children they have here. A typed parent whose full name and phone
are those of one card is attached to it unasked, by the rule of the imports.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sync_service.domain.links import LocalId
from sync_service.domain.records import Values
from sync_service.domain.rules.names import comparison_key, full_name_key
from sync_service.domain.school_files import ParsedGuardian, Relation
from sync_service.domain.streams import Stream
from sync_service.engine.decisions import Desk
from sync_service.engine.entry_fields import Reading
from sync_service.engine.import_guardians import plain_phone
from sync_service.engine.import_identity import row_name_key
from sync_service.engine.queries_captions import load_captions, person_name
from sync_service.engine.queries_masks import masked_phone
from sync_service.engine.stores import UnitOfWork

PARENTS = (1, 2)  # rows of the form; a third parent is attached to the card afterwards
RELATIONS: tuple[Relation, ...] = ("мать", "отец", "опекун", "попечитель", "иной")
MOST_OFFERED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentOffer:
    """A card that may be a parent of the pupil. The phone is masked; ``fits``: it may be the very parent that was
    typed."""

    local_id: LocalId
    name: str
    phone: str | None
    children: tuple[str, ...]
    child_ids: tuple[LocalId, ...]
    fits: bool


def read_parents(reading: Reading) -> list[ParsedGuardian]:
    """The parents that were typed; a row counts when anything but the relation stands in it."""
    found: list[ParsedGuardian] = []
    for number in PARENTS:
        last, first, patronymic, phone = (
            f"parent{number}_{name}" for name in ("last_name", "first_name", "patronymic", "phone")
        )
        if not any(reading.raw(name) for name in (last, first, patronymic, phone)):
            continue
        last_name = reading.name(last, "Впишите фамилию родителя или очистите всю строку.")
        first_name = reading.name(first, "Впишите имя родителя или очистите всю строку.")
        relation = next((one for one in RELATIONS if one == reading.raw(f"parent{number}_relation")), RELATIONS[-1])
        found.append(
            ParsedGuardian(
                last_name=last_name or "",
                first_name=first_name or "",
                patronymic=reading.patronymic(patronymic),
                relation=relation,
                phone=reading.phone(phone),
            )
        )
    return found


def parent_offers(
    uow: UnitOfWork, *, pupil_last_name: str, parents: Sequence[ParsedGuardian], phones: Iterable[str | None] = ()
) -> list[ParentOffer]:
    """Cards of the school that may belong to the pupil: those that fit a typed parent first; a few statements."""
    rows = uow.staging.all_rows(Stream.GUARDIANS)
    families = {family_key(name) for name in (pupil_last_name, *(p.last_name for p in parents)) if name}
    numbers = {number for number in (*phones, *(p.phone for p in parents)) if number}
    fitting = [i for i, row in rows.items() if any(fits(row, parent) for parent in parents)]
    others = [
        i
        for i, row in rows.items()
        if i not in fitting and (_numbers(row) & numbers or family_key(str(row["last_name"])) in families)
    ]
    chosen = [*fitting, *sorted(others, key=lambda i: person_name(rows[i]))][: max(MOST_OFFERED, len(fitting))]
    if not chosen:
        return []
    ties = uow.staging.where(Stream.GUARDIANSHIPS, "guardian_id", chosen)
    children: dict[int, list[LocalId]] = defaultdict(list)
    for tie in ties.values():
        children[int(tie["guardian_id"] or 0)].append(LocalId(int(tie["student_id"] or 0)))
    captions = load_captions(uow, {Stream.STUDENTS: {child for found in children.values() for child in found}})
    return [
        ParentOffer(
            local_id=i,
            name=person_name(rows[i]),
            phone=masked_phone(plain_phone(rows[i].get("phone"))),
            children=tuple(captions.pupil(child) for child in children[i]),
            child_ids=tuple(children[i]),
            fits=i in fitting,
        )
        for i in chosen
    ]


def offers_for(desk: Desk, typed: Mapping[str, str], pupil_last_name: str) -> list[ParentOffer]:
    """Cards to offer beside a form, whatever is wrong with what stands in it."""
    reading = Reading(typed=typed, today=desk.clock.today(desk.school.zone))
    parents, phone = read_parents(reading), reading.phone("phone")
    with desk.db.read(desk.school.school_id) as uow:
        return parent_offers(uow, pupil_last_name=pupil_last_name, parents=parents, phones=[phone])


def unasked(uow: UnitOfWork, parents: Sequence[ParsedGuardian], offered: Collection[int]) -> tuple[int, ...]:
    """Cards that may be a typed parent and that nobody has been asked about yet; none for a parent whose card is
    certain."""
    if not parents:
        return ()
    rows = uow.staging.all_rows(Stream.GUARDIANS)
    found: list[int] = []
    for parent in parents:
        if len([row for row in rows.values() if _is_certain(row, parent)]) != 1:
            found += [i for i, row in rows.items() if fits(row, parent) and i not in offered]
    return tuple(dict.fromkeys(found))


def fits(row: Values, parent: ParsedGuardian) -> bool:
    """Whether the card may be this parent's: the same full name, or the same surname and a common phone."""
    if row_name_key(row) == _name_key(parent):
        return True
    same_surname = comparison_key(str(row["last_name"])) == comparison_key(parent.last_name)
    return same_surname and parent.phone is not None and parent.phone in _numbers(row)


def family_key(last_name: str) -> str:
    """Equal for the surnames of a father, a mother and their children: Петров and Петрова, Ленский and Ленская."""
    key = comparison_key(last_name)
    for feminine, plain in (("ская", "ский"), ("цкая", "цкий"), ("ова", "ов"), ("ева", "ев"), ("ина", "ин")):
        if key.endswith(feminine):
            return key.removesuffix(feminine) + plain
    return key


def _is_certain(row: Values, parent: ParsedGuardian) -> bool:
    return row_name_key(row) == _name_key(parent) and parent.phone is not None and parent.phone in _numbers(row)


def _name_key(parent: ParsedGuardian) -> tuple[str, str, str]:
    return full_name_key(parent.last_name, parent.first_name, parent.patronymic)


def _numbers(row: Values) -> set[str]:
    return {number for name in ("phone", "home_phone") if (number := plain_phone(row.get(name)))}
