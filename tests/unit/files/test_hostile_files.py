"""A file that is no list is refused as a whole, with a reason and a remedy; nothing else ever escapes."""

from __future__ import annotations

import io
import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest

from connectors.files.limits import FileLimits
from connectors.files.pupil_list import read_pupil_list
from connectors.files.school_file import read_school_file
from connectors.files.tables import read_table
from sync_service.domain.school_files import FileRejected
from tests.unit.files.samples import ANNA, FOLDER, HEADERS, TODAY, csv_of, read, with_part, xlsx_of

GOOD = xlsx_of([HEADERS, ANNA])
SHEET = "xl/worksheets/sheet1.xml"


def rejected(content: bytes, *, limits: FileLimits | None = None) -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        read_school_file(content, file_name="8А.csv", today=TODAY, limits=limits or FileLimits())
    assert caught.value.reason.endswith(".")
    assert caught.value.remedy.endswith(".")
    return caught.value


def zipped(**parts: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), data)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\r\n \r\n", "empty"),
        (b"\x00" * 100, "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b";;;\r\n;;;\r\n", "empty"),
        (b"%PDF-1.7 \xe2\xe3", "pdf"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 512, "old_excel"),
        (b"{\\rtf1 text}", "rtf"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"<!DOCTYPE html><html><body>login</body></html>", "html"),
        ("<table><tr><td>Фамилия</td></tr></table>".encode("cp1251"), "html"),
        (bytes(range(256)), "encoding"),
        (csv_of([HEADERS, ("Ли\x07", *ANNA[1:])]), "encoding"),
        (b"PK\x03\x04 not really a zip", "broken"),
        (zipped(word__document_xml=b"<document/>"), "word"),
        (zipped(content_xml=b"<office/>"), "not_a_workbook"),
        ("просто какой-то текст без таблицы".encode(), "unknown_layout"),
        ("Товар;Цена\r\nхлеб;50\r\n".encode("cp1251"), "unknown_layout"),
        ("Фамилия;Имя;Дата рождения\r\n".encode("cp866"), "unknown_layout"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_table_is_refused_by_content(content: bytes, code: str) -> None:
    """Empty, foreign and unknown files are told apart, whatever their name ends in."""
    assert rejected(content).code == code


@pytest.mark.parametrize("part", [1, 30, 200, 1000, -1000, -30, -1])
def test_a_truncated_workbook_is_refused(part: int) -> None:
    """A download that broke off is never half a list."""
    assert rejected(GOOD[:part]).code in ("broken", "unknown_layout")


@pytest.mark.parametrize("part", range(0, 1000, 50))
def test_a_truncated_sample_report_is_refused(part: int) -> None:
    """The same for the real report, cut anywhere."""
    content = (FOLDER / "netschool_class_report.xlsx").read_bytes()
    assert rejected(content[: len(content) * part // 1000]).code in ("empty", "broken")


def test_a_flipped_byte_in_a_part_is_refused() -> None:
    """A part whose content is damaged is not read as if nothing had happened."""
    with zipfile.ZipFile(io.BytesIO(GOOD)) as archive:
        entry = archive.getinfo(SHEET)
    position = entry.header_offset + 30 + len(entry.filename) + entry.compress_size // 2
    damaged = GOOD[:position] + bytes([GOOD[position] ^ 0xFF]) + GOOD[position + 1 :]
    assert rejected(damaged).code in ("broken", "unknown_layout")


@pytest.mark.parametrize(
    ("rows", "code", "named"),
    [
        ([ANNA], "unknown_layout", "нет строки с названиями столбцов"),
        ([HEADERS], "no_rows", "нет ни одной строки"),
        ([("Фамилия", "Имя", "Класс"), ("Ли", "Анна", "8А")], "missing_column", "Дата рождения"),
        ([(*HEADERS, "Имя"), (*ANNA, "Анна")], "duplicate_header", "B, F"),
    ],
)
@pytest.mark.parametrize("make", [csv_of, xlsx_of])
def test_a_header_that_does_not_serve_is_refused(
    make: Callable[..., bytes], rows: list[tuple[str, ...]], code: str, named: str
) -> None:
    """A missing or doubled header is named, so that a person can mend it."""
    error = rejected(make(rows))
    assert error.code == code
    assert named in error.reason


def test_unclosed_quotes_are_refused_instead_of_swallowing_rows() -> None:
    """An open quotation mark would make the rest of the file one cell."""
    error = rejected(csv_of([HEADERS, ANNA]) + '"Ким;Олег;;01.02.2013;8А\r\nЛи;Ян;;01.02.2013;8А\r\n'.encode())
    assert error.code == "broken_quotes"
    assert "Строку 3" in error.reason


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (FileLimits(max_bytes=100), "too_large"),
        (FileLimits(max_unpacked_bytes=1000), "too_large"),
        (FileLimits(max_rows=1), "too_many_cells"),
        (FileLimits(max_columns=4), "too_many_cells"),
        (FileLimits(max_cells=9), "too_many_cells"),
        (FileLimits(max_parts=3), "broken"),
    ],
)
def test_a_workbook_beyond_the_limits_is_refused(limits: FileLimits, code: str) -> None:
    """Size, unpacked size, rows, columns and cells are bounded."""
    assert rejected(GOOD, limits=limits).code == code


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (FileLimits(max_bytes=10), "too_large"),
        (FileLimits(max_rows=1), "too_many_cells"),
        (FileLimits(max_columns=4), "too_many_cells"),
    ],
)
def test_a_csv_beyond_the_limits_is_refused(limits: FileLimits, code: str) -> None:
    """The same bounds hold for text."""
    assert rejected(csv_of([HEADERS, ANNA]), limits=limits).code == code


