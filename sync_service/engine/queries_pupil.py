"""A pupil's card as people read it: values with their numbers masked, parents, movement, what is open, the link."""

from __future__ import annotations

from dataclasses import dataclass

from sync_service.domain.links import LocalId
from sync_service.domain.outbox import Entry
from sync_service.domain.records import Values
from sync_service.domain.releases import OPEN_STATES
from sync_service.domain.streams import Stream
from sync_service.engine import queries_words as words
from sync_service.engine.context import School
from sync_service.engine.decisions import not_found
from sync_service.engine.queries_captions import load_captions, person_name
from sync_service.engine.queries_masks import HIDDEN, masked_phone, masked_snils
from sync_service.engine.queries_movements import MovementRow, movement_rows_of
from sync_service.engine.stores import Database, UnitOfWork

_FIELDS = (
    "last_name",
    "first_name",
    "patronymic",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentView:
    name: str
    relation: str
    phones: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCase:
    """Something that waits for a person; ``path`` is the page of the case inside the school."""

    title: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PupilView:
    """``unmasked``: СНИЛС, phones and the document's number stand in full. ``waits``: why the card has not left."""

    student_id: int
    name: str
    class_name: str | None
    fields: tuple[FieldView, ...]
    parents: tuple[ParentView, ...]
    movements: tuple[MovementRow, ...]
    cases: tuple[OpenCase, ...]
    linked: bool
    queued: bool
    waits: str | None
    incomplete: bool
    unmasked: bool
    hides: bool


def pupil_view(db: Database, school: School, student_id: int, *, unmask: bool = False) -> PupilView:
    """One card; a constant number of statements. Raises NoSuchCase when there is none."""
    pupil = LocalId(student_id)
    with db.read(school.school_id) as uow:
        captions = load_captions(uow, {Stream.STUDENTS: {pupil}})
        row = captions.row(Stream.STUDENTS, pupil)
        if not row:
            raise not_found("Ученик", student_id)
        entry = uow.outbox.by_local(Stream.STUDENTS, [pupil]).get(pupil)
        parents = _parents(uow, pupil, unmask=unmask)
        return PupilView(
            student_id=student_id,
            name=person_name(row),
            class_name=captions.class_of(pupil),
            fields=tuple(
                FieldView(title=words.FIELDS[name], text=_shown(row, name, unmask=unmask)) for name in _FIELDS
            ),
            parents=parents,
            movements=tuple(movement_rows_of(uow, pupil)),
            cases=tuple(_cases(uow, pupil)),
            linked=pupil in uow.links.by_local(Stream.STUDENTS, [pupil]),
            queued=entry is not None,
            waits=_waits(entry),
            incomplete=bool(row.get("incomplete")),
            unmasked=unmask,
            hides=any(row.get(name) for name in ("snils", "phone", "document_number"))
            or any(one.phones for one in parents),
        )


def _shown(row: Values, name: str, *, unmask: bool) -> str:
    stored = row.get(name)
    if unmask or not stored:
        return words.value(Stream.STUDENTS, name, stored)
    match name:
        case "snils":
            return masked_snils(str(stored)) or words.NOTHING
        case "phone":
            return masked_phone(str(stored)) or words.NOTHING
        case "document_number":
            return HIDDEN * 4 + str(stored)[-2:]
        case _:
            return words.value(Stream.STUDENTS, name, stored)


def _parents(uow: UnitOfWork, pupil: LocalId, *, unmask: bool) -> tuple[ParentView, ...]:
    ties = uow.staging.where(Stream.GUARDIANSHIPS, "student_id", [pupil])
    cards = uow.staging.rows(Stream.GUARDIANS, {LocalId(int(tie["guardian_id"] or 0)) for tie in ties.values()})
    found: list[ParentView] = []
    for tie in ties.values():
        card = cards.get(LocalId(int(tie["guardian_id"] or 0)))
        if card is None:
            continue
        numbers = [str(card[name]) for name in ("phone", "home_phone") if card.get(name)]
        phones = [words.phone(number) if unmask else masked_phone(number) for number in numbers]
        found.append(
            ParentView(
                name=person_name(card),
                relation=str(tie["relation_note"] or tie["relation"]),
                phones=tuple(phone for phone in phones if phone),
            )
        )
    return tuple(found)


def _cases(uow: UnitOfWork, pupil: LocalId) -> list[OpenCase]:
    found: list[OpenCase] = []
    link = uow.links.by_local(Stream.STUDENTS, [pupil]).get(pupil)
    if link is not None:
        conflicts = uow.conflicts.open_for([link.link_id])
        found += [
            OpenCase(title="Расхождение между школой и ГИС", path=f"/conflicts/{one.conflict_id}")
            for one in conflicts.values()
        ]
    found += [
        OpenCase(title="Возможный двойник", path=f"/matches/{case.case_id}")
        for case in uow.matches.cases()
        if case.stream is Stream.STUDENTS and pupil in {candidate.local_id for candidate in case.candidates}
    ]
    release = uow.releases.by_student([pupil]).get(pupil)
    if release is not None and release.state in OPEN_STATES:
        found.append(OpenCase(title=words.RELEASE_STATES[release.state], path=f"/releases/{release.release_id}"))
    return found


def _waits(entry: Entry | None) -> str | None:
    return words.WAITING[entry.waiting] if entry is not None and entry.waiting is not None else None
