"""What an erasure of one pupil would destroy, and which erasures there were: for the page and for commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sync_service.domain.erasures import Erasure, Footprint, Obstacle
from sync_service.domain.errors import NoSuchCase
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.engine import erasure_words as words
from sync_service.engine.context import School
from sync_service.engine.queries_captions import person_name
from sync_service.engine.queries_words import value_day
from sync_service.engine.stores import Database, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """Rows of one kind; ``table`` is their table of the database."""

    table: str
    text: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureView:
    """What would go. With ``obstacles`` nothing may; ``parents`` are named, cards of nobody else's parents.
    ``unsent`` entries wait for what may never come, ``mentions`` are notes on other cases, ``kept_long`` records the
    school has to keep on paper for 25 years."""

    student_id: int
    name: str
    born: str
    parents: tuple[str, ...]
    categories: tuple[Category, ...]
    obstacles: tuple[str, ...]
    unsent: int
    mentions: int
    kept_long: int

    @property
    def total(self) -> int:
        return sum(one.count for one in self.categories)


def erasure_view(db: Database, school: School, student_id: int) -> ErasureView:
    """Raises NoSuchCase when the school has no such pupil."""
    with db.read(school.school_id) as uow:
        return view_in(uow, LocalId(student_id))


def view_in(uow: UnitOfWork, student_id: LocalId) -> ErasureView:
    found = uow.erasures.footprint(student_id)
    if found is None:
        raise NoSuchCase(f"Ученик {student_id}: нет такой карточки. Найдите ученика снова.")
    card = uow.staging.rows(Stream.STUDENTS, [student_id])[student_id]
    parents = uow.staging.rows(Stream.GUARDIANS, found.records.get(Stream.GUARDIANS, ()))
    birth = card.get("birth_date")
    return ErasureView(
        student_id=int(student_id),
        name=person_name(card),
        born=value_day(None if birth is None else str(birth)),
        parents=tuple(person_name(row) for row in parents.values()),
        categories=tuple(
            Category(table=table, text=text, count=found.rows[table])
            for table, text in words.CATEGORIES.items()
            if found.rows.get(table)
        ),
        obstacles=tuple(words.OBSTACLES[one] for one in obstacles_of(uow, found)),
        unsent=found.unsent,
        mentions=found.mentions,
        kept_long=sum(found.rows.get(table, 0) for table in ("movements", "final_marks")),
    )


def obstacles_of(uow: UnitOfWork, found: Footprint) -> Iterator[Obstacle]:
    """What is to be settled first, enrolment before all."""
    if _enrolled(uow, found.student_id):
        yield Obstacle.ENROLLED
    yield from (one for one in Obstacle if found.obstacles.get(one))


def _enrolled(uow: UnitOfWork, student_id: LocalId) -> bool:
    """In a class by the book of movement; without a line in it, when the region knows the pupil as ours."""
    if student_id in uow.staging.current_class([student_id]):
        return True
    moved = uow.staging.where(Stream.MOVEMENTS, "student_id", [student_id])
    return not moved and student_id in uow.links.by_local(Stream.STUDENTS, [student_id])


def erasures(db: Database, school: School) -> list[Erasure]:
    """Newest first; nobody is named."""
    with db.read(school.school_id) as uow:
        return uow.erasures.cases()[::-1]
