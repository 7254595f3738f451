"""Pupil lists in all their layouts; what contradicts itself is reported and never guessed."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest

from sync_service.domain.school_files import FileRejected, ParsedGuardian, ParsedPupilList
from tests.unit.files.samples import ANNA, HEADERS, PARENT_HEADERS, csv_of, read, xlsx_of

MOTHER = ("Ли Вера Павловна", "мать", "89123456789", "vera@example.ru")
FATHER = ("Ли Иван Ильич", "отец", "", "")


def codes(parsed: ParsedPupilList) -> list[tuple[int | None, str | None, str, str]]:
    return [(problem.row, problem.column, problem.code, problem.severity) for problem in parsed.problems]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_every_encoding_and_delimiter_gives_the_same_pupils(encoding: str, delimiter: str) -> None:
    """How a program saved the text does not change what it says."""
    rows = [
        (*HEADERS, "Место жительства"),
        (*ANNA, "с. Конево, ул. Ленина, д. 7; кв. 5"),
        (*("Ким", "Олег", "", "01.02.2013", "8б"), "г. Ревда, ул. Мира, д. 1"),
    ]
    parsed = read(csv_of(rows, encoding=encoding, delimiter=delimiter))
    assert [(pupil.last_name, pupil.class_name, pupil.address) for pupil in parsed.pupils] == [
        ("Ли", "8А", "с. Конево, ул. Ленина, д. 7; кв. 5"),
        ("Ким", "8Б", "г. Ревда, ул. Мира, д. 1"),
    ]
    assert parsed.problems == ()


def test_excels_own_directive_is_no_row() -> None:
    """«sep=,» names the delimiter; rows keep the numbers that a text editor shows."""
    parsed = read(b"sep=,\r\n" + csv_of([HEADERS, ANNA], delimiter=","))
    assert [pupil.rows for pupil in parsed.pupils] == [(3,)]


def test_rows_of_one_pupil_are_merged_with_all_guardians() -> None:
    """One row per parent gives one pupil; a third parent and one without a phone are kept."""
    pupil = (*ANNA, "112-233-445 95", "Л-1")
    grandmother = ("Ким Роза Олеговна", "бабушка", "8(343)371-23-45", "")
    parsed = read(csv_of([PARENT_HEADERS, (*pupil, *MOTHER), (*pupil, *FATHER), (*pupil, *grandmother)]))
    assert parsed.problems == ()
    (anna,) = parsed.pupils
    assert anna.rows == (2, 3, 4)
    assert (anna.snils, anna.personal_file_no, anna.birth_date) == ("11223344595", "Л-1", "2012-05-11")
    assert anna.guardians == (
        ParsedGuardian(
            last_name="Ли",
            first_name="Вера",
            patronymic="Павловна",
            relation="мать",
            phone="+79123456789",
            email="vera@example.ru",
        ),
        ParsedGuardian(last_name="Ли", first_name="Иван", patronymic="Ильич", relation="отец"),
        ParsedGuardian(
            last_name="Ким",
            first_name="Роза",
            patronymic="Олеговна",
            relation="иной",
            relation_note="бабушка",
            phone="+73433712345",
        ),
    )


def test_rows_of_one_pupil_need_not_stand_together() -> None:
    """Spelling differences and rows in between do not make a second pupil; the spelling with ё stays."""
    anna = ("Лёвина", "Анна", "Ивановна", "11.05.2012", "8А", "", "Л-1")
    again = ("ЛЕВИНА", "анна", "Ивановна", "2012-05-11", "8 а", "", "Л-1")
    oleg = ("Ким", "Олег", "", "01.02.2013", "8А", "", "К-1")
    parsed = read(csv_of([PARENT_HEADERS, (*again, *FATHER), (*oleg, *MOTHER), (*anna, *MOTHER)]))
    assert [(pupil.last_name, pupil.rows, len(pupil.guardians)) for pupil in parsed.pupils] == [
        ("Лёвина", (2, 4), 2),
        ("Ким", (3,), 1),
    ]
    assert parsed.problems == ()


def test_parents_in_columns() -> None:
    """One row per pupil with «Родитель 1/2: …» columns, telephone at home and mobile apart."""
    fields = ("ФИО", "Степень родства", "Телефон домашний", "Телефон мобильный", "E-mail")
    headers = (*HEADERS, *(f"Родитель {number}: {field}" for number in (1, 2) for field in fields))
    mother = ("Ли Вера Павловна", "мать", "8(343)371-23-45", "89123456789", "vera@example.ru")
    father = ("Ли Иван Ильич", "отец", "", "", "")
    parsed = read(csv_of([headers, (*ANNA, *mother, *father)]))
    assert parsed.problems == ()
    first, second = parsed.pupils[0].guardians
    assert (first.relation, first.phone, first.home_phone) == ("мать", "+79123456789", "+73433712345")
    assert (second.first_name, second.relation, second.phone) == ("Иван", "отец", None)


def test_parents_in_columns_under_a_merged_header() -> None:
    """The group of columns may stand in a header row above its fields."""
    upper = (*HEADERS, "Родитель 1", "", "", "Родитель 2", "", "")
    fields = ("ФИО", "Степень родства", "Телефон мобильный")
    lower = ("", "", "", "", "", *fields, *fields)
    row = (*ANNA, "Ли Вера Павловна", "мать", "89123456789", "Ли Иван Ильич", "отец", "")
    parsed = read(xlsx_of([("Список учеников", "2026/2027 учебный год"), upper, lower, row]))
    assert parsed.problems == ()
    assert parsed.school_year == 2026
    assert parsed.pupils[0].rows == (4,)
    assert [guardian.relation for guardian in parsed.pupils[0].guardians] == ["мать", "отец"]


def test_a_list_without_parents() -> None:
    """Without parent columns telephone and e-mail are the pupil's own; the full name may be one column."""
    headers = ("ФИО", "Дата рождения", "Класс", "Пол", "Телефон", "E-mail", "Серия документа", "Номер документа")
    row = ("Алиев Вагиф Али оглы", "11.05.12", "8А", "м", "89123456789", "v@example.ru", "IV-АИ", "123456")
    (pupil,) = read(csv_of([headers, row])).pupils
    assert (pupil.last_name, pupil.first_name, pupil.patronymic, pupil.sex) == ("Алиев", "Вагиф", "Али оглы", "М")
    assert (pupil.phone, pupil.email, pupil.guardians) == ("+79123456789", "v@example.ru", ())
    assert (pupil.document_series, pupil.document_number) == ("IV-АИ", "123456")


