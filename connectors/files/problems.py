"""Sentences about what is wrong in a file: where it stands and what to do, never what stands there."""

from __future__ import annotations

from connectors.files.tables import address
from sync_service.domain.school_files import RowProblem, Severity

_PUPIL = {
    "last_name": "Фамилия",
    "first_name": "Имя",
    "patronymic": "Отчество",
    "full_name": "ФИО ученика",
    "sex": "Пол",
    "birth_date": "Дата рождения",
    "snils": "СНИЛС",
    "document": "Документ",
    "document_series": "Серия документа",
    "document_number": "Номер документа",
    "personal_file_no": "Номер личного дела",
    "admitted_on": "Дата приёма в школу",
    "class_name": "Класс",
    "enrolled_on": "Дата зачисления/перевода",
    "order_number": "Номер приказа",
    "order_date": "Дата приказа",
    "address": "Место жительства",
    "phone": "Телефон ученика",
    "email": "E-mail ученика",
    "origin_name": "Откуда прибыл",
    "never_studied": "Ранее не обучался",
    "origin_keeps_movement": "Движение в прежней школе ведётся",
}
_GUARDIAN = {
    "name": "ФИО родителя",
    "relation": "Степень родства",
    "phone": "Телефон родителя",
    "home_phone": "Домашний телефон родителя",
    "email": "E-mail родителя",
}
FIELD_NAMES = _PUPIL | {
    f"guardian.{number}.{field}": name for number in range(1, 7) for field, name in _GUARDIAN.items()
}
"""Canonical field of a pupil list → what a secretary calls it."""


def in_cell(
    row: int,
    column: int,
    *,
    field: str | None,
    code: str,
    reason: str,
    remedy: str,
    severity: Severity,
) -> RowProblem:
    """A problem of one cell. `reason` is a clause in small letters; the sentence names the place."""
    place = address(row, column)
    named = f" «{FIELD_NAMES[field]}»" if field in FIELD_NAMES else ""
    return RowProblem(
        row=row,
        cell=place,
        column=field,
        code=code,
        reason=f"Ячейка {place}{named}: {reason}.",
        remedy=remedy,
        severity=severity,
    )


def in_row(row: int, *, field: str | None, code: str, reason: str, remedy: str, severity: Severity) -> RowProblem:
    """A problem of a whole row, or of one field in it that has no single cell."""
    named = f", «{FIELD_NAMES[field]}»" if field in FIELD_NAMES else ""
    return RowProblem(
        row=row,
        cell=None,
        column=field,
        code=code,
        reason=f"Строка {row}{named}: {reason}.",
        remedy=remedy,
        severity=severity,
    )
