"""«Движение» as people read it: the book with its filters, and what a form needs to be filled in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from sync_service.domain.errors import DecisionError
from sync_service.domain.links import LocalId
from sync_service.domain.records import Scalar, Values
from sync_service.domain.releases import OPEN_STATES, ReleaseCase
from sync_service.domain.rules.school_year import school_year_of
from sync_service.domain.streams import Stream
from sync_service.engine import queries_words as words
from sync_service.engine.context import School
from sync_service.engine.decisions import not_found
from sync_service.engine.entry_schools import SchoolChoice, load_directory
from sync_service.engine.queries_captions import Captions, load_captions
from sync_service.engine.stores import Database, MovementFilter, UnitOfWork

KINDS: dict[str, str] = {
    "arrival": "Прибытие",
    "departure": "Выбытие",
    "class_change": "Перевод в другой класс",
    "promotion": "Перевод в следующий класс",
    "repeat": "Повторное обучение",
    "graduation": "Окончание обучения",
}
_EXPORTED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementRow:
    """One line of the book. ``place`` is where the pupil came from or went; ``in_region``: the region has it."""

    id: int
    student_id: int
    pupil: str
    kind: str
    kind_text: str
    date: str
    order_number: str | None
    order_date: str | None
    class_from: str | None
    class_to: str | None
    place: str | None
    in_region: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassChoice:
    local_id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormChoices:
    """What a form of movement offers: classes of this school year, schools of the directory."""

    classes: tuple[ClassChoice, ...]
    schools: tuple[SchoolChoice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PupilHead:
    """A pupil as the head of a form shows one. ``incomplete``: a class report has begun the card, it is to be filled
    in."""

    student_id: int
    name: str
    class_name: str | None
    birth_date: str | None
    last_name: str
    first_name: str
    patronymic: str | None
    incomplete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginQuestion:
    """A case that asks where the pupil comes from. ``movement`` is its arrival, None when only a card exists;
    ``asked_person``: whether a question about a person of the region is open beside it."""

    release_id: int
    pupil: PupilHead
    movement: MovementRow | None
    asked_person: bool


def movement_rows(
    db: Database, school: School, wanted: MovementFilter, *, page: int = 1, size: int = 50
) -> tuple[list[MovementRow], int]:
    """One page of the book, latest first, and the number of lines in all; a constant number of statements."""
    with db.read(school.school_id) as uow:
        ids, total = uow.staging.movements(wanted, limit=size, offset=(page - 1) * size)
        return _rows(uow, ids), total


def all_movement_rows(db: Database, school: School, wanted: MovementFilter) -> Iterator[MovementRow]:
    """Every line of one consistent view, a thousand at a time."""
    with db.read(school.school_id) as uow:
        done, total = 0, 1
        while done < total:
            ids, total = uow.staging.movements(wanted, limit=_EXPORTED_AT_ONCE, offset=done)
            yield from _rows(uow, ids)
            done += _EXPORTED_AT_ONCE


def form_choices(db: Database, school: School, today: date) -> FormChoices:
    """For a form: classes of today's school year by grade and letter, schools by name."""
    year = school_year_of(today)
    with db.read(school.school_id) as uow:
        rows = {i: row for i, row in uow.staging.all_rows(Stream.CLASSES).items() if row["school_year"] == year}
        directory = load_directory(uow)
    ordered = sorted(rows.items(), key=lambda one: (int(one[1]["grade"] or 99), str(one[1]["name"])))
    return FormChoices(
        classes=tuple(ClassChoice(local_id=i, name=str(row["name"])) for i, row in ordered),
        schools=tuple(one for one in directory.choices if _is_another(one, school)),
    )


def _is_another(one: SchoolChoice, school: School) -> bool:
    return one.label.casefold() != school.name.casefold()


def pupil_head(db: Database, school: School, student_id: int) -> PupilHead:
    """Raises NoSuchCase when there is no such card."""
    with db.read(school.school_id) as uow:
        return _head(uow, LocalId(student_id))


def movement_rows_of(uow: UnitOfWork, student_id: LocalId) -> list[MovementRow]:
    """Every line about one pupil, latest first."""
    rows = uow.staging.where(Stream.MOVEMENTS, "student_id", [student_id])
    return _rows(uow, sorted(rows, key=lambda i: (str(rows[i]["date"]), i), reverse=True))


def origin_question(db: Database, school: School, release_id: int) -> OriginQuestion:
    """Raises DecisionError when the case is not there, or asks for nothing any more."""
    with db.read(school.school_id) as uow:
        case = uow.releases.get(release_id)
        if case is None:
            raise not_found("Случай", release_id)
        if case.state not in OPEN_STATES or case.case is ReleaseCase.DEPARTURE:
            raise DecisionError(f"Случай {release_id}: откуда прибыл ученик, уже не спрашивается.")
        movement = _rows(uow, [case.movement_id]) if case.movement_id is not None else []
        return OriginQuestion(
            release_id=release_id,
            pupil=_head(uow, case.student_id),
            movement=movement[0] if movement else None,
            asked_person=case.student_id in uow.matches.open_locals(Stream.STUDENTS),
        )


def _head(uow: UnitOfWork, student_id: LocalId) -> PupilHead:
    captions = load_captions(uow, {Stream.STUDENTS: {student_id}})
    row = captions.row(Stream.STUDENTS, student_id)
    if not row:
        raise not_found("Ученик", student_id)
    return PupilHead(
        student_id=student_id,
        name=captions.of(Stream.STUDENTS, student_id),
        class_name=captions.class_of(student_id) if student_id in captions.classes else None,
        birth_date=_text(row.get("birth_date")),
        last_name=str(row["last_name"]),
        first_name=str(row["first_name"]),
        patronymic=_text(row["patronymic"]),
        incomplete=bool(row.get("incomplete")),
    )


def _rows(uow: UnitOfWork, ids: list[LocalId]) -> list[MovementRow]:
    if not ids:
        return []
    wanted: Mapping[Stream, set[LocalId]] = defaultdict(set, {Stream.MOVEMENTS: set(ids)})
    captions = load_captions(uow, wanted)
    linked = uow.links.remote_ids(Stream.MOVEMENTS, ids)
    return [
        _row(local_id, row, captions, in_region=local_id in linked)
        for local_id in ids
        if (row := captions.row(Stream.MOVEMENTS, local_id))
    ]


def _row(local_id: LocalId, row: Values, captions: Captions, *, in_region: bool) -> MovementRow:
    kind = str(row["kind"])
    return MovementRow(
        id=local_id,
        student_id=int(row["student_id"] or 0),
        pupil=captions.of(Stream.STUDENTS, row["student_id"]),
        kind=kind,
        kind_text=KINDS.get(kind, kind),
        date=str(row["date"]),
        order_number=_text(row["order_number"]),
        order_date=_text(row["order_date"]),
        class_from=_name(captions, Stream.CLASSES, row["class_from_id"]),
        class_to=_name(captions, Stream.CLASSES, row["class_to_id"]),
        place=_place(row, captions),
        in_region=in_region,
    )


def _place(row: Values, captions: Captions) -> str | None:
    side = "destination" if row["kind"] == "departure" else "origin"
    known = _name(captions, Stream.ORGANIZATIONS, row[f"{side}_organization_id"]) or _text(row[f"{side}_name"])
    if known is None and row["origin_kind"]:
        return words.value(Stream.MOVEMENTS, "origin_kind", row["origin_kind"])
    return known


def _name(captions: Captions, stream: Stream, local_id: Scalar) -> str | None:
    return _text(captions.row(stream, local_id).get("name")) if local_id else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