def test_guardians_below_a_merged_pupil_belong_to_the_pupil_above() -> None:
    """A row that names only a parent continues the pupil above it."""
    blank = ("",) * 7
    parsed = read(xlsx_of([PARENT_HEADERS, (*ANNA, "", "Л-1", *MOTHER), (*blank, *FATHER)]))
    (anna,) = parsed.pupils
    assert anna.rows == (2, 3)
    assert [guardian.relation for guardian in anna.guardians] == ["мать", "отец"]


def test_a_guardian_below_a_rejected_pupil_is_rejected_with_it() -> None:
    """A parent's row is never added to some earlier pupil because the one above was refused."""
    blank = ("",) * 7
    broken = ("Ким", "Олег", "", "31.02.2013", "8А", "", "К-1")
    parsed = read(csv_of([PARENT_HEADERS, (*ANNA, "", "Л-1", *MOTHER), (*broken, *MOTHER), (*blank, *FATHER)]))
    assert [pupil.rows for pupil in parsed.pupils] == [(2,)]
    assert codes(parsed) == [
        (3, "birth_date", "no_such_day", "rejected"),
        (4, "last_name", "no_pupil_above", "rejected"),
    ]


@pytest.mark.parametrize(
    ("column", "cell", "field", "code"),
    [
        (0, "", "last_name", "missing"),
        (0, "12345", "last_name", "not_a_name"),
        (1, " ", "first_name", "missing"),
        (2, "Иванович2", "patronymic", "not_a_name"),
        (3, "", "birth_date", "missing"),
        (3, "31.02.2012", "birth_date", "no_such_day"),
        (3, "2012", "birth_date", "shape"),
        (3, "01.01.2027", "birth_date", "future"),
        (4, "", "class_name", "missing"),
        (4, "8" * 40, "class_name", "length"),
    ],
)
def test_a_bad_mandatory_cell_rejects_its_row_only(column: int, cell: str, field: str, code: str) -> None:
    """The row is reported with field and reason; the good rows around it go in."""
    broken = [*ANNA]
    broken[column] = cell
    oleg = ("Ким", "Олег", "", "01.02.2013", "8А")
    parsed = read(csv_of([HEADERS, broken, oleg]))
    assert [pupil.last_name for pupil in parsed.pupils] == ["Ким"]
    assert codes(parsed) == [(2, field, code, "rejected")]


