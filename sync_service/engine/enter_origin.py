"""Where an arriving pupil comes from: read from a form, and set later for a case that waits for it (case F)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sync_service.domain.audit import Act, AuditEntry
from sync_service.domain.errors import DecisionError
from sync_service.domain.records import Values
from sync_service.domain.releases import OPEN_STATES, ReleaseCase
from sync_service.domain.streams import Stream
from sync_service.engine.decisions import Desk, not_found
from sync_service.engine.entry_fields import Reading
from sync_service.engine.entry_schools import Directory, SchoolChoice, load_directory
from sync_service.engine.import_changes import Change, Changes

ORIGINS = ("school", "other_district", "none")
_NO_CARD = (
    "Уйдёт в ГИС при следующей сверке. Если ученик есть в списке «доступные для зачисления», зачислим без новой"
    " карточки; если нет, он появится в «Не отчислены» с телефоном прежней школы."
)
_NEW_CARD = "Уйдёт в ГИС при следующей сверке: зачислим с новой карточкой."


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """``school`` is one of the directory; else ``name`` is what was typed."""

    kind: str
    school: SchoolChoice | None = None
    name: str | None = None

    @property
    def new_card(self) -> bool:
        """Whether the region will get a new card: cases C and E."""
        return self.kind != "school" or (self.school is not None and not self.school.keeps_movement)


def read_origin(reading: Reading, directory: Directory) -> Origin | None:
    """The origin that was chosen; None, with a problem noted, when it is not told."""
    kind = reading.raw("origin_kind")
    if kind not in ORIGINS:
        reading.refuse("origin_kind", "Отметьте, откуда прибыл ученик: от этого зависит, как его зачислять.")
        return None
    if kind == "none":
        return Origin(kind=kind)
    typed = reading.text("origin_name", "Выберите прежнюю школу из списка или впишите её название.")
    school = directory.find(typed)
    return Origin(kind=kind, school=school, name=None if school else typed)


def origin_values(origin: Origin) -> Values:
    """The fields of the movement."""
    return {
        "origin_kind": origin.kind,
        "origin_organization_id": origin.school.local_id if origin.school else None,
        "origin_name": origin.name,
    }


def expectation(origin: Origin | None, *, linked: bool, person: bool, available: bool = False) -> str:
    """What the next run will do with the arrival, in words. ``person``: one of the region was chosen."""
    if linked:
        return "Уйдёт в ГИС при следующей сверке."
    if person and available:
        return "Уйдёт в ГИС при следующей сверке: зачислим без новой карточки."
    if person:
        return "Уйдёт в ГИС при следующей сверке: зачислим без новой карточки, как только прежняя школа отчислит."
    if origin is None or not origin.new_card:
        return _NO_CARD
    if origin.kind == "none":
        return _NEW_CARD
    return (
        _NEW_CARD + " Позвоните в прежнюю школу; классный руководитель и завуч получат сообщение: дополнить карточку."
    )


def set_origin(desk: Desk, release_id: int, typed: Mapping[str, str]) -> str:
    """Write where the pupil of an open case comes from into the arrival; what will happen next, in words.

    Raises EntryRefused for the form, DecisionError when the case does not ask for it.
    """
    reading = Reading(typed=typed, today=desk.clock.today(desk.school.zone))
    with desk.db.write(desk.school.school_id, own=False) as uow:
        case = uow.releases.get(release_id)
        if case is None:
            raise not_found("Случай", release_id)
        if case.state not in OPEN_STATES or case.case is ReleaseCase.DEPARTURE or case.movement_id is None:
            raise DecisionError(f"Случай {release_id}: откуда прибыл ученик, уже не спрашивается.", stale=True)
        origin = read_origin(reading, load_directory(uow))
        reading.check()
        row = uow.staging.rows(Stream.MOVEMENTS, [case.movement_id]).get(case.movement_id)
        if origin is None or row is None:
            raise DecisionError(f"Случай {release_id}: записи о прибытии больше нет. Внесите прибытие.", stale=True)
        values = {name: value for name, value in origin_values(origin).items() if row[name] != value}
        changes = Changes(uow, (Stream.MOVEMENTS,), act=Act.ENTER)
        changes.update(
            Stream.MOVEMENTS,
            [Change(local_id=case.movement_id, values=values, row=row, student_id=case.student_id)],
        )
        uow.audit.append(
            [
                AuditEntry(
                    act=Act.ENTER.value,
                    actor=desk.actor,
                    cause=f"movements:origin:{release_id}",
                    items=changes.audit_items(),
                    note=f"movement {case.movement_id}",
                )
            ]
        )
        uow.commit()
    return expectation(origin, linked=False, person=case.person_id is not None)
