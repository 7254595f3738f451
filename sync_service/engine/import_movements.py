"""The line of «Движение учащихся» that a pupil list names, beside the lines that are there already.

A list tells the latest order about a pupil, without saying what it ordered: an arrival, or, where the pupil was
admitted earlier than enrolled, a change of class. Classes of existing lines are never changed by a list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sync_service.domain.links import LocalId
from sync_service.domain.records import Scalar, Values
from sync_service.domain.rules.school_year import school_year_of
from sync_service.domain.school_files import ParsedPupil
from sync_service.domain.streams import Stream
from sync_service.engine.import_changes import Change, Changes
from sync_service.engine.import_directories import find_organizations
from sync_service.engine.import_report import in_row
from sync_service.engine.stores import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A pupil of the list with the card and the class of the school year."""

    pupil: ParsedPupil
    student_id: LocalId
    class_id: LocalId
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the list says of a pupil's movement."""

    kind: str
    date: str


def line_of(pupil: ParsedPupil) -> Line | None:
    """The movement of the list's order; None when the list names no date."""
    if pupil.enrolled_on and pupil.admitted_on and pupil.admitted_on < pupil.enrolled_on:
        return Line(kind="class_change", date=pupil.enrolled_on)
    day = pupil.enrolled_on or pupil.admitted_on
    return Line(kind="arrival", date=day) if day else None


def same_line(line: Line, pupil: ParsedPupil, rows: Mapping[LocalId, Values]) -> LocalId | None:
    """The pupil's existing movement of the same kind and date, else of the same kind and order.

    Order numbers begin anew every year: the same number is the same order only within one year.
    """
    of_kind = {i: row for i, row in rows.items() if row["kind"] == line.kind}
    on_day = [i for i, row in of_kind.items() if row["date"] == line.date]
    if on_day:
        ordered = [i for i in on_day if of_kind[i]["order_number"] == pupil.order_number]
        return (ordered or on_day)[0]
    if pupil.order_number is None:
        return None
    by_order = [
        i
        for i, row in of_kind.items()
        if row["order_number"] == pupil.order_number
        and (
            str(row["date"])[:4] == line.date[:4]
            or (pupil.order_date is not None and row["order_date"] == pupil.order_date)
        )
    ]
    return by_order[0] if by_order else None


def write_movements(uow: UnitOfWork, changes: Changes, placed: Sequence[Placed], school_year: int) -> None:
    """Add or complete one line per pupil; at most five statements."""
    known = [p.student_id for p in placed if not p.is_new]
    rows_of: dict[LocalId, dict[LocalId, Values]] = defaultdict(dict)
    if known:
        for local_id, row in uow.staging.where(Stream.MOVEMENTS, "student_id", known).items():
            rows_of[LocalId(int(row["student_id"] or 0))][local_id] = row
    schools = find_organizations(uow, (p.pupil.origin_name for p in placed if p.pupil.origin_name))
    added: list[Values] = []
    students: list[LocalId] = []
    updates: list[Change] = []
    for p in placed:
        line = line_of(p.pupil)
        if line is None or line.kind != "arrival":
            _report_lost_origin(changes, p.pupil)
        if line is None:
            continue
        rows = rows_of[p.student_id]
        existing = same_line(line, p.pupil, rows)
        if existing is not None:
            _report_other_date(changes, p.pupil, line, rows[existing])
            values = _improved(rows[existing], line, p.pupil, schools)
            updates.append(Change(local_id=existing, values=values, row=rows[existing], student_id=p.student_id))
            continue
        # An order of an earlier year led into another class, which the list does not name.
        this_year = school_year_of(date.fromisoformat(line.date)) == school_year
        added.append(
            {
                "student_id": p.student_id,
                "kind": line.kind,
                "date": line.date,
                "order_number": p.pupil.order_number,
                "order_date": p.pupil.order_date,
                "class_to_id": p.class_id if this_year else None,
                **_origin(line, p.pupil, schools),
            }
        )
        students.append(p.student_id)
    changes.insert(Stream.MOVEMENTS, added, students)
    changes.update(Stream.MOVEMENTS, updates)


def report_other_classes(
    uow: UnitOfWork, changes: Changes, placed: Sequence[Placed], listed_before: Mapping[LocalId, Scalar]
) -> None:
    """Warn where movements, or without them an earlier list, say another class; one statement."""
    known = [p for p in placed if not p.is_new]
    current = uow.staging.current_class([p.student_id for p in known])
    for p in known:
        class_id = current.get(p.student_id, listed_before.get(p.student_id))
        if class_id is None or class_id == p.class_id:
            continue
        changes.report_problem(
            in_row(
                p.pupil.rows[0],
                column="class_name",
                code="class_differs",
                reason="класс в списке не тот, в котором ученик числится",
                remedy="Если ученик переведён, внесите перевод с номером и датой приказа в «Движение».",
                severity="warning",
            )
        )


def _origin(line: Line, pupil: ParsedPupil, schools: Mapping[str, LocalId]) -> Values:
    """Where the pupil comes from: a school of the directory, or its name as free text."""
    if line.kind != "arrival":
        return {}
    school = schools.get(pupil.origin_name or "")
    return {
        "origin_kind": pupil.origin_kind,
        "origin_organization_id": school,
        "origin_name": None if school else pupil.origin_name,
    }


def _improved(row: Values, line: Line, pupil: ParsedPupil, schools: Mapping[str, LocalId]) -> Values:
    wanted: Values = {"order_number": pupil.order_number, "order_date": pupil.order_date}
    wanted |= _origin(line, pupil, schools)
    if row["origin_organization_id"] is not None:
        wanted.pop("origin_name", None)  # a school of the directory says more than a name
    return {field: value for field, value in wanted.items() if value is not None and value != row[field]}


def _report_other_date(changes: Changes, pupil: ParsedPupil, line: Line, row: Values) -> None:
    if row["date"] != line.date:
        changes.report_problem(
            in_row(
                pupil.rows[0],
                column="enrolled_on",
                code="movement_date_differs",
                reason="в «Движении» этот приказ записан с другой датой; дата не изменена",
                remedy="Сверьте дату с приказом и исправьте её там, где она ошибочна.",
                severity="warning",
            )
        )


def _report_lost_origin(changes: Changes, pupil: ParsedPupil) -> None:
    if pupil.origin_name or pupil.origin_kind:
        changes.report_problem(
            in_row(
                pupil.rows[0],
                column="origin_name",
                code="origin_not_loaded",
                reason="откуда прибыл ученик, не загружено: в списке нет даты и приказа о прибытии",
                remedy="Внесите прибытие в «Движение».",
                severity="warning",
            )
        )