@pytest.mark.parametrize(
    ("header", "cell", "field", "code"),
    [
        ("СНИЛС", "1,12233E+10", "snils", "damaged"),
        ("СНИЛС", "112-233-445 96", "snils", "checksum"),
        ("СНИЛС", "1122334459", "snils", "length"),
        ("Пол", "?", "sex", "sex"),
        ("Дата приема в школу", "осенью", "admitted_on", "shape"),
        ("Дата приказа", "30.02.2026", "order_date", "no_such_day"),
        ("Свидетельство о рождении", "IIX-АИ 123456", "document", "document"),
        ("Телефон", "371-23-45", "phone", "length"),
        ("Телефон", "8 912 345 67 89 доб. 12", "phone", "extension"),
        ("Телефон", "89123456789, 89123456780", "phone", "extra_phone"),
        ("E-mail", "нет@", "email", "email"),
        ("Ранее не обучался", "возможно", "never_studied", "yes_or_no"),
        ("Место жительства", "д" * 501, "address", "too_long"),
    ],
)
def test_a_bad_optional_cell_is_reported_and_left_empty(header: str, cell: str, field: str, code: str) -> None:
    """The pupil goes in without the doubtful value, and the report does not repeat it."""
    parsed = read(csv_of([(*HEADERS, header), (*ANNA, cell)]))
    assert len(parsed.pupils) == 1
    assert codes(parsed) == [(2, field, code, "warning")]
    assert cell not in parsed.problems[0].reason
    assert parsed.pupils[0].snils is None


def test_half_a_document_is_reported() -> None:
    """A series without its number is no document."""
    parsed = read(csv_of([(*HEADERS, "Серия документа", "Номер документа"), (*ANNA, "IV-АИ", "")]))
    assert parsed.pupils[0].document_series is None
    assert codes(parsed) == [(2, "document_series", "half", "warning")]


@pytest.mark.parametrize(
    ("guardian", "field", "code"),
    [
        (("Иванова", "мать", "", ""), "guardian.1.name", "parts"),
        (("", "", "89123456789", ""), "guardian.1.name", "guardian_unnamed"),
        (("Ли Вера Павловна", "мать", "12", ""), "guardian.1.phone", "length"),
        (("Ли Вера Павловна", "мать", "", "vera"), "guardian.1.email", "email"),
    ],
)
def test_a_bad_guardian_cell_does_not_reject_the_pupil(guardian: tuple[str, ...], field: str, code: str) -> None:
    """The pupil goes in; what is wrong with the parent is reported."""
    parsed = read(csv_of([PARENT_HEADERS, (*ANNA, "", "Л-1", *guardian)]))
    assert len(parsed.pupils) == 1
    assert codes(parsed) == [(2, field, code, "warning")]


def test_a_dash_instead_of_a_parent_is_no_parent() -> None:
    """«-» and «нет» say that there is none."""
    parsed = read(csv_of([PARENT_HEADERS, (*ANNA, "", "", "нет", "", "", ""), (*ANNA, "", "", "-", "", "", "")]))
    assert parsed.pupils[0].guardians == ()
    assert parsed.problems == ()


def test_two_numbers_in_a_guardians_cell_fill_both_fields() -> None:
    """The mobile number comes first, the other one is the home phone."""
    mother = ("Ли Вера Павловна", "мать", "8(343)371-23-45, 89123456789", "")
    (guardian,) = read(csv_of([PARENT_HEADERS, (*ANNA, "", "", *mother)])).pupils[0].guardians
    assert (guardian.phone, guardian.home_phone) == ("+79123456789", "+73433712345")


@pytest.mark.parametrize(
    ("header", "one", "other", "field"),
    [
        ("СНИЛС", "112-233-445 95", "087-654-303 00", "snils"),
        ("Пол", "м", "ж", "sex"),
        ("Место жительства", "с. Конево", "г. Ревда", "address"),
        ("Номер приказа", "1-у", "2-у", "order_number"),
    ],
)
def test_contradicting_rows_leave_the_value_empty(header: str, one: str, other: str, field: str) -> None:
    """Nobody guesses which row is right: the value stays empty and the second row is reported."""
    parsed = read(csv_of([(*HEADERS, header), (*ANNA, one), (*ANNA, other)]))
    (pupil,) = parsed.pupils
    assert getattr(pupil, field) is None
    assert codes(parsed) == [(3, field, "contradiction", "warning")]


