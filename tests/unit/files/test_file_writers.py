"""What the writers write, the readers read back; a spreadsheet runs nothing of it."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import date

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.files.class_report import read_class_report
from connectors.files.writers import class_report_xlsx, neutralised, pupil_list_csv
from sync_service.domain.rules import names, snils
from sync_service.domain.school_files import (
    ParsedAbsence,
    ParsedClassReport,
    ParsedFinalMark,
    ParsedGuardian,
    ParsedMark,
    ParsedPupil,
    ReportPupil,
)
from tests.unit.files.samples import FOLDER, read

WORDS = st.text(alphabet="абвгдежзиклмнопрстуё", min_size=2, max_size=8).map(str.capitalize)
SURNAMES = WORDS.filter(lambda word: word.casefold() not in names.PATRONYMIC_SUFFIXES)
PATRONYMICS = st.none() | WORDS.filter(lambda word: names.tidy_patronymic(word) == word).filter(
    lambda word: word.casefold() not in names.PATRONYMIC_SUFFIXES
)
DAYS = st.dates(min_value=date(2008, 1, 1), max_value=date(2020, 12, 31))
PHONES = st.none() | st.integers(min_value=0, max_value=9_999_999).map(lambda tail: f"+7912{tail:07d}")
TEXTS = st.none() | st.text(alphabet="абв гд№1234=+-@'\";,.\n", max_size=12).map(
    lambda text: " ".join(text.split()) or None
)


def valid_snils(number: int) -> str:
    digits = f"{number:09d}"
    return digits + snils.control_digits(digits)


GUARDIANS = st.builds(
    ParsedGuardian,
    last_name=SURNAMES,
    first_name=SURNAMES,
    patronymic=PATRONYMICS,
    relation=st.sampled_from(["мать", "отец", "опекун", "попечитель", "иной"]),
    phone=PHONES,
    email=st.none() | st.just("u1@example.ru"),
)
PUPILS = st.builds(
    ParsedPupil,
    rows=st.just(()),
    last_name=SURNAMES,
    first_name=SURNAMES,
    patronymic=PATRONYMICS,
    birth_date=DAYS.map(str),
    class_name=st.sampled_from(["1А", "8Б", "11В", "5инж"]),
    sex=st.sampled_from(["М", "Ж", None]),
    snils=st.none() | st.integers(min_value=1_001_999, max_value=999_999_999).map(valid_snils),
    personal_file_no=TEXTS,
    order_number=TEXTS,
    address=TEXTS,
    admitted_on=st.none() | DAYS.map(str),
    phone=PHONES,
    guardians=st.lists(
        GUARDIANS,
        max_size=3,
        unique_by=lambda one: names.full_name_key(one.last_name, one.first_name, one.patronymic),
    ).map(tuple),
    origin_kind=st.sampled_from([None, "none", "school", "other_district"]),
    origin_name=TEXTS,
)


def key_of(pupil: ParsedPupil) -> tuple[object, ...]:
    return (*names.full_name_key(pupil.last_name, pupil.first_name, pupil.patronymic), pupil.birth_date)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(PUPILS, min_size=1, max_size=5, unique_by=(key_of, lambda pupil: pupil.snils or key_of(pupil))),
    st.sampled_from(["cp1251", "utf-8-sig"]),
)
def test_a_pupil_list_survives_writing_and_reading(pupils: list[ParsedPupil], encoding: str) -> None:
    """Every value comes back, guardians in their order, formulas and quotes included."""
    content = pupil_list_csv(pupils, encoding="cp1251" if encoding == "cp1251" else "utf-8-sig")
    parsed = read(content)
    assert [replace(pupil, rows=()) for pupil in parsed.pupils] == pupils
    assert {problem.code for problem in parsed.problems} <= {"names_swapped"}


def test_the_sample_list_is_read_back_from_our_own_layout() -> None:
    """All columns of the school's layout, and no others, are needed for the sample."""
    parsed = read((FOLDER / "pupils_cp1251.csv").read_bytes())
    content = pupil_list_csv(parsed.pupils, encoding="cp1251")
    theirs = (FOLDER / "pupils_cp1251.csv").read_bytes().decode("cp1251").splitlines()[0]
    assert content.decode("cp1251").splitlines()[0] == theirs
    again = read(content)
    assert [replace(pupil, rows=()) for pupil in again.pupils] == [replace(pupil, rows=()) for pupil in parsed.pupils]
    assert again.problems == ()