def test_a_zip_bomb_is_refused_before_it_unfolds() -> None:
    """A part that unpacks to far more than the limit is never held in memory whole."""
    bomb = with_part(GOOD, "xl/media/image.bin", lambda _: b"\x00" * 30_000_000)
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        assert rejected(bomb, limits=FileLimits(max_unpacked_bytes=1_000_000)).code == "too_large"
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_zip_bomb_that_lies_about_its_size_is_refused() -> None:
    """The size a directory entry claims is not believed."""
    bomb = bytearray(with_part(GOOD, "xl/media/image.bin", lambda _: b"\x00" * 30_000_000))
    directory = bomb.rindex(b"PK\x01\x02")
    bomb[directory + 24 : directory + 28] = struct.pack("<I", 10)
    assert rejected(bytes(bomb), limits=FileLimits(max_unpacked_bytes=1_000_000)).code == "too_large"


def test_two_cells_in_opposite_corners_are_refused() -> None:
    """A reader would fill the seventeen billion cells between them."""
    far = b'<row r="1048576"><c r="XFD1048576" t="n"><v>1</v></c></row></sheetData>'
    content = with_part(GOOD, SHEET, lambda data: data.replace(b"</sheetData>", far))
    assert rejected(content).code == "too_many_cells"


def test_cells_that_only_carry_a_format_do_not_count() -> None:
    """Programs format whole rows to the last column; that makes no large table."""
    styled = b'<row r="1048576"><c r="XFD1048576"/></row></sheetData>'
    content = with_part(GOOD, SHEET, lambda data: data.replace(b"</sheetData>", styled))
    assert len(read(content).pupils) == 1


def test_entities_are_refused() -> None:
    """A workbook has no use for a document type; a billion laughs has."""
    laughs = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>'
    assert rejected(with_part(GOOD, SHEET, lambda _: laughs)).code == "broken"


def test_an_encrypted_archive_is_refused_with_its_own_remedy() -> None:
    """A protected file is told apart from a broken one."""
    content = bytearray(GOOD)
    directory = content.index(b"PK\x01\x02")
    content[directory + 8] |= 0x1
    assert rejected(bytes(content)).code == "password"


def test_two_parts_of_one_name_are_refused() -> None:
    """What we inspect and what is read must be the same part."""
    file = io.BytesIO(GOOD)
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(SHEET, b"<worksheet/>")
    assert rejected(file.getvalue()).code == "broken"


@pytest.mark.parametrize("broken", [b"", b"<worksheet>", b"\x00\x01", b'<worksheet><row r="x"/></worksheet>'])
def test_broken_xml_is_refused(broken: bytes) -> None:
    """A part that is no XML, or has rows without a number, is a broken workbook."""
    assert rejected(with_part(GOOD, SHEET, lambda _: broken)).code == "broken"


def test_ten_times_the_sample_is_no_more_than_work() -> None:
    """Ten times the rows give ten times the pupils: a school of thousands fits."""
    sample = (FOLDER / "pupils_cp1251.csv").read_bytes().decode("cp1251")
    header, *rows = sample.splitlines()
    marks = "АБВГДЕЖЗИК"
    large = [header] + [row.replace(";", f"-{mark}ов;", 1) for mark in marks for row in rows]
    parsed = read("\r\n".join(large).encode("cp1251"))
    assert len(parsed.pupils) == 1300
    assert sum(len(pupil.rows) for pupil in parsed.pupils) == 2330


def test_uncalculated_formulas_and_errors_are_reported_and_never_read_as_empty() -> None:
    """A formula without a stored result and an error cell reject a mandatory value and warn of another one."""
    rows = [
        (*HEADERS, "Место жительства"),
        (*ANNA, '=CONCATENATE("с. ","Конево")'),
        ("=A2", "Олег", "Янович", "01.02.2013", "8А", "с. Конево"),
    ]
    parsed = read(xlsx_of(rows))
    assert [(pupil.rows, pupil.address) for pupil in parsed.pupils] == [((2,), None)]
    assert [(problem.cell, problem.code, problem.severity) for problem in parsed.problems] == [
        ("F2", "no_value", "warning"),
        ("A3", "no_value", "rejected"),
    ]


def test_calculated_formulas_are_read_by_their_result() -> None:
    """Excel stores the result beside the formula: that is the value."""
    calculated = '<c r="A2" t="str"><f>CONCATENATE("Л","и")</f><v>Ли</v></c>'.encode()
    stored = with_part(GOOD, SHEET, lambda data: re.sub(rb'<c r="A2".*?</c>', calculated, data))
    assert [pupil.last_name for pupil in read(stored).pupils] == ["Ли"]


def test_the_error_tells_the_reason_and_the_next_step() -> None:
    """The message of the exception is fit for a person."""
    assert str(rejected(b"")) == "Файл пуст. Выгрузите список ещё раз."


def test_only_filled_sheets_count() -> None:
    """Blank sheets of a workbook are left out, the numbers of the others stay."""
    table = read_table(xlsx_of([], more_sheets=[[HEADERS, ANNA]]))
    assert [sheet.number for sheet in table.sheets] == [2]


def test_the_limits_of_a_list_may_be_set() -> None:
    """The reader of lists passes its limits on."""
    with pytest.raises(FileRejected):
        read_pupil_list(GOOD, file_name="8А.xlsx", today=TODAY, limits=FileLimits(max_rows=1))