def test_a_value_in_one_row_serves_the_others() -> None:
    """A cell that is filled in one row of a pupil and empty in another is no contradiction."""
    parsed = read(csv_of([(*HEADERS, "СНИЛС"), (*ANNA, ""), (*ANNA[:4], "", "112-233-445 95")]))
    assert parsed.problems == ()
    assert (parsed.pupils[0].class_name, parsed.pupils[0].snils) == ("8А", "11223344595")


def test_contradicting_classes_reject_the_pupil() -> None:
    """A pupil cannot be in two classes, and the class is mandatory."""
    parsed = read(csv_of([HEADERS, ANNA, (*ANNA[:4], "8Б")]))
    assert parsed.pupils == ()
    assert codes(parsed) == [
        (2, "class_name", "contradiction", "rejected"),
        (3, "class_name", "contradiction", "rejected"),
    ]


def test_namesakes_born_on_one_day_stay_two_pupils() -> None:
    """Different СНИЛС and different personal files are two children; a row that fits neither is rejected."""
    headers = (*HEADERS, "СНИЛС", "№ личного дела")
    parsed = read(
        csv_of([headers, (*ANNA, "112-233-445 95", "Л-1"), (*ANNA, "087-654-303 00", "Л-2"), (*ANNA, "", "")])
    )
    assert [(pupil.snils, pupil.rows) for pupil in parsed.pupils] == [("11223344595", (2,)), ("08765430300", (3,))]
    assert codes(parsed) == [(4, "personal_file_no", "namesake_unclear", "rejected")]


def test_a_snils_of_two_pupils_is_given_to_neither() -> None:
    """It would link the wrong child."""
    oleg = ("Ким", "Олег", "", "01.02.2013", "8А")
    number = "112-233-445 95"
    parsed = read(csv_of([(*HEADERS, "СНИЛС"), (*ANNA, number), (*oleg, number)]))
    assert [pupil.snils for pupil in parsed.pupils] == [None, None]
    assert codes(parsed) == [(2, "snils", "shared", "warning"), (3, "snils", "shared", "warning")]


def test_a_repeated_guardian_brings_what_was_empty() -> None:
    """The same parent twice is one parent; different data of one parent are reported."""
    again = ("Ли Иван Ильич", "отец", "89123456780", "")
    other = ("Ли Иван Ильич", "отец", "89123456781", "")
    pupil = (*ANNA, "", "Л-1")
    parsed = read(csv_of([PARENT_HEADERS, (*pupil, *FATHER), (*pupil, *again), (*pupil, *other)]))
    (guardian,) = parsed.pupils[0].guardians
    assert guardian.phone == "+79123456780"
    assert codes(parsed) == [(4, "guardian.1.name", "contradiction", "warning")]


@pytest.mark.parametrize(
    "file_name", ["8А.csv", "Список 8а класса.csv", "C:/списки/8-А.csv", "список_8A_2026-2027.csv"]
)
def test_the_class_may_stand_in_the_file_name_only(file_name: str) -> None:
    """A list without a class column is about the class of its name."""
    parsed = read(csv_of([HEADERS[:4], ANNA[:4]]), file_name)
    assert [pupil.class_name for pupil in parsed.pupils] == ["8А"]


def test_the_class_may_stand_in_a_title() -> None:
    """A title above the header serves as well, and names the school year."""
    rows = [("Список учеников 8А класса",), ("МБОУ СОШ № 5 г. Ревда, 2026-2027 уч. год",), HEADERS[:4], ANNA[:4]]
    parsed = read(csv_of(rows), "список.csv")
    assert (parsed.pupils[0].class_name, parsed.school_year) == ("8А", 2026)


@pytest.mark.parametrize("file_name", ["список.csv", "8А и 8Б.csv"])
def test_without_a_class_anywhere_the_list_is_refused(file_name: str) -> None:
    """No class and two classes are both no answer."""
    with pytest.raises(FileRejected) as caught:
        read(csv_of([HEADERS[:4], ANNA[:4]]), file_name)
    assert caught.value.code == "class_unknown"


