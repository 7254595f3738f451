"""The files of the demo: read back as what was meant, whatever hand wrote them."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connectors.files.school_file import read_school_file
from connectors.files.writers import pupil_list_csv
from sync_service.demo import casting, files, lessons, people
from sync_service.demo.region import Region
from sync_service.domain.school_files import ParsedClassReport, ParsedPupil, ParsedPupilList
from tests.unit.demo.stage import small_region

DAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def region() -> Iterator[Region]:
    with small_region(DAY) as running:
        yield running


@pytest.fixture(scope="module")
def cast(region: Region) -> casting.Cast:
    return casting.gather(region, DAY)


@pytest.fixture(scope="module")
def chosen(region: Region, cast: casting.Cast) -> list[lessons.Chosen]:
    return lessons.choose(region, cast.classes, DAY)


def written_list(folder: Path, cast: casting.Cast, seed: int = 1) -> Path:
    return files.write_list(
        folder,
        [one.pupil for one in cast.everybody],
        year=2026,
        title="Список",
        source=random.Random(seed),
    )


def values(pupil: ParsedPupil) -> dict[str, Any]:
    return {name: value for name, value in asdict(pupil).items() if name != "rows"}


def test_list_is_read_back_as_the_pupils_it_was_written_from(tmp_path: Path, cast: casting.Cast) -> None:
    """Every pupil with every value and every parent, no row rejected, no remark; the year is in the name."""
    path = written_list(tmp_path, cast)
    parsed = read_school_file(path.read_bytes(), file_name=path.name, today=DAY)
    assert isinstance(parsed, ParsedPupilList)
    assert parsed.problems == ()
    assert parsed.school_year == 2026
    assert [values(pupil) for pupil in parsed.pupils] == [values(one.pupil) for one in cast.everybody]


def test_list_is_windows_1251_with_one_row_per_parent(tmp_path: Path, cast: casting.Cast) -> None:
    """The list looks as lists of schools do."""
    rows = list(csv.reader(io.StringIO(written_list(tmp_path, cast).read_bytes().decode("cp1251")), delimiter=";"))
    assert len(rows) - 1 == sum(max(len(one.pupil.guardians), 1) for one in cast.everybody)


def test_hands_change_notation_in_some_cells_of_every_untidy_column(cast: casting.Cast) -> None:
    """An untidied list differs from the tidy one in every column that has hands, and nowhere else."""
    # The few home phones and dates of one list may stay tidy by chance: many lists do not.
    tidy = pupil_list_csv([one.pupil for one in cast.everybody] * 20, encoding="cp1251")
    untidy = files.untidy(tidy, random.Random(1))
    before, after = (
        list(csv.reader(io.StringIO(content.decode("cp1251"), newline=""), delimiter=";"))
        for content in (tidy, untidy)
    )
    header = before[0]
    changed = {
        header[place]
        for old, new in zip(before, after, strict=True)
        for place, (one, other) in enumerate(zip(old, new, strict=True))
        if one != other
    }
    assert changed == set(files._HANDS)


def test_reports_are_read_back_cell_by_cell(
    tmp_path: Path, region: Region, cast: casting.Cast, chosen: list[lessons.Chosen]
) -> None:
    """A class report holds what was noted: marks by lesson and place, absences, no remark of the reader."""
    for one in chosen:
        path, report = written_report(tmp_path, region, cast, one)
        parsed = read_school_file(path.read_bytes(), file_name=path.name, today=DAY)
        assert isinstance(parsed, ParsedClassReport)
        assert parsed.problems == ()
        assert (parsed.class_name, parsed.school_year) == (one.school_class.name, 2026)
        assert parsed.marks
        assert parsed.absences
        known = {(lesson.subject, lesson.date.isoformat(), lesson.ordinal) for lesson in one.lessons}
        assert {(mark.subject, mark.date, mark.ordinal) for mark in parsed.marks} <= known
        assert {(absence.subject, absence.date, absence.ordinal) for absence in parsed.absences} <= known
        assert {pupil.last_name for pupil in parsed.pupils} == {listed.pupil.last_name for listed in report}


def written_report(
    folder: Path, region: Region, cast: casting.Cast, chosen: lessons.Chosen
) -> tuple[Path, list[people.Listed]]:
    pupils = [listed for listed in cast.everybody if listed.school_class == chosen.school_class]
    path = files.write_report(
        folder,
        region.name,
        chosen.school_class,
        pupils,
        chosen.lessons,
        known=lessons.already_noted(region),
        today=DAY,
        source=random.Random(1),
    )
    return path, pupils


def test_nobody_has_marks_from_before_the_day_of_arrival(
    tmp_path: Path, region: Region, cast: casting.Cast, chosen: list[lessons.Chosen]
) -> None:
    """A newcomer's block is empty until the newcomer came."""
    late = cast.to_be_released
    (of_class,) = [one for one in chosen if one.school_class == late.school_class]
    path, _ = written_report(tmp_path, region, cast, of_class)
    parsed = read_school_file(path.read_bytes(), file_name=path.name, today=DAY)
    assert isinstance(parsed, ParsedClassReport)
    days = {mark.date for mark in parsed.marks if mark.pupil.last_name == late.pupil.last_name}
    assert days
    assert min(days) >= late.arrived_on.isoformat()
    assert min(mark.date for mark in parsed.marks) < late.arrived_on.isoformat()


def test_report_says_of_a_known_cell_the_same_or_nothing(
    tmp_path: Path, region: Region, cast: casting.Cast, chosen: list[lessons.Chosen]
) -> None:
    """Where the region has something already, the report never contradicts it."""
    one = chosen[-1]
    listed = next(pupil for pupil in cast.enrolled if pupil.school_class == one.school_class)
    plain, other = one.recent[:2]
    student = listed.student_id or ""
    path = files.write_report(
        tmp_path,
        region.name,
        one.school_class,
        [listed],
        [plain, other],
        known={(student, plain.lesson_id): "4", (student, other.lesson_id): None},
        today=DAY,
        source=random.Random(1),
    )
    parsed = read_school_file(path.read_bytes(), file_name=path.name, today=DAY)
    assert isinstance(parsed, ParsedClassReport)
    assert [(mark.subject, mark.date, mark.value) for mark in parsed.marks] == [
        (plain.subject, plain.date.isoformat(), "4")
    ]
    assert parsed.absences == ()


def test_namesakes_of_one_class_are_left_out_of_its_report(
    tmp_path: Path, region: Region, cast: casting.Cast, chosen: list[lessons.Chosen]
) -> None:
    """A report knows pupils by name only, so two of one name are in none."""
    one = chosen[0]
    first, second, *_ = [listed for listed in cast.enrolled if listed.school_class == one.school_class]
    twin = replace(second, pupil=replace(first.pupil, birth_date="2015-01-01"))
    path = files.write_report(
        tmp_path,
        region.name,
        one.school_class,
        [first, twin, cast.to_be_released],
        one.lessons,
        known={},
        today=DAY,
        source=random.Random(1),
    )
    parsed = read_school_file(path.read_bytes(), file_name=path.name, today=DAY)
    assert isinstance(parsed, ParsedClassReport)
    assert [pupil.last_name for pupil in parsed.pupils] == [cast.to_be_released.pupil.last_name]


def test_same_day_and_seed_write_the_same_list(tmp_path: Path, cast: casting.Cast) -> None:
    """A demo can be told again: nothing in its files is left to chance."""
    first = written_list(tmp_path, cast).read_bytes()
    assert written_list(tmp_path, cast).read_bytes() == first
    assert written_list(tmp_path, cast, seed=2).read_bytes() != first
