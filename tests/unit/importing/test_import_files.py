"""The whole file or nothing of it: transaction, dry run, journal, audit, report, cost."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from sync_service.domain.school_files import ParsedClassReport, ParsedPupilList, ReportPupil
from sync_service.domain.streams import Stream
from tests.unit.importing.office import (
    ANNA,
    Office,
    absence,
    class_report,
    counts,
    final_mark,
    mark,
    mother,
    pupil,
    pupils,
)

LIST = pupils(
    pupil(2, enrolled_on="2026-09-01", guardians=(mother(),)),
    pupil(3, first_name="Вера", class_name="9Б", guardians=(mother(),)),
)
REPORT = class_report(mark(), absence(), final_mark())
FILES = pytest.mark.parametrize("parsed", [LIST, REPORT], ids=["list", "report"])


class Crash(Exception):
    """The process dies here."""


def crash(point: str) -> None:
    raise Crash(point)


@FILES
def test_a_second_import_leaves_no_trace(office: Office, parsed: ParsedPupilList | ParsedClassReport) -> None:
    """Nothing added, nothing updated, no journal row, no audit entry."""
    first = office.bring(parsed)
    before = office.contents()
    second = office.bring(parsed)
    assert first.changed > 0
    assert second.changed == 0
    assert [c.unchanged for c in second.streams.values()] == [c.added + c.unchanged for c in first.streams.values()]
    assert office.contents() == before


@FILES
def test_a_dry_run_tells_everything_and_writes_nothing(
    office: Office, parsed: ParsedPupilList | ParsedClassReport
) -> None:
    """The report is that of the import that follows."""
    before = office.contents()
    preview = office.bring(parsed, dry_run=True)
    assert office.contents() == before
    done = office.bring(parsed)
    assert preview.to_json() | {"dry_run": False} == done.to_json()
    assert preview.dry_run


@FILES
def test_a_crash_before_the_commit_keeps_nothing(office: Office, parsed: ParsedPupilList | ParsedClassReport) -> None:
    """One transaction for the whole file."""
    before = office.contents()
    with pytest.raises(Crash, match=r"import\.before_commit"):
        office.bring(parsed, probe=crash)
    assert office.contents() == before
    assert office.bring(parsed).changed > 0


def test_changes_enter_the_journal_as_the_schools_own(office: Office) -> None:
    """Every new record of a stream that travels is there to be captured, once."""
    office.bring(LIST)
    office.bring(REPORT)
    assert Counter(stream for stream, _, _ in office.journal()) == {
        "students": 2,
        "guardians": 1,
        "guardianships": 2,
        "movements": 1,
        "marks": 1,
        "attendance": 1,
        "final_marks": 1,
    }


def audit(office: Office) -> list[dict[str, Any]]:
    with office.db.engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT a.seq, a.actor, a.act, a.cause, a.note, i.stream, i.local_id, i.student_id, i.payload"
            " FROM audit AS a JOIN audit_items AS i ON i.entry_id = a.id ORDER BY i.id"
        )
        return [dict(row) for row in found.mappings()]


def test_the_audit_journal_names_every_changed_pupil(office: Office) -> None:
    """One entry per file with an item per pupil; what an update replaced is kept beside it."""
    office.bring(LIST)
    office.bring(pupils(pupil(2, address="ул. Ленина, д. 1", sex="Ж", guardians=(mother(phone="+79990000000"),))))
    with office.db.read(office.school.school_id) as uow:
        assert uow.audit.verify() is None
    items = audit(office)
    assert {(item["actor"], item["act"]) for item in items} == {("petrova", "import")}
    assert [(i["seq"], i["stream"], i["local_id"], i["student_id"]) for i in items] == [
        (1, "students", 1, 1),
        (1, "students", 2, 2),
        (2, "students", 1, 1),
        (2, "guardians", 1, 1),
    ]
    assert json.loads(items[2]["payload"]) == [None, None, {"address": None, "sex": None}]
    assert json.loads(items[3]["payload"]) == [None, None, {"phone": "+79120000001"}]


def test_the_header_of_an_entry_holds_nothing_personal(office: Office) -> None:
    """A file may be called after a pupil; the header of an entry is never erased."""
    office.bring(LIST)
    office.bring(REPORT)
    headers = {(item["cause"], item["note"]) for item in audit(office)}
    assert {note for _, note in headers} == {"pupil list, 2 pupils", "class report, 8А, 2026-09-20 to 2026-11-20"}
    assert not any("файл" in cause for cause, _ in headers)


def test_the_report_as_json(office: Office) -> None:
    """Kind, counts per stream in the order of travel, and problems as plain values."""
    report = office.bring(pupils(pupil(snils="11223344595"), pupil(3, first_name="Вера", snils="11223344595")))
    answer = json.loads(json.dumps(report.to_json(), ensure_ascii=False))
    untouched = {"added": 0, "updated": 0, "unchanged": 0}
    assert answer == {
        "kind": "pupil_list",
        "dry_run": False,
        "streams": dict.fromkeys(("classes", "students", "guardians", "guardianships", "movements"), untouched),
        "rejected": 2,
        "warnings": 0,
        "problems": answer["problems"],
    }
    assert list(answer["streams"]) == ["classes", "students", "guardians", "guardianships", "movements"]
    assert answer["problems"][0] == {
        "row": 2,
        "cell": None,
        "column": None,
        "code": "ambiguous_pupil",
        "reason": "Строка 2: этому ученику подходят несколько карточек или строк списка, ничего не загружено.",
        "remedy": "Укажите в списке СНИЛС или объедините лишние карточки, затем загрузите файл снова.",
        "severity": "rejected",
    }


def test_the_order_of_files_does_not_matter(office: Office) -> None:
    """A list and then a report end as a report and then a list."""
    office.bring(LIST)
    office.bring(REPORT)
    one_way = office.in_words()
    with office.db.engine.begin() as connection:
        for stream in reversed(Stream):
            connection.exec_driver_sql(f"DELETE FROM {stream.value}")
    office.bring(REPORT)
    office.bring(LIST)
    assert office.in_words() == one_way


def named(number: int) -> ReportPupil:
    letters = "".join("абвгдежзик"[int(digit)] for digit in f"{number:03d}")
    return ReportPupil(last_name=f"Фам{letters}", first_name="Анна", patronymic=None)


def a_list_of(size: int, **values: Any) -> ParsedPupilList:
    return pupils(
        *(
            pupil(
                number,
                last_name=named(number).last_name,
                patronymic=None,
                class_name=f"{number % 11 + 1}А",
                enrolled_on="2026-09-01",
                address=f"д. {number % 7}",
                guardians=(mother(phone=f"+7912000{number % 50:04d}"),),
                **values,
            )
            for number in range(size)
        )
    )


def a_report_of(size: int, value: str = "5") -> ParsedClassReport:
    everybody = tuple(named(number) for number in range(size))
    cells = [cell(of=child) for child in everybody for cell in (absence, final_mark)]
    marks = [mark(value, of=child, subject=subject) for child in everybody for subject in ("Алгебра", "История")]
    return class_report(*marks, *cells, of=everybody)


MOST_INSERTS = 2  # of one table: full packets in one execution, the rest in another


def costs(office: Office, size: int, kind: str) -> list[Counter[str]]:
    """Statements of a first import, its repeat and a correction, in a school of their own."""
    code = f"school-of-{size}"
    school_id = office.db.schools.ensure(code, name=code, organization_id=code)
    own = Office(db=office.db, school=replace(office.school, school_id=school_id), clock=office.clock)
    steps: list[ParsedPupilList | ParsedClassReport] = [a_list_of(size), a_list_of(size), a_list_of(size, sex="Ж")]
    if kind == "report":
        steps = [a_report_of(size), a_report_of(size), a_report_of(size, "4")]
    own.bring(pupils(pupil()))  # school, class and audit journal have begun
    spent = []
    for parsed in steps:
        with own.counted() as statements:
            own.bring(parsed)
        spent.append(statements)
    assert counts(own.bring(steps[-1]), Stream.STUDENTS) == (0, 0, size)
    return spent


@pytest.mark.parametrize("kind", ["list", "report"])
def test_the_number_of_statements_does_not_grow(office: Office, kind: str) -> None:
    """A first import, its repeat and a correction cost the same for 30 pupils and for 300."""
    for few, many in zip(costs(office, 30, kind), costs(office, 300, kind), strict=True):
        assert few.keys() == many.keys()
        for name, count in many.items():
            assert count <= MOST_INSERTS if name.startswith("INSERT") else count == few[name]


def test_anna_is_the_same_pupil_in_both_files(office: Office) -> None:
    """The marks of a report belong to the card of the list."""
    office.bring(LIST)
    office.bring(REPORT)
    (card,) = [row for row in office.rows(Stream.STUDENTS) if row["first_name"] == ANNA.first_name]
    assert [row["student_id"] for row in office.rows(Stream.MARKS)] == [card["id"]]
