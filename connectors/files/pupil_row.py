"""One row of a pupil list → canonical values of one pupil and its guardians, and what was wrong in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from typing import TypeVar

from connectors.files import pupil_cells
from connectors.files.problems import in_cell, in_row
from connectors.files.pupil_columns import Header
from connectors.files.tables import Sheet
from sync_service.domain.rules import birth_certificate, dates, names, phones, snils
from sync_service.domain.rules.outcome import Accepted, Outcome, Refused
from sync_service.domain.rules.text import squeeze
from sync_service.domain.school_files import ParsedGuardian, RowProblem, Severity

Parsed = TypeVar("Parsed")

MANDATORY = ("last_name", "first_name", "birth_date")
"""Without these a row speaks of nobody in particular; the class may come from another row or the file name."""

_TEXT_FIELDS = frozenset({"personal_file_no", "order_number", "class_name", "address", "last_name", "first_name"})
_EXTENSION = Refused(code="extension", reason="добавочный номер не загружен: для него нет поля")
_CORRECT = "Исправьте ячейку и загрузите файл снова."
_FILL_IN_CARD = "Остальные данные загружены; впишите значение в карточку или исправьте файл."


@dataclass(frozen=True, slots=True, kw_only=True)
class PupilRow:
    """A row that names a pupil. Values are canonical, absent where the row is silent or unreadable."""

    row: int
    values: dict[str, str]
    guardians: tuple[ParsedGuardian, ...]
    problems: tuple[RowProblem, ...]


@dataclass(slots=True)
class RowReader:
    """Reads rows under one header; `today` bounds dates of birth, in the school's zone."""

    sheet: Sheet
    header: Header
    today: date
    _problems: list[RowProblem] = field(default_factory=list)
    _row: int = 0

    def read(self, row: int) -> PupilRow | tuple[RowProblem, ...]:
        """The row's values; only its rejections when a name, the birth date or the class cannot be read."""
        self._row, self._problems = row, []
        values = self._names()
        values |= self._dates()
        values |= self._document()
        values |= {
            name: value
            for name, value in (
                ("sex", self._parsed("sex", pupil_cells.sex)),
                ("snils", self._parsed("snils", snils.normalise)),
                ("class_name", self._parsed("class_name", pupil_cells.class_name, severity="rejected")),
                ("personal_file_no", self._parsed("personal_file_no", pupil_cells.plain_text)),
                ("order_number", self._parsed("order_number", pupil_cells.plain_text)),
                ("address", self._parsed("address", pupil_cells.plain_text)),
                ("email", self._parsed("email", pupil_cells.email)),
                ("origin_name", self._parsed("origin_name", pupil_cells.plain_text)),
                ("never_studied", self._parsed("never_studied", pupil_cells.yes_or_no)),
                ("origin_keeps_movement", self._parsed("origin_keeps_movement", pupil_cells.yes_or_no)),
            )
            if value is not None
        }
        values |= self._phones("phone", None)
        values.pop("home_phone", None)
        guardians = self.guardians_of(row)
        for name in MANDATORY:
            if name not in values:
                self._report_missing(name)
        rejected = tuple(problem for problem in self._problems if problem.severity == "rejected")
        if rejected:
            return rejected
        return PupilRow(row=row, values=values, guardians=guardians, problems=tuple(self._problems))

    def continues(self, row: int) -> bool:
        """Whether the row names only a guardian, as below a merged cell of the pupil."""
        filled = set(self.sheet.filled_columns(row))
        pupil = {column for name, column in self.header.columns.items() if not name.startswith("guardian.")}
        guardian = {column for name, column in self.header.columns.items() if name.endswith(".name")}
        return not filled & pupil and bool(filled & guardian)

    def read_continuation(self, row: int, above: PupilRow) -> PupilRow:
        """The guardians of a row whose pupil stands in the row above."""
        self._row, self._problems = row, []
        guardians = self.guardians_of(row)
        return replace(above, row=row, guardians=guardians, problems=tuple(self._problems))

    def guardians_of(self, row: int) -> tuple[ParsedGuardian, ...]:
        """Every guardian of the row in the order of the columns."""
        self._row = row
        numbers = sorted({int(name.split(".")[1]) for name in self.header.columns if name.startswith("guardian.")})
        return tuple(guardian for number in numbers if (guardian := self._guardian(f"guardian.{number}")) is not None)

    def _names(self) -> dict[str, str]:
        if "full_name" in self.header.columns:
            full = self._parsed("full_name", pupil_cells.full_name, severity="rejected")
            if full is None:
                return {}
            found = {"last_name": full.last_name, "first_name": full.first_name, "patronymic": full.patronymic}
        else:
            found = {
                "last_name": self._parsed("last_name", pupil_cells.name, severity="rejected"),
                "first_name": self._parsed("first_name", pupil_cells.name, severity="rejected"),
                "patronymic": self._parsed("patronymic", pupil_cells.patronymic, severity="rejected"),
            }
        values = {name: value for name, value in found.items() if value is not None}
        if names.looks_swapped(values.get("last_name"), values.get("first_name")):
            self._problems.append(
                in_row(
                    self._row,
                    field="last_name",
                    code="names_swapped",
                    reason="похоже, что фамилия и имя стоят в чужих столбцах",
                    remedy="Проверьте; ученик загружен так, как записан.",
                    severity="warning",
                )
            )
        return values

    def _dates(self) -> dict[str, str]:
        def born(text: str) -> Outcome[str]:
            outcome = dates.normalise(text, latest=self.today, date1904=self.sheet.date1904)
            if isinstance(outcome, Accepted) and outcome.value > self.today.isoformat():
                return Refused(code="future", reason="дата рождения ещё не наступила")
            return outcome

        def any_day(text: str) -> Outcome[str]:
            return dates.normalise(text, date1904=self.sheet.date1904)

        found = {"birth_date": self._parsed("birth_date", born, severity="rejected")}
        found |= {name: self._parsed(name, any_day) for name in ("admitted_on", "enrolled_on", "order_date")}
        return {name: value for name, value in found.items() if value is not None}

    def _document(self) -> dict[str, str]:
        if "document" in self.header.columns:
            document = self._parsed("document", birth_certificate.normalise)
        else:
            series = self._parsed("document_series", pupil_cells.plain_text) or ""
            number = self._parsed("document_number", pupil_cells.plain_text) or ""
            name = "document_number" if number or not series else "document_series"
            document = self._parsed(name, lambda _: birth_certificate.normalise_pair(series, number))
        if document is None:
            return {}
        return {"document_series": document.series, "document_number": document.number}

    def _guardian(self, prefix: str) -> ParsedGuardian | None:
        full = self._parsed(f"{prefix}.name", pupil_cells.full_name)
        contacts = self._phones(f"{prefix}.phone", f"{prefix}.home_phone")
        email = self._parsed(f"{prefix}.email", pupil_cells.email)
        relation = self._parsed(f"{prefix}.relation", pupil_cells.plain_text)
        if full is None:
            if (contacts or email) and not self._text(f"{prefix}.name"):
                self._problems.append(
                    in_row(
                        self._row,
                        field=f"{prefix}.name",
                        code="guardian_unnamed",
                        reason="указаны телефон или почта, но не указано ФИО родителя",
                        remedy=_FILL_IN_CARD,
                        severity="warning",
                    )
                )
            return None
        known = pupil_cells.RELATIONS.get((relation or "").casefold().rstrip("."))
        return ParsedGuardian(
            last_name=full.last_name,
            first_name=full.first_name,
            patronymic=full.patronymic,
            relation=known or "иной",
            relation_note=relation.lower() if relation and known is None else None,
            phone=contacts.get("phone"),
            home_phone=contacts.get("home_phone"),
            email=email,
        )

    def _phones(self, mobile: str, home: str | None) -> dict[str, str]:
        """At most two numbers: the first (a mobile one before others) and the home number."""
        numbers, at_home = self._numbers(mobile), self._numbers(home) if home else []
        if len(numbers) > 1:
            numbers.sort(key=lambda number: not number.startswith("+79"))
        queue = at_home + numbers[1:]
        if len(queue) > 1 or (home is None and queue):
            self._problems.append(
                in_row(
                    self._row,
                    field=mobile,
                    code="extra_phone",
                    reason="телефонов больше, чем помещается в карточку",
                    remedy="Загружены первые; остальные впишите в карточку.",
                    severity="warning",
                )
            )
        found = {"phone": numbers[0]} if numbers else {}
        return found | ({"home_phone": queue[0]} if queue else {})

    def _numbers(self, name: str) -> list[str]:
        text = self._parsed(name, pupil_cells.plain_text)
        if text is None:
            return []
        found = phones.in_cell(text)
        for refused in found.refused:
            self._report(name, refused, "warning")
        if any(phone.extension for phone in found.phones):
            self._report(name, _EXTENSION, "warning")
        return [phone.number for phone in found.phones]

    def _text(self, name: str) -> str | None:
        column = self.header.columns.get(name)
        if column is None:
            return None
        return squeeze(self.sheet.text(self._row, column)) or None

    def _parsed(
        self, name: str, rule: Callable[[str], Outcome[Parsed | None]], *, severity: Severity = "warning"
    ) -> Parsed | None:
        """What the rule makes of the cell; None for an empty cell, and for a refused one after reporting it."""
        column = self.header.columns.get(name)
        if column is None:
            return None
        outcome: Outcome[Parsed | None]
        if self.sheet.is_unreadable(self._row, column):
            outcome = Refused(code="no_value", reason="в ячейке ошибка или формула, результат которой не сохранён")
        elif isinstance(self.sheet.value(self._row, column), time | timedelta):
            outcome = Refused(code="shape", reason="в ячейке время суток")
        elif name in _TEXT_FIELDS and isinstance(self.sheet.value(self._row, column), date):
            outcome = Refused(code="became_date", reason="программа таблиц превратила значение в дату")
        else:
            text = self._text(name)
            if text is None:
                return None
            outcome = rule(text)
        if isinstance(outcome, Accepted):
            return outcome.value
        self._report(name, outcome, severity)
        return None

    def _report(self, name: str, refused: Refused, severity: Severity) -> None:
        self._problems.append(
            in_cell(
                self._row,
                self.header.columns[name],
                field=name,
                code=refused.code,
                reason=refused.reason,
                remedy=_CORRECT if severity == "rejected" else _FILL_IN_CARD,
                severity=severity,
            )
        )

    def _report_missing(self, name: str) -> None:
        if any(
            problem.severity == "rejected" and problem.column in (name, "full_name") for problem in self._problems
        ):
            return  # the cell was filled and has been reported with its own reason
        self._problems.append(
            in_row(
                self._row,
                field=name,
                code="missing",
                reason="обязательное значение не заполнено",
                remedy="Заполните ячейку и загрузите файл снова.",
                severity="rejected",
            )
        )