@pytest.mark.parametrize("text", ["=1+1", "+7 912", "-5", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''+1"])
def test_formulas_are_neutralised(text: str) -> None:
    """No cell begins as a formula would, and reading takes the apostrophe away again."""
    assert neutralised(text) == f"'{text}"
    pupil = ParsedPupil(
        rows=(),
        last_name="Ли",
        first_name="Анна",
        patronymic=None,
        birth_date="2012-05-11",
        class_name="8А",
        address=text,
    )
    content = pupil_list_csv([pupil]).decode("utf-8-sig")
    for row in csv.reader(io.StringIO(content, newline=""), delimiter=";"):
        assert not any(re.match(r"[=+\-@\t\r]", cell) for cell in row)
    assert read(content.encode()).pupils[0].address == text.strip()


@pytest.mark.parametrize("text", ["Анна", "8 (912) 345-67-89", "'обычный'", ""])
def test_plain_text_is_left_alone(text: str) -> None:
    """Only what would run is changed."""
    assert neutralised(text) == text


def test_letters_outside_windows_1251_are_told_by_row() -> None:
    """A Tatar name needs UTF-8; the message names the row and not the name."""
    pupil = ParsedPupil(
        rows=(), last_name="Ли", first_name="Гүзәл", patronymic=None, birth_date="2012-05-11", class_name="8А"
    )
    with pytest.raises(ValueError, match="row 2 has a letter outside Windows-1251") as caught:
        pupil_list_csv([pupil], encoding="cp1251")
    assert "Гүзәл" not in str(caught.value)
    assert read(pupil_list_csv([pupil])).pupils[0].first_name == "Гүзәл"


def without_cells(report: ParsedClassReport) -> ParsedClassReport:
    return replace(
        report,
        marks=tuple(sorted((replace(mark, cell="") for mark in report.marks), key=repr)),
        absences=tuple(sorted((replace(absence, cell="") for absence in report.absences), key=repr)),
        final_marks=tuple(sorted((replace(final, cell="") for final in report.final_marks), key=repr)),
    )


def test_the_sample_report_is_read_back_from_our_own_layout() -> None:
    """Everything but the addresses and the wrong averages survives."""
    report = read_class_report((FOLDER / "netschool_class_report.xlsx").read_bytes())
    again = read_class_report(class_report_xlsx(report))
    assert again.problems == ()
    assert without_cells(again) == without_cells(replace(report, problems=()))


def test_the_written_report_has_the_layout_of_the_sample() -> None:
    """Titles, lines, headers, legend and types of cells stand where the sample has them."""
    sample = openpyxl.load_workbook(FOLDER / "netschool_class_report.xlsx").worksheets[0]
    report = read_class_report((FOLDER / "netschool_class_report.xlsx").read_bytes())
    subjects = sorted({str(sample.cell(row, 1).value) for row in range(9, 29)})
    ours = openpyxl.load_workbook(io.BytesIO(class_report_xlsx(report, subjects=subjects))).worksheets[0]
    first_column = [sample.cell(row, 1).value for row in range(1, 33)]
    assert [ours.cell(row, 1).value for row in range(1, 33)] == first_column
    assert [ours.cell(row, 2).value for row in range(29, 33)] == [sample.cell(row, 2).value for row in range(29, 33)]
    headers = [cell.value for cell in ours[7] if cell.value is not None]
    assert headers == [cell.value for cell in sample[7] if cell.value is not None]
    assert {type(cell.value) for cell in ours[8] if cell.value is not None} == {int}
    assert "A3:F3" in {str(merged) for merged in ours.merged_cells.ranges}


@st.composite
def reports(draw: st.DrawFn) -> ParsedClassReport:
    pupils = draw(
        st.lists(
            st.builds(ReportPupil, last_name=SURNAMES, first_name=SURNAMES, patronymic=PATRONYMICS),
            min_size=1,
            max_size=3,
            unique_by=lambda one: names.full_name_key(one.last_name, one.first_name, one.patronymic),
        )
    )
    cells = draw(
        st.dictionaries(
            st.tuples(
                st.sampled_from(pupils),
                st.sampled_from(["Алгебра", "ИЗО", "Труд (Технология девочки)"]),
                st.sampled_from(["2026-11-30", "2026-12-01", "2027-01-12"]),
                st.integers(min_value=1, max_value=2),
            ),
            st.tuples(
                st.sampled_from([None, "ОТ", "УП", "Б", "НП", "ОП", "осв"]),
                st.lists(st.sampled_from("12345"), max_size=3),
            ),
            max_size=8,
        )
    )
    final = draw(
        st.dictionaries(
            st.tuples(st.sampled_from(pupils), st.sampled_from(["Алгебра", "Физика"])),
            st.sampled_from(["2", "3", "4", "5", "зач", "незач", "н/а", "осв"]),
        )
    )
    return ParsedClassReport(
        school_name="Школа № 900",
        school_year=2026,
        class_name="8А",
        period_from="2026-11-20",
        period_to="2027-01-31",
        pupils=tuple(pupils),
        marks=tuple(
            ParsedMark(
                pupil=pupil, subject=subject, date=day, ordinal=ordinal, position=position, value=value, cell=""
            )
            for (pupil, subject, day, ordinal), (_, values) in cells.items()
            for position, value in enumerate(values, start=1)
        ),
        absences=tuple(
            ParsedAbsence(pupil=pupil, subject=subject, date=day, ordinal=ordinal, symbol=symbol, cell="")
            for (pupil, subject, day, ordinal), (symbol, _) in cells.items()
            if symbol is not None
        ),
        final_marks=tuple(
            ParsedFinalMark(pupil=pupil, subject=subject, value=value, cell="")
            for (pupil, subject), value in final.items()
        ),
        problems=(),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reports())
def test_a_class_report_survives_writing_and_reading(report: ParsedClassReport) -> None:
    """Marks, absences and final marks come back with date, ordinal and position; averages fit."""
    assert without_cells(read_class_report(class_report_xlsx(report))) == without_cells(report)
