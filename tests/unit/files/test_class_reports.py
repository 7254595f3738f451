"""Class reports: every cell comes out or is reported with its address; nothing is guessed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from connectors.files.class_report import read_class_report
from sync_service.domain.school_files import FileRejected, ParsedClassReport
from tests.unit.files.samples import csv_of, with_part, xlsx_of

Row = Sequence[Any]
TITLE: list[Row] = [("Школа № 900",), ("Отчет об успеваемости и посещаемости ученика",)]
LINES: list[Row] = [("Учебный год: 2026/2027",), ("Класс: 8А",), ("Период: с 01.09.26 по 25.10.26",)]
LEGEND: list[Row] = [("Н", "Неуважительная"), ("О", "Опоздание"), ("Б", "Болезнь"), ("У", "Уважительная")]
MONTHS: Row = (
    "Предмет",
    "Сентябрь",
    "",
    "Октябрь",
    "",
    "Средняя оценка",
    "Средневзвешенный \n балл",
    "Итоговая оценка за период",
)
DAYS: Row = ("", 29, 30, 1, 1)


def block(*subjects: Row, name: str = "Ли Анна Ивановна", months: Row = MONTHS, days: Row = DAYS) -> list[Row]:
    return [(f"Ученик: {name}",), months, days, *subjects]


def report(*subjects: Row, legend: list[Row] | None = None, **options: Any) -> ParsedClassReport:
    rows = [*TITLE, *LINES, *block(*subjects, **options), *(LEGEND if legend is None else legend)]
    return read_class_report(xlsx_of(rows))


def marks(parsed: ParsedClassReport) -> list[tuple[str, int, int, str, str]]:
    return [(mark.date, mark.ordinal, mark.position, mark.value, mark.cell) for mark in parsed.marks]


def absences(parsed: ParsedClassReport) -> list[tuple[str, str]]:
    return [(absence.symbol, absence.cell) for absence in parsed.absences]


def problems(parsed: ParsedClassReport) -> list[tuple[str | None, str, str]]:
    return [(problem.cell, problem.code, problem.severity) for problem in parsed.problems]


def test_marks_have_date_ordinal_position_and_cell() -> None:
    """Two columns of one date are two lessons, two marks of one cell two positions."""
    parsed = report(("Алгебра", "5", "", "3/4", "5 4"))
    assert marks(parsed) == [
        ("2026-09-29", 1, 1, "5", "B9"),
        ("2026-10-01", 1, 1, "3", "D9"),
        ("2026-10-01", 1, 2, "4", "D9"),
        ("2026-10-01", 2, 1, "5", "E9"),
        ("2026-10-01", 2, 2, "4", "E9"),
    ]
    assert parsed.problems == ()
    assert parsed.school_name == "Школа № 900"


@pytest.mark.parametrize(
    ("cell", "symbol", "values"),
    [
        ("О 4", "ОП", ["4"]),
        ("Б  3/4", "Б", ["3", "4"]),
        ("Н", "НП", []),
        ("у", "УП", []),
        ("O", "ОП", []),
        ("ОТ", "ОТ", []),
        ("осв.", "осв", []),
        (5, None, ["5"]),
        (5.0, None, ["5"]),
        ("", None, []),
    ],
)
def test_what_a_cell_may_hold(cell: object, symbol: str | None, values: list[str]) -> None:
    """An absence with marks, either alone, numbers instead of text, and the regional codes themselves."""
    parsed = report(("Алгебра", cell))
    assert [absence.symbol for absence in parsed.absences] == ([symbol] if symbol else [])
    assert [mark.value for mark in parsed.marks] == values
    assert parsed.problems == ()


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("Х", "unknown_symbol"),
        ("6", "unknown_symbol"),
        ("5+", "unknown_symbol"),
        ("45", "unknown_symbol"),
        (4.5, "unknown_symbol"),
        ("Х 5", "unknown_symbol"),
        ("Н Б", "several_symbols"),
        (date(2026, 4, 3), "became_date"),
        ("=1+1", "no_value"),
    ],
)
def test_an_unknown_cell_is_reported_with_its_address(cell: object, code: str) -> None:
    """A cell with one unknown token gives nothing at all; the cells beside it go in."""
    parsed = report(("Алгебра", cell, "5"))
    assert problems(parsed) == [("B9", code, "rejected")]
    assert [mark.cell for mark in parsed.marks] == ["C9"]
    assert parsed.absences == ()


def test_the_legend_of_the_file_defines_its_letters() -> None:
    """«Н» is НП only where the legend says so; here it means a delay, elsewhere nothing."""
    row = ("Алгебра", "Н")
    assert absences(report(row)) == [("НП", "B9")]
    assert absences(report(row, legend=[("Н", "Опоздание")])) == [("ОП", "B9")]
    assert problems(report(row, legend=[])) == [("B9", "unknown_symbol", "rejected")]
    assert problems(report(row, legend=[("Н", "Карантин")])) == [("B9", "unknown_meaning", "rejected")]
    assert problems(report(row, legend=[*LEGEND, ("Н", "Болезнь")])) == [("B9", "two_meanings", "rejected")]


def test_a_block_without_a_legend_uses_what_the_others_agree_on() -> None:
    """Legends that contradict each other define nothing for a block without one."""
    first, second = block(("Алгебра", "Н"), name="Ким Олег Янович"), block(("Алгебра", "Н"))
    last = block(("Алгебра", "5"), name="Ан Ян Янович")
    agreed = read_class_report(xlsx_of([*TITLE, *LINES, *first, *LEGEND, *second]))
    assert absences(agreed) == [("НП", "B9"), ("НП", "B17")]
    disputed = read_class_report(xlsx_of([*TITLE, *LINES, *first, *LEGEND, *last, ("Н", "Болезнь"), *second]))
    assert absences(disputed) == [("НП", "B9")]
    assert problems(disputed) == [("B22", "two_meanings", "rejected")]


@pytest.mark.parametrize(("text", "value"), [("5", "5"), (5, "5"), ("зачёт", "зач"), ("н/а", "н/а"), ("осв.", "осв")])
def test_final_marks(text: object, value: str) -> None:
    """The final mark of the period is one of the allowed set."""
    (final,) = report(("Алгебра", "", "", "", "", 0, 0, text)).final_marks
    assert (final.subject, final.value, final.cell) == ("Алгебра", value, "H9")


def test_an_unknown_final_mark_is_reported() -> None:
    """A final mark of 1 does not exist."""
    parsed = report(("Алгебра", "", "", "", "", 0, 0, "1"))
    assert parsed.final_marks == ()
    assert problems(parsed) == [("H9", "unknown_final_mark", "rejected")]


@pytest.mark.parametrize(
    ("average", "expected"),
    [
        (4.5, []),
        ("4,5", []),
        ("4.50", []),
        ("", []),
        (4.6, [("F9", "average_off", "warning")]),
        (0, [("F9", "average_off", "warning")]),
        ("nan", [("F9", "average_off", "warning")]),
        ("хорошо", [("F9", "average_unreadable", "warning")]),
    ],
)
def test_averages_are_checked_and_not_repaired(average: object, expected: list[tuple[str, str, str]]) -> None:
    """Both marks go in whatever the average says; a wrong figure is reported once."""
    parsed = report(("Алгебра", "4", "5", "", "", average))
    assert [mark.value for mark in parsed.marks] == ["4", "5"]
    assert problems(parsed) == expected


def test_an_average_rounded_to_two_digits_is_right() -> None:
    """4.67 of 4, 5, 5."""
    assert report(("Алгебра", "4", "5", "5", "", "4,67")).problems == ()


def test_an_average_beside_a_rejected_cell_is_not_judged() -> None:
    """One cause, one problem."""
    assert problems(report(("Алгебра", "4", "Х", "", "", 4.5))) == [("C9", "unknown_symbol", "rejected")]


def test_the_year_comes_from_the_school_year_also_behind_new_year() -> None:
    """December and January of one period lie in two years."""
    lines: list[Row] = [LINES[0], LINES[1], ("Период: с 01.12.26 по 31.01.27",)]
    months = ("Предмет", "Декабрь", "Январь", "Средняя оценка")
    rows = [*TITLE, *lines, *block(("Алгебра", "4", "5"), months=months, days=("", 25, 12)), *LEGEND]
    assert [mark.date for mark in read_class_report(xlsx_of(rows)).marks] == ["2026-12-25", "2027-01-12"]


@pytest.mark.parametrize("day", [31, 0, "5а", 1.5])
def test_a_day_that_does_not_exist_rejects_its_column(day: object) -> None:
    """The column is reported, and so is every filled cell below it."""
    parsed = report(("Алгебра", "4", "5"), days=("", day, 30))
    assert [mark.cell for mark in parsed.marks] == ["C9"]
    assert problems(parsed) == [("B8", "day", "rejected"), ("B9", "no_day", "rejected")]


def test_a_day_outside_the_period_is_rejected() -> None:
    """31 October lies behind the end of the period."""
    parsed = report(("Алгебра", "", "", "4"), days=("", 29, 30, 31))
    assert parsed.marks == ()
    assert problems(parsed) == [("D8", "day", "rejected"), ("D9", "no_day", "rejected")]


def test_whole_dates_instead_of_days() -> None:
    """A program that stores dates in the day row says the same."""
    parsed = report(("Алгебра", "4"), days=("", date(2026, 9, 29)))
    assert [mark.date for mark in parsed.marks] == ["2026-09-29"]


def test_namesakes_of_one_class_are_rejected_both() -> None:
    """A report knows pupils by name only; marks of two children are never thrown together."""
    rows = [
        *TITLE,
        *LINES,
        *block(("Алгебра", "5")),
        *LEGEND,
        *block(("Алгебра", "2"), name="ЛИ АННА ИВАНОВНА"),
        *LEGEND,
    ]
    parsed = read_class_report(xlsx_of([*rows, *block(("Алгебра", "4"), name="Ким Олег")]))
    assert [mark.value for mark in parsed.marks] == ["4"]
    assert [(problem.row, problem.code) for problem in parsed.problems] == [(6, "namesakes"), (14, "namesakes")]


def test_a_subject_named_twice_is_rejected_twice() -> None:
    """The two rows would claim the same lessons."""
    parsed = report(("Алгебра", "5"), ("алгебра", "4"), ("Физика", "3"))
    assert [mark.value for mark in parsed.marks] == ["3"]
    assert [(problem.row, problem.code) for problem in parsed.problems] == [
        (9, "repeated_subject"),
        (10, "repeated_subject"),
    ]


def test_marks_without_a_subject_or_a_day_are_reported() -> None:
    """Nothing that is filled vanishes."""
    parsed = report(("", "5"), ("Физика", "", "", "", "", 0, 0, "", "4"))
    assert [(problem.row, problem.code) for problem in parsed.problems] == [(9, "no_subject"), (10, "no_day")]


def test_an_unreadable_name_rejects_its_block() -> None:
    """Without a name the marks belong to nobody."""
    rows = [*TITLE, *LINES, *block(("Алгебра", "5"), name=""), *block(("Алгебра", "4"), name="Ким Олег")]
    parsed = read_class_report(xlsx_of(rows))
    assert [mark.value for mark in parsed.marks] == ["4"]
    assert [(problem.row, problem.code, problem.severity) for problem in parsed.problems] == [
        (6, "pupil", "rejected")
    ]


def test_unknown_columns_are_told() -> None:
    """A column that is neither a day nor known is reported and read as nothing."""
    months = ("Предмет", "Сентябрь", "Пропуски", "Средняя оценка")
    parsed = report(("Алгебра", "4", "17", 4), months=months, days=("", 29))
    assert [mark.value for mark in parsed.marks] == ["4"]
    assert [(problem.column, problem.code) for problem in parsed.problems] == [("C", "column_ignored")]


def test_the_same_layout_as_text() -> None:
    """A report saved as CSV says the same as the workbook."""
    rows = [[str(cell) for cell in row] for row in (*TITLE, *LINES, *block(("Алгебра", "О 4", "3/4")), *LEGEND)]
    parsed = read_class_report(csv_of(rows, encoding="cp1251"))
    assert marks(parsed) == marks(report(("Алгебра", "О 4", "3/4")))
    assert absences(parsed) == [("ОП", "B9")]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (LINES[:2], "no_scope"),
        ([LINES[0], LINES[2]], "no_scope"),
        ([LINES[0], LINES[1], ("Период: осень",)], "no_scope"),
        ([LINES[0], LINES[1], ("Период: с 25.10.26 по 01.09.26",)], "no_scope"),
        ([*LINES, ("Класс: 8Б",)], "several_scopes"),
        ([*LINES, ("Период: с 01.11.26 по 02.11.26",)], "several_scopes"),
        ([("Учебный год: 2025/2026",), *LINES[1:]], "other_year"),
        ([LINES[0], LINES[1], ("Период: с 01.08.26 по 30.09.26",)], "other_year"),
    ],
)
def test_a_report_without_one_scope_is_refused(lines: list[Row], code: str) -> None:
    """Class, year and period decide where every mark goes: they must be there, once, and fit."""
    with pytest.raises(FileRejected) as caught:
        read_class_report(xlsx_of([*TITLE, *lines, *block(("Алгебра", "5"))]))
    assert caught.value.code == code


def test_a_report_without_blocks_is_refused() -> None:
    """A title alone is no report."""
    with pytest.raises(FileRejected) as caught:
        read_class_report(xlsx_of([*TITLE, *LINES]))
    assert caught.value.code == "unknown_layout"


def test_a_report_on_two_sheets_is_refused() -> None:
    """Reading only the first would lose pupils."""
    rows = [*TITLE, *LINES, *block(("Алгебра", "5"))]
    with pytest.raises(FileRejected) as caught:
        read_class_report(xlsx_of(rows, more_sheets=[rows]))
    assert caught.value.code == "several_sheets"


def test_an_error_cell_is_reported() -> None:
    """A reader sees #N/A as empty; the report does not."""
    content = xlsx_of([*TITLE, *LINES, *block(("Алгебра", "5", "ошибка")), *LEGEND])
    assert marks(read_class_report(content))[0][3] == "5"
    broken = with_part(
        xlsx_of([*TITLE, *LINES, *block(("Алгебра", "5", 7)), *LEGEND]),
        "xl/worksheets/sheet1.xml",
        lambda data: data.replace(b'<c r="C9" t="n"><v>7</v>', b'<c r="C9" t="e"><v>#N/A</v>'),
    )
    assert problems(read_class_report(broken)) == [("C9", "no_value", "rejected")]
