"""Canonical records: the one vocabulary in which both sides are compared.

Every class is the definition of a stream: its fields are the columns of the staging table, the keys of a
mapping table and the keys of the values the engine merges. A value is text, an integer, a boolean or None;
a date is ISO text ``YYYY-MM-DD`` and is never converted between zones (DESIGN.md 4, invariant 14). A field
whose name ends in ``_id`` refers to another record: it holds a local id inside the engine and a regional id
at the connector's edge; ``person_id`` alone is plain text owned by the region.
"""

from __future__ import annotations

from dataclasses import dataclass

Scalar = str | int | bool | None
Values = dict[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A school of the region; pulled only."""

    name: str
    short_name: str | None = None
    phone: str | None = None
    email: str | None = None
    district: str | None = None
    keeps_movement: bool = True  # False: «Движение учащихся» is not kept in the regional system there


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A quarter, trimester, half-year, year or holiday; ``school_year`` is the year it starts in."""

    school_year: int
    name: str
    kind: str
    starts_on: str
    ends_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SchoolClass:
    """A class of one school year; ``name`` is any text of at most 15 characters."""

    school_year: int
    name: str
    grade: int | None = None
    late_entry_until: str | None = None  # the region opened the journal for late entry, that day included


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A lesson of the timetable; never invented locally. ``number`` is its place in the class's day."""

    class_id: int
    subject_id: int
    date: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Student:
    """A pupil in one school; ``person_id`` is the same human being region-wide."""

    last_name: str
    first_name: str
    patronymic: str | None = None
    sex: str | None = None  # «М» or «Ж»
    birth_date: str | None = None
    snils: str | None = None  # eleven digits
    document_series: str | None = None  # birth certificate, e.g. IV-АИ
    document_number: str | None = None
    personal_file_no: str | None = None  # text such as «К-35», unique only within the school
    admitted_on: str | None = None
    address: str | None = None
    phone: str | None = None  # +7XXXXXXXXXX
    email: str | None = None
    person_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardian:
    """A parent's card, shared by siblings (regulation 3.5: never a second card for the same parent)."""

    last_name: str
    first_name: str | None = None
    patronymic: str | None = None
    phone: str | None = None
    home_phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardianship:
    student_id: int
    guardian_id: int
    relation: str  # мать, отец, опекун, попечитель, иной
    relation_note: str | None = None  # what the file said, e.g. «бабушка»


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One line of «Движение учащихся»: what happened to the pupil, by which order."""

    student_id: int
    kind: str  # arrival, departure, class_change, promotion, repeat, graduation
    date: str
    order_number: str | None = None
    order_date: str | None = None
    class_from_id: int | None = None
    class_to_id: int | None = None
    origin_kind: str | None = None  # school, other_district (no movement accounting), none; None = unknown
    origin_organization_id: int | None = None
    origin_name: str | None = None
    destination_organization_id: int | None = None
    destination_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A current mark; ``position`` tells apart several marks of one cell."""

    student_id: int
    lesson_id: int
    value: str  # 1…5
    weight: int = 1
    position: int = 1
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalMark:
    student_id: int
    subject_id: int
    period_id: int
    kind: str  # period, year, exam, final
    value: str  # 2 3 4 5 зач незач н/а осв


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendance:
    """An absence or delay at one lesson."""

    student_id: int
    lesson_id: int
    symbol: str  # ОТ УП Б НП ОП осв
    reason: str | None = None
