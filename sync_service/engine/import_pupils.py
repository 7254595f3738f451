"""A pupil list goes into staging: cards, movements, parents and their ties, in a few bulk statements.

Every row is decided about before anything is written; an empty cell never clears a value, and a value that is
equal is not written, so that a second import of one file leaves no trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sync_service.domain.erasures import born
from sync_service.domain.links import LocalId
from sync_service.domain.records import Scalar, Values
from sync_service.domain.rules.names import comparison_key
from sync_service.domain.school_files import ParsedPupil, ParsedPupilList
from sync_service.domain.streams import Stream
from sync_service.engine.import_changes import Change, Changes
from sync_service.engine.import_directories import SeveralRows, add_classes, find_classes
from sync_service.engine.import_guardians import plain_phone, write_guardians
from sync_service.engine.import_identity import (
    ERASED,
    Doubt,
    Identity,
    Known,
    Unknown,
    identify_listed,
    name_key,
    plain_snils,
)
from sync_service.engine.import_movements import Placed, report_other_classes, write_movements
from sync_service.engine.import_report import in_row
from sync_service.engine.stores import UnitOfWork

STREAMS = (Stream.CLASSES, Stream.STUDENTS, Stream.GUARDIANS, Stream.GUARDIANSHIPS, Stream.MOVEMENTS)
NAMES = ("last_name", "first_name", "patronymic")
FIELDS = (
    "sex",
    "birth_date",
    "snils",
    "document_series",
    "document_number",
    "personal_file_no",
    "admitted_on",
    "address",
    "phone",
    "email",
)

_DOUBTS = {
    "ambiguous_pupil": (
        "этому ученику подходят несколько карточек или строк списка, ничего не загружено",
        "Укажите в списке СНИЛС или объедините лишние карточки, затем загрузите файл снова.",
    ),
    "snils_of_another": (
        "СНИЛС принадлежит ученику с другими ФИО и датой рождения, ничего не загружено",
        "Сверьте СНИЛС с документом, исправьте список или карточку и загрузите файл снова.",
    ),
    "snils_differs": (
        "у ученика с этими ФИО и датой рождения в карточке другой СНИЛС, ничего не загружено",
        "Сверьте СНИЛС с документом; если это тёзка, укажите в списке номер личного дела.",
    ),
    "erased": (
        "данные этого ученика уничтожены по акту, ничего не загружено",
        "Если ученик снова зачислен, попросите администратора снять отметку акта и загрузите файл снова.",
    ),
    "ambiguous_class": (
        "в этом учебном году под таким названием есть несколько классов, ничего не загружено",
        "Напишите класс точно так, как он называется в системе, и загрузите файл снова.",
    ),
}


def import_pupils(uow: UnitOfWork, changes: Changes, parsed: ParsedPupilList, school_year: int) -> None:
    """Write the list into the caller's unit of work. ``school_year`` is the one the list is about.

    The number of statements does not depend on the length of the list.
    """
    students = uow.staging.all_rows(Stream.STUDENTS)
    found = find_classes(uow, (pupil.class_name for pupil in parsed.pupils), school_year)
    known = {name: None if isinstance(local_id, SeveralRows) else local_id for name, local_id in found.items()}
    identities: list[Identity] = [
        Doubt("ambiguous_class") if isinstance(found[pupil.class_name], SeveralRows) else identity
        for pupil, identity in zip(parsed.pupils, identify_listed(parsed.pupils, known, students), strict=True)
    ]
    identities = _without_erased(uow, parsed.pupils, identities)
    accepted: list[tuple[ParsedPupil, Identity]] = []
    for pupil, identity in zip(parsed.pupils, identities, strict=True):
        if isinstance(identity, Doubt):
            _reject(changes, pupil, identity.code)
        else:
            accepted.append((pupil, identity))
    classes = add_classes(changes, found, (pupil.class_name for pupil, _ in accepted), school_year)
    placed = _write_cards(changes, accepted, classes, students)
    write_movements(uow, changes, placed, school_year)
    before = {p.student_id: students[p.student_id].get("listed_class_id") for p in placed if not p.is_new}
    report_other_classes(uow, changes, placed, before)
    write_guardians(uow, changes, placed, _after(students, placed))


def _without_erased(uow: UnitOfWork, pupils: Sequence[ParsedPupil], identities: Sequence[Identity]) -> list[Identity]:
    """Nobody whose data was destroyed gets a new card from a list; a person lets the pupil in again first."""
    texts = [born(name_key(pupil), pupil.birth_date) for pupil in pupils]
    new = [text for text, identity in zip(texts, identities, strict=True) if isinstance(identity, Unknown)]
    gone = uow.erasures.named(new)
    return [
        ERASED if isinstance(identity, Unknown) and text in gone else identity
        for text, identity in zip(texts, identities, strict=True)
    ]


def _write_cards(
    changes: Changes,
    accepted: Sequence[tuple[ParsedPupil, Identity]],
    classes: Mapping[str, LocalId],
    students: Mapping[LocalId, Values],
) -> list[Placed]:
    """Cards first, so that everything else can refer to them; in the order of the list."""
    new = [_new_card(pupil, classes[pupil.class_name]) for pupil, i in accepted if not isinstance(i, Known)]
    fresh = iter(changes.insert(Stream.STUDENTS, new))
    placed: list[Placed] = []
    updates: list[Change] = []
    for pupil, identity in accepted:
        class_id = classes[pupil.class_name]
        is_new = not isinstance(identity, Known)
        student_id = identity.local_id if isinstance(identity, Known) else next(fresh)
        placed.append(Placed(pupil=pupil, student_id=student_id, class_id=class_id, is_new=is_new))
        if not is_new:
            row = students[student_id]
            values = improvements(row, pupil, class_id)
            updates.append(Change(local_id=student_id, values=values, row=row, student_id=student_id))
    changes.update(Stream.STUDENTS, updates)
    return placed


def _new_card(pupil: ParsedPupil, class_id: LocalId) -> Values:
    return {name: getattr(pupil, name) for name in (*NAMES, *FIELDS)} | {"listed_class_id": class_id}


def improvements(row: Values, pupil: ParsedPupil, class_id: LocalId) -> Values:
    """The fields of a card that the list changes: given there and different from what the card holds."""
    values: Values = {
        name: value
        for name in (*NAMES, *FIELDS)
        if (value := getattr(pupil, name)) is not None and not _says_the_same(name, row, value)
    }
    if row.get("incomplete"):
        values["incomplete"] = False
    if row.get("listed_class_id") != class_id:
        values["listed_class_id"] = class_id
    return values


def _says_the_same(name: str, row: Values, new: str) -> bool:
    """Whether the card needs no change. Other programs write numbers in their own notation. A name that
    compares equal is changed only to bring back a ё, which is dropped often and added never; the list's spelling
    replaces that of a class report."""
    old = row.get(name)
    if old == new:
        return True
    if old is None:
        return False
    if name in NAMES:
        equal = comparison_key(str(old)) == comparison_key(new)
        return equal and not row.get("incomplete") and _yo(new) <= _yo(str(old))
    if name == "snils":
        return plain_snils(str(old)) == new
    return name == "phone" and plain_phone(old) == new


def _yo(text: str) -> int:
    return text.casefold().count("ё")


def _after(students: Mapping[LocalId, Values], placed: Sequence[Placed]) -> dict[LocalId, Values]:
    """All cards with the addresses that the list brought."""
    after = dict(students)
    for p in placed:
        address: Scalar = p.pupil.address or after.get(p.student_id, {}).get("address")
        after[p.student_id] = after.get(p.student_id, {}) | {"address": address}
    return after


def _reject(changes: Changes, pupil: ParsedPupil, code: str) -> None:
    """Every row of the pupil stays out, and is named."""
    reason, remedy = _DOUBTS[code]
    for row in pupil.rows:
        changes.report_problem(in_row(row, column=None, code=code, reason=reason, remedy=remedy, severity="rejected"))
