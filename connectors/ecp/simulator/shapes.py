"""The twelve streams of the assumed contract, parents before children."""

from __future__ import annotations

from typing import Any

from connectors.ecp.simulator.fields import (
    Check,
    Field,
    StreamShape,
    check_date,
    check_email,
    check_flag,
    check_guid,
    check_phone,
    check_snils,
    one_of,
    text,
    whole,
)

META = ("id", "version", "changeVersion", "changedAt", "deleted", "clientRef")

ARRIVAL = "Зачисление"
DEPARTURE = "Выбытие"
CLASS_CHANGE = "Перевод в другой класс"
PROMOTION = "Перевод в следующий класс"
REPEAT = "Оставлен на повторное обучение"
GRADUATION = "Окончание обучения"
MOVEMENT_TYPES = (ARRIVAL, DEPARTURE, CLASS_CHANGE, PROMOTION, REPEAT, GRADUATION)
RELATIONS = ("MOTHER", "FATHER", "GUARDIAN", "TRUSTEE", "OTHER")
FINAL_GRADES = ("2", "3", "4", "5", "зачет", "незачет", "н/а", "осв.")
ABSENCES = ("ОТ", "УП", "Б", "НП", "ОП", "осв.")

_SHORT, _LONG = text(100), text(500)
_YEAR = one_of(*(str(year) for year in range(2000, 2101)))


def _text(name: str, check: Check = _LONG, *, required: bool = False) -> Field:
    return Field(name=name, check=check, required=required, free_text=True)


def _plain(name: str, check: Check, *, required: bool = False, default: Any = None) -> Field:
    return Field(name=name, check=check, required=required, default=default)


def _link(name: str, stream: str, *, required: bool = True) -> Field:
    return Field(name=name, check=check_guid, required=required, refers_to=stream)


_NAMES = ("lastName", "firstName", "surName")

_SHAPES = (
    StreamShape(
        name="organizations",
        writable=False,
        fields=(
            _text("name", required=True),
            _text("shortName"),
            _plain("phone", check_phone),
            _plain("email", check_email),
            _text("districtName"),
            _plain("keepsMovement", check_flag, required=True, default=True),
        ),
        kept=("name",),
    ),
    StreamShape(
        name="periods",
        writable=False,
        fields=(
            _plain("schoolYear", _YEAR, required=True),
            _text("name", required=True),
            _plain("periodType", one_of("QUARTER", "TRIMESTER", "HALF_YEAR", "YEAR", "HOLIDAY"), required=True),
            _plain("dateBegin", check_date, required=True),
            _plain("dateEnd", check_date, required=True),
        ),
        kept=("schoolYear", "name"),
    ),
    StreamShape(
        name="classes",
        writable=False,
        fields=(
            _plain("schoolYear", _YEAR, required=True),
            _text("name", text(15), required=True),
            _plain("parallel", whole(1, 11)),
            _plain("lateEntryUntil", check_date),
        ),
        lookups=(("name",),),
        kept=("schoolYear", "name"),
    ),
    StreamShape(
        name="subjects",
        writable=False,
        fields=(_text("name", required=True),),
        lookups=(("name",),),
        kept=("name",),
    ),
    StreamShape(
        name="lessons",
        writable=False,
        fields=(
            _link("classId", "classes"),
            _link("subjectId", "subjects"),
            _plain("lessonDate", check_date, required=True),
            _plain("lessonNumber", whole(1, 12), required=True),
        ),
        lookups=(("classId", "lessonDate"),),
        kept=("classId", "subjectId", "lessonDate", "lessonNumber"),
    ),
    StreamShape(
        name="students",
        fields=(
            _plain("personId", check_guid),
            _text("lastName", _SHORT, required=True),
            _text("firstName", _SHORT, required=True),
            _text("surName", _SHORT),
            _plain("genderCode", one_of("1", "2")),
            _plain("birthDate", check_date, required=True),
            _plain("snils", check_snils),
            _text("docSeries", text(20)),
            _text("docNumber", text(20)),
            _text("personalFileNumber", text(30)),
            _plain("admissionDate", check_date),
            _text("address"),
            _plain("phone", check_phone),
            _plain("email", check_email),
        ),
        keys=((*_NAMES, "birthDate"), ("snils",)),
        kept=("personId", *_NAMES, "birthDate", "snils"),
        folded=True,
    ),
    StreamShape(
        name="guardians",
        fields=(
            _text("lastName", _SHORT, required=True),
            _text("firstName", _SHORT),
            _text("surName", _SHORT),
            _plain("mobilePhone", check_phone),
            _plain("homePhone", check_phone),
            _plain("email", check_email),
        ),
        keys=((*_NAMES, "mobilePhone"),),
        kept=(*_NAMES, "mobilePhone"),
        folded=True,
    ),
    StreamShape(
        name="guardianships",
        fields=(
            _link("studentId", "students"),
            _link("guardianId", "guardians"),
            _plain("relationCode", one_of(*RELATIONS), required=True),
            _text("relationNote", _SHORT),
        ),
        keys=(("studentId", "guardianId"),),
        kept=("studentId", "guardianId"),
    ),
    StreamShape(
        name="movements",
        fields=(
            _link("studentId", "students"),
            _plain("movementType", one_of(*MOVEMENT_TYPES), required=True),
            _plain("movementDate", check_date, required=True),
            _text("orderNumber", text(50), required=True),
            _plain("orderDate", check_date, required=True),
            _link("classFromId", "classes", required=False),
            _link("classToId", "classes", required=False),
            _plain("originType", one_of("SCHOOL", "OTHER_DISTRICT", "NONE")),
            _link("originOrganizationId", "organizations", required=False),
            _text("originName"),
            _link("destinationOrganizationId", "organizations", required=False),
            _text("destinationName"),
        ),
        keys=(("studentId", "movementType", "orderNumber", "movementDate"),),
        lookups=(("studentId",),),
        kept=("studentId", "movementType", "orderNumber", "movementDate"),
    ),
    StreamShape(
        name="marks",
        fields=(
            _link("studentId", "students"),
            _link("lessonId", "lessons"),
            _plain("grade", one_of("1", "2", "3", "4", "5"), required=True),
            _plain("weight", whole(1, 100), default=1),
            _plain("ordinal", whole(1, 100), default=1),
            _text("comment"),
            _text("workType", _SHORT),
            _text("teacherName", _SHORT),
        ),
        keys=(("studentId", "lessonId"),),
        kept=("studentId", "lessonId", "ordinal"),
    ),
    StreamShape(
        name="final-marks",
        fields=(
            _link("studentId", "students"),
            _link("subjectId", "subjects"),
            _link("periodId", "periods"),
            _plain("gradeKind", one_of("PERIOD", "YEAR", "EXAM", "FINAL"), required=True),
            _plain("finalyGrade", one_of(*FINAL_GRADES), required=True),
        ),
        keys=(("studentId", "subjectId", "periodId", "gradeKind"),),
        kept=("studentId", "subjectId", "periodId", "gradeKind"),
    ),
    StreamShape(
        name="attendance",
        fields=(
            _link("studentId", "students"),
            _link("lessonId", "lessons"),
            _plain("absenceCode", one_of(*ABSENCES), required=True),
            _text("reason"),
        ),
        keys=(("studentId", "lessonId"),),
        kept=("studentId", "lessonId"),
    ),
)

SHAPES: dict[str, StreamShape] = {shape.name: shape for shape in _SHAPES}
FIELDS: dict[str, dict[str, Field]] = {shape.name: {field.name: field for field in shape.fields} for shape in _SHAPES}