def test_a_title_and_a_file_name_that_disagree_are_refused() -> None:
    """The file's name does not overrule its content, nor the other way round."""
    with pytest.raises(FileRejected) as caught:
        read(csv_of([("Список 8Б класса",), HEADERS[:4], ANNA[:4]]), "8А.csv")
    assert caught.value.code == "class_unknown"


@pytest.mark.parametrize("date1904", [False, True])
def test_typed_cells_of_a_workbook(date1904: bool) -> None:
    """Dates, whole numbers and serial numbers of either date system are read as what they mean."""
    serial = (date(2019, 9, 1) - (date(1904, 1, 1) if date1904 else date(1899, 12, 30))).days
    headers = (*HEADERS, "СНИЛС", "Телефон", "Дата приема в школу", "Номер приказа")
    row = ("Ли", "Анна", None, date(2012, 5, 11), "8А", 11223344595, 89123456789, serial, 17)
    (pupil,) = read(xlsx_of([headers, row], date1904=date1904)).pupils
    assert (pupil.birth_date, pupil.snils, pupil.phone) == ("2012-05-11", "11223344595", "+79123456789")
    assert (pupil.admitted_on, pupil.order_number) == ("2019-09-01", "17")


@pytest.mark.parametrize(
    ("header", "value", "field", "code"),
    [
        ("Номер приказа", date(2026, 5, 12), "order_number", "became_date"),
        ("Дата приказа", time(10, 30), "order_date", "shape"),
        ("Дата приказа", datetime(2026, 5, 12, 10, 30), "order_date", "shape"),  # noqa: DTZ001 cells have no zone
    ],
)
def test_cells_that_a_spreadsheet_changed_are_reported(header: str, value: object, field: str, code: str) -> None:
    """«12-5» that became the twelfth of May is not an order number any more."""
    parsed = read(xlsx_of([(*HEADERS, header), (*ANNA, value)]))
    assert codes(parsed) == [(2, field, code, "warning")]


@pytest.mark.parametrize(
    ("never", "keeps", "name", "kind"),
    [
        ("", "", "МБОУ СОШ № 2 г. Ревда", None),
        ("", "да", "МБОУ СОШ № 2 г. Ревда", "school"),
        ("нет", "нет", "Школа № 1, г. Тюмень", "other_district"),
        ("да", "", "", "none"),
        ("+", "", "Детский сад № 5", "none"),
    ],
)
def test_where_the_pupil_came_from(never: str, keeps: str, name: str, kind: str | None) -> None:
    """Whether movement is kept there is known only where the file says so."""
    headers = (*HEADERS, "Ранее не обучался", "Движение в прежней школе ведётся", "Откуда прибыл")
    (pupil,) = read(csv_of([headers, (*ANNA, never, keeps, name)])).pupils
    assert (pupil.origin_kind, pupil.origin_name) == (kind, name or None)


def test_swapped_names_are_hinted_at_and_left_as_they_are() -> None:
    """A first name in the surname's column is a warning, not a correction."""
    parsed = read(csv_of([HEADERS, ("Анна", "Иванова", "Петровна", "11.05.2012", "8А")]))
    assert parsed.pupils[0].last_name == "Анна"
    assert codes(parsed) == [(2, "last_name", "names_swapped", "warning")]


def test_unknown_columns_and_sheets_are_told_and_ignored() -> None:
    """Nothing is dropped in silence."""
    parsed = read(xlsx_of([(*HEADERS, "Любимый цвет"), (*ANNA, "синий")], more_sheets=[[("справочник",)]]))
    assert {problem.code for problem in parsed.problems} == {"column_ignored", "sheet_ignored"}
    assert next(problem.column for problem in parsed.problems if problem.code == "column_ignored") == "F"
    assert len(parsed.pupils) == 1


def test_two_lists_in_one_workbook_are_refused() -> None:
    """Reading only the first would lose a class."""
    with pytest.raises(FileRejected) as caught:
        read(xlsx_of([HEADERS, ANNA], more_sheets=[[HEADERS, ANNA]]))
    assert caught.value.code == "several_lists"


def test_empty_rows_are_skipped_and_keep_the_numbers() -> None:
    """Rows are numbered as a spreadsheet shows them."""
    parsed = read(csv_of([("Список",), HEADERS, ("", "", "", "", ""), ANNA]))
    assert parsed.pupils[0].rows == (4,)
