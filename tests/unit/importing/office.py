"""A school office in miniature: imports into a real database and looks at what stands there afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import event, text

from sync_service.domain.links import RemoteId, SchoolId
from sync_service.domain.records import Values
from sync_service.domain.school_files import (
    ParsedAbsence,
    ParsedClassReport,
    ParsedFinalMark,
    ParsedGuardian,
    ParsedMark,
    ParsedPupil,
    ParsedPupilList,
    ReportPupil,
    RowProblem,
)
from sync_service.domain.streams import SPECS, Stream
from sync_service.engine.context import School, nothing
from sync_service.engine.import_files import ImportReport, import_parsed
from sync_service.persistence import SqlDatabase
from sync_service.persistence.schema import metadata

TODAY = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)


class StandingClock:
    """It is the 20th of November 2026, noon in Yekaterinburg, unless told otherwise."""

    def __init__(self, now: datetime = TODAY) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment

    def today(self, zone: str) -> date:
        return self.moment.astimezone(ZoneInfo(zone)).date()

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        raise AssertionError("an import waits for nothing")


@dataclass(slots=True)
class Office:
    """One school of a database; every method looks at staging as another program would."""

    db: SqlDatabase
    school: School
    clock: StandingClock

    def bring(
        self,
        parsed: ParsedPupilList | ParsedClassReport,
        *,
        dry_run: bool = False,
        probe: Callable[[str], None] = nothing,
    ) -> ImportReport:
        return import_parsed(
            self.db,
            self.school,
            self.clock,
            parsed,
            actor="petrova",
            file_name="файл.csv",
            dry_run=dry_run,
            probe=probe,
        )

    def add(self, stream: Stream, **values: Any) -> int:
        with self.db.write(self.school.school_id, own=True) as uow:
            (local_id,) = uow.staging.insert(stream, [values])
            uow.commit()
        return int(local_id)

    def rows(self, stream: Stream) -> list[Values]:
        """Rows in order of id, with ``id``."""
        with self.db.engine.connect() as connection:
            found = connection.execute(
                text(f"SELECT * FROM {stream.value} WHERE school_id = :school ORDER BY id"),
                {"school": self.school.school_id},
            )
            return [{k: _plain(v) for k, v in row.items() if k != "school_id"} for row in found.mappings()]

    def row(self, stream: Stream, local_id: int) -> Values:
        return next(row for row in self.rows(stream) if row["id"] == local_id)

    def journal(self) -> list[tuple[str, int, str]]:
        with self.db.engine.connect() as connection:
            found = connection.execute(text("SELECT stream, local_id, op FROM changes ORDER BY id"))
            return [(row[0], row[1], row[2]) for row in found]

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that any table holds."""
        with self.db.engine.connect() as connection:
            return {
                table.name: sorted(
                    (tuple(row) for row in connection.execute(text(f"SELECT * FROM {table.name}"))), key=repr
                )
                for table in metadata.sorted_tables
            }

    def in_words(self) -> dict[str, list[tuple[tuple[str, Any], ...]]]:
        """Staging with every reference replaced by what it refers to: equal for equal states, whatever the ids."""
        named: dict[Stream, dict[int, Any]] = {}
        contents: dict[str, list[tuple[tuple[str, Any], ...]]] = {}
        references = {"listed_class_id": Stream.CLASSES, "class_id": Stream.CLASSES, "subject_id": Stream.SUBJECTS}
        for stream in Stream:
            described: dict[int, tuple[tuple[str, Any], ...]] = {}
            for row in self.rows(stream):
                values: dict[str, Any] = {}
                for name, value in row.items():
                    parent = SPECS[stream].references.get(name) or references.get(name)
                    values[name] = named[parent].get(int(value)) if parent and value is not None else value
                local_id = int(values.pop("id"))
                described[local_id] = tuple(sorted(values.items()))
            named[stream] = described
            contents[stream.value] = sorted(described.values(), key=repr)
        return contents

    @contextmanager
    def counted(self) -> Iterator[Counter[str]]:
        """Counts the statements sent to the database: inserts by table, everything else by its first word."""
        seen: Counter[str] = Counter()

        def note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
            words = statement.split(maxsplit=3)
            seen[" ".join(words[:3]) if words[0] == "INSERT" else words[0]] += 1

        event.listen(self.db.engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(self.db.engine, "before_cursor_execute", note)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def office(db: SqlDatabase, school_id: SchoolId) -> Office:
    school = School(school_id=school_id, code="s900", name="Школа № 900", organization_id=RemoteId("org-1"))
    return Office(db=db, school=school, clock=StandingClock())


# -- files ----------------------------------------------------------------------------------------------------


def pupil(row: int = 2, /, **values: Any) -> ParsedPupil:
    """A pupil of a list; by default Анна Ли of 8А."""
    known: dict[str, Any] = {
        "rows": (row,),
        "last_name": "Ли",
        "first_name": "Анна",
        "patronymic": "Ивановна",
        "birth_date": "2012-05-11",
        "class_name": "8А",
    }
    return ParsedPupil(**(known | values))


def pupils(
    *listed: ParsedPupil, school_year: int | None = None, problems: tuple[RowProblem, ...] = ()
) -> ParsedPupilList:
    return ParsedPupilList(school_year=school_year, pupils=listed, problems=problems)


def mother(**values: Any) -> ParsedGuardian:
    known: dict[str, Any] = {
        "last_name": "Ли",
        "first_name": "Мария",
        "patronymic": "Петровна",
        "relation": "мать",
        "phone": "+79120000001",
    }
    return ParsedGuardian(**(known | values))


ANNA = ReportPupil(last_name="Ли", first_name="Анна", patronymic="Ивановна")


def mark(value: str = "5", *, of: ReportPupil = ANNA, cell: str = "B12", **values: Any) -> ParsedMark:
    known: dict[str, Any] = {"subject": "Алгебра", "date": "2026-10-01", "ordinal": 1, "position": 1}
    return ParsedMark(pupil=of, value=value, cell=cell, **(known | values))


def absence(symbol: str = "Б", *, of: ReportPupil = ANNA, cell: str = "C12", **values: Any) -> ParsedAbsence:
    known: dict[str, Any] = {"subject": "Алгебра", "date": "2026-10-02", "ordinal": 1}
    return ParsedAbsence(pupil=of, symbol=symbol, cell=cell, **(known | values))


def final_mark(
    value: str = "4", *, of: ReportPupil = ANNA, cell: str = "Z12", subject: str = "Алгебра"
) -> ParsedFinalMark:
    return ParsedFinalMark(pupil=of, subject=subject, value=value, cell=cell)


def class_report(
    *cells: ParsedMark | ParsedAbsence | ParsedFinalMark, of: tuple[ReportPupil, ...] = (ANNA,), **values: Any
) -> ParsedClassReport:
    known: dict[str, Any] = {
        "school_name": "Школа № 900",
        "school_year": 2026,
        "class_name": "8А",
        "period_from": "2026-09-20",
        "period_to": "2026-11-20",
        "problems": (),
    }
    return ParsedClassReport(
        pupils=of,
        marks=tuple(cell for cell in cells if isinstance(cell, ParsedMark)),
        absences=tuple(cell for cell in cells if isinstance(cell, ParsedAbsence)),
        final_marks=tuple(cell for cell in cells if isinstance(cell, ParsedFinalMark)),
        **(known | values),
    )


def counts(report: ImportReport, stream: Stream) -> tuple[int, int, int]:
    """(added, updated, unchanged)"""
    found = report.streams[stream]
    return found.added, found.updated, found.unchanged


def codes(report: ImportReport) -> list[str]:
    return [problem.code for problem in report.problems]
