"""Whatever a person uploads, the answer is a parsed file or a refusal, and never another exception."""

from __future__ import annotations

import io
import zipfile

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors.files.limits import FileLimits
from connectors.files.school_file import read_school_file
from sync_service.domain.school_files import FileRejected, ParsedClassReport, ParsedPupilList
from tests.unit.files.samples import ANNA, FOLDER, HEADERS, TODAY, csv_of, xlsx_of

LIMITS = FileLimits(max_bytes=2_000_000, max_unpacked_bytes=5_000_000)
REPORT = (FOLDER / "netschool_class_report.xlsx").read_bytes()
SMALL = xlsx_of([HEADERS, ANNA])
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

WORDS = st.sampled_from(
    """Фамилия|Имя|Отчество|Дата рождения|Класс|ФИО|СНИЛС|Родитель|Телефон|Родитель 1|Предмет|Сентябрь|Октябрь|
    Средняя оценка|Итоговая оценка за период|Ученик: Ли Анна|Ученик:|Учебный год: 2026/2027|Класс: 8А|
    Период: с 01.09.26 по 25.10.26|Период: с 31.02.26 по 1|Н|Неуважительная|Ли|Анна|11.05.2012|8А|5|3/4|Б 4|||
    1,12233E+10|29|30|=1""".replace("\n    ", "").split("|")
)


def outcome(content: bytes) -> ParsedPupilList | ParsedClassReport | FileRejected:
    try:
        return read_school_file(content, file_name="8А.csv", today=TODAY, limits=LIMITS)
    except FileRejected as rejected:
        return rejected


def is_told(found: ParsedPupilList | ParsedClassReport | FileRejected) -> bool:
    """A refusal has its sentences; a parsed file is a value."""
    return bool(found.reason and found.remedy) if isinstance(found, FileRejected) else True


@FUZZ
@given(st.binary(max_size=2_000))
@example(b"PK\x05\x06" + b"\x00" * 18)
@example(b'"')
@example(b"sep=")
@example(b"sep=;")
@example(b"\xff\xfe")
@example(b"\xff\xfea")
def test_any_bytes(content: bytes) -> None:
    """Bytes without any sense."""
    assert is_told(outcome(content))


@FUZZ
@given(st.text(max_size=500), st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]))
def test_any_text(text: str, encoding: str) -> None:
    """Text without any sense, in every encoding."""
    assert is_told(outcome(text.encode(encoding, errors="replace")))


@FUZZ
@given(st.lists(st.lists(WORDS, max_size=8), max_size=14), st.booleans())
def test_any_arrangement_of_known_words(rows: list[list[str]], as_workbook: bool) -> None:
    """Headers, lines and values in any order, as text and as a workbook."""
    content = xlsx_of(rows) if as_workbook else csv_of(rows)
    found = outcome(content)
    assert is_told(found)
    if isinstance(found, ParsedPupilList):
        used = [row for pupil in found.pupils for row in pupil.rows]
        rejected = {problem.row for problem in found.problems if problem.severity == "rejected"}
        assert len(used) == len(set(used))
        assert rejected.isdisjoint(used)


@FUZZ
@given(st.lists(st.tuples(st.integers(min_value=0, max_value=len(SMALL) - 1), st.integers(0, 255)), max_size=20))
def test_a_damaged_workbook(changes: list[tuple[int, int]]) -> None:
    """Bytes of a sound archive changed at random."""
    content = bytearray(SMALL)
    for position, byte in changes:
        content[position] = byte
    assert is_told(outcome(bytes(content)))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(
        ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels", "[Content_Types].xml"]
    ),
    st.floats(min_value=0, max_value=1),
    st.binary(max_size=12) | st.sampled_from([b"<c", b"</row>", b'r="A0"', b'r="ZZZ9"', b"<v>", b'"', b't="s"']),
)
def test_a_sound_archive_with_a_damaged_part(part: str, place: float, inserted: bytes) -> None:
    """Packed correctly, with nonsense inside: what a faulty export program makes."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(SMALL)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            data = old.read(entry)
            if entry == part:
                cut = int(len(data) * place)
                data = data[:cut] + inserted + data[cut:]
            new.writestr(entry, data)
    assert is_told(outcome(file.getvalue()))
