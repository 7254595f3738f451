"""What a school's file says, after reading and before anything is decided about it.

Readers in `connectors.files` produce these values, the import use case consumes them. Values are canonical
(names tidied, dates ISO `YYYY-MM-DD`, phones +7XXXXXXXXXX, СНИЛС eleven digits); an unreadable optional value
is None and stands in `problems`. Rows and cells are those of the file, counted from 1 as a spreadsheet shows
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sync_service.domain.errors import SyncError

Sex: TypeAlias = Literal["М", "Ж"]
Relation: TypeAlias = Literal["мать", "отец", "опекун", "попечитель", "иной"]
OriginKind: TypeAlias = Literal["school", "other_district", "none"]
Severity: TypeAlias = Literal["rejected", "warning"]


class FileRejected(SyncError):
    """The whole file cannot be used; nothing was read from it. `reason` and `remedy` are Russian sentences
    without personal data; `code` is stable and groups equal reasons."""

    def __init__(self, *, code: str, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}")
        self.code = code
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """One thing in a file that a person should look at. Holds no value of the file, only where it stands."""

    row: int | None
    cell: str | None
    """Address such as «B12»; None when the problem is about a whole row or file."""
    column: str | None
    """Canonical field the problem is about; a column's letter where the column is no known field."""
    code: str
    reason: str
    remedy: str
    severity: Severity
    """rejected: what stands there did not go in. warning: it went in, without the doubtful value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedGuardian:
    """A parent or another representative of one pupil, as one row or one group of columns names them."""

    last_name: str
    first_name: str
    patronymic: str | None = None
    relation: Relation = "иной"
    relation_note: str | None = None
    """The file's own word where it is none of the five relations («бабушка»)."""
    phone: str | None = None
    home_phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedPupil:
    """One pupil, merged from all rows of the file that speak of this pupil."""

    rows: tuple[int, ...]
    last_name: str
    first_name: str
    patronymic: str | None
    birth_date: str
    class_name: str
    sex: Sex | None = None
    snils: str | None = None
    document_series: str | None = None
    document_number: str | None = None
    personal_file_no: str | None = None
    admitted_on: str | None = None
    enrolled_on: str | None = None
    order_number: str | None = None
    order_date: str | None = None
    address: str | None = None
    phone: str | None = None
    email: str | None = None
    guardians: tuple[ParsedGuardian, ...] = ()
    origin_kind: OriginKind | None = None
    """none: has not studied before; school or other_district only where the file says whether movement is kept."""
    origin_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedPupilList:
    """A pupil list. Every filled row below the header is either in one pupil's `rows` or in problems marked
    rejected, never in both."""

    school_year: int | None
    """Starting year, where the file names it; never derived from today."""
    pupils: tuple[ParsedPupil, ...]
    problems: tuple[RowProblem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPupil:
    """A pupil as a class report names one: no id, no birth date."""

    last_name: str
    first_name: str
    patronymic: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedMark:
    """One current mark. `ordinal` counts the date's columns of the pupil's block, `position` the marks in one
    cell, both from 1."""

    pupil: ReportPupil
    subject: str
    date: str
    ordinal: int
    position: int
    value: str
    cell: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedAbsence:
    """One attendance symbol, canonical; a class report gives no reason beside it."""

    pupil: ReportPupil
    subject: str
    date: str
    ordinal: int
    symbol: str
    cell: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFinalMark:
    """The final mark of the report's period."""

    pupil: ReportPupil
    subject: str
    value: str
    cell: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedClassReport:
    """Marks and absences of one class. Every filled cell is in one of the tuples, or a rejected problem names it,
    its row or its block."""

    school_name: str | None
    school_year: int
    class_name: str
    period_from: str
    period_to: str
    pupils: tuple[ReportPupil, ...]
    """Every pupil with a usable block, in the order of the file, also those without any mark."""
    marks: tuple[ParsedMark, ...]
    absences: tuple[ParsedAbsence, ...]
    final_marks: tuple[ParsedFinalMark, ...]
    problems: tuple[RowProblem, ...]
