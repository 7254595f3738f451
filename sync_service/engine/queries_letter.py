"""The letter to the previous school: asks it to enter the departure, so that the pupil can be enrolled here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sync_service.domain.errors import DecisionError, NoSuchCase
from sync_service.domain.releases import ReleaseCase, ReleaseState
from sync_service.domain.streams import Stream
from sync_service.engine import queries_words as words
from sync_service.engine.context import School
from sync_service.engine.queries_captions import load_captions
from sync_service.engine.stores import Database

_TO_WRITE = (ReleaseState.CLAIMED, ReleaseState.NOT_RELEASED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One letter in sentences, ready for paper. ``student_id`` is the pupil it names."""

    release_id: int
    student_id: int
    school: str
    addressee: str
    written_on: str
    subject: str
    paragraphs: tuple[str, ...]


def can_be_written(case: str, state: str, previous_school: str | None) -> bool:
    """Whether somebody is to be asked: the pupil is still awaited, and it is known from which school."""
    return bool(previous_school) and case != ReleaseCase.DEPARTURE.value and state in _TO_WRITE


def letter_to_school(db: Database, school: School, today: date, release_id: int) -> Letter:
    """The letter about one case. Raises DecisionError when there is nobody to write to, or no reason any more."""
    with db.read(school.school_id) as uow:
        case = uow.releases.get(release_id)
        if case is None:
            raise NoSuchCase(f"Случай {release_id}: нет такой записи. Обновите список.")
        if not can_be_written(case.case.value, case.state.value, case.previous_school):
            raise DecisionError(
                f"Случай {release_id}: писать некому или уже незачем. Письмо нужно, пока ученика не отчислила"
                " известная прежняя школа."
            )
        wanted = {Stream.STUDENTS: {case.student_id}}
        if case.movement_id is not None:
            wanted[Stream.MOVEMENTS] = {case.movement_id}
        captions = load_captions(uow, wanted)
    pupil = captions.of(Stream.STUDENTS, case.student_id)
    birth = captions.row(Stream.STUDENTS, case.student_id).get("birth_date")
    born = f", дата рождения {words.value_day(str(birth))}" if birth else ""
    class_name = captions.class_of(case.student_id)
    where = f" в {class_name} класс" if class_name else ""
    movement = captions.row(Stream.MOVEMENTS, case.movement_id)
    number, ordered = movement.get("order_number"), movement.get("order_date")
    order = f", приказ о зачислении № {number}" if number else ""
    order += f" от {words.value_day(str(ordered))}" if number and ordered else ""
    return Letter(
        release_id=release_id,
        student_id=int(case.student_id),
        school=school.name,
        addressee=case.previous_school or "",
        written_on=words.value_day(today.isoformat()),
        subject="О внесении сведений о выбытии обучающегося",
        paragraphs=(
            f"{school.name} сообщает, что к нам{where} прибывает {pupil}{born}{order}.",
            "В ГИС СО «ЕЦП» обучающийся по-прежнему числится в вашей организации, поэтому его"
            " зачисление оформить нельзя.",
            "Просим внести в раздел «Движение» запись о выбытии обучающегося с указанием номера и даты приказа об"
            " отчислении и нашей организации как места выбытия.",
            "Основание: порядок и условия перевода обучающихся, утверждённые приказом Министерства просвещения"
            " Российской Федерации от 06.04.2023 № 240.",
        ),
    )
