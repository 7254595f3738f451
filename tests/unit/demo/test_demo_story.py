"""The story on any day: what each step counts, and that both sides really hold the same in the end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connectors.files.school_file import read_school_file
from sync_service.demo import figures
from sync_service.demo.agreement import compare
from sync_service.demo.region import Region, opening_day
from sync_service.demo.story import NEW_ADDRESS, NEW_EMAIL, NEW_REGION_PHONE, NEW_SCHOOL_PHONE, Story
from sync_service.domain.reports import RunReport
from sync_service.domain.school_files import ParsedClassReport, ParsedPupil
from sync_service.domain.streams import Stream
from tests.unit.demo.stage import small_story

DAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A story told once, on an ordinary Friday."""
    with small_story(tmp_path_factory.mktemp("story"), DAY) as told:
        told.tell()
        yield told


def counts(story: Story, step: str) -> dict[str, int]:
    (found,) = [one.counts for one in story.steps if one.step == step]
    return found


def key_of(last_name: str, first_name: str, birth_date: str) -> tuple[str, ...]:
    return tuple(text.casefold().replace("ё", "е") for text in (last_name, first_name, birth_date))


def card_of(region: Region, pupil: ParsedPupil) -> dict[str, Any]:
    """The one card the region has of this pupil."""
    wanted = key_of(pupil.last_name, pupil.first_name, pupil.birth_date)
    (found,) = [
        dict(card)
        for card in region.dump("students")
        if key_of(card["lastName"], card["firstName"], card["birthDate"]) == wanted
    ]
    return found


def test_steps_stand_in_their_order(story: Story) -> None:
    """The names of the steps are the documented ones."""
    assert [one.step for one in story.steps] == [
        "import",
        "first_sync",
        "second_sync",
        "edit_both_sides",
        "origin_answered",
        "release",
        "late_entry",
        "agreement",
    ]


def test_files_go_in_whole(story: Story) -> None:
    """One list and a report per class; everybody is added, nobody is rejected, nothing is remarked upon."""
    found = counts(story, "import")
    assert found["files"] == 3
    assert found["pupils"] == found["movements"] == len(story.cast.everybody)
    assert found["marks"] > 0
    assert found["attendance"] > 0
    assert found["rejected"] == found["warnings"] == 0


def test_first_sync_enrols_the_free_and_flags_the_held(story: Story) -> None:
    """Released, foreign and beginning pupils are enrolled at once; two are flagged, one is asked about."""
    found = counts(story, "first_sync")
    assert found["enrolled"] == len(story.cast.newcomers) - 3
    assert found["not_released"] == 2
    assert found["conflicts"] == 0
    assert found["sent"] > 0


def test_second_sync_sends_nothing(story: Story) -> None:
    """What came to agree stays so: nothing is sent and nothing is written into the school's base."""
    found = counts(story, "second_sync")
    assert found["sent"] == found["applied"] == found["enrolled"] == 0


def test_one_field_waits_for_a_person_and_the_rest_travels(story: Story) -> None:
    """Both changed the phone: one conflict about it alone. E-mail and address went their ways."""
    assert counts(story, "edit_both_sides")["conflicts"] == 1
    edited = story.cast.edited
    card = card_of(story.region, edited.pupil)
    assert card["id"] == edited.student_id
    assert (card["email"], card["address"], card["phone"]) == (NEW_EMAIL, NEW_ADDRESS, NEW_REGION_PHONE)
    with story.service.db.read(story.school.school_id) as uow:
        (case,) = uow.conflicts.cases()
        row = uow.staging.rows(Stream.STUDENTS, [case.local_id])[case.local_id]
    assert case.groups == {"phone"}
    assert (row["email"], row["address"], row["phone"]) == (NEW_EMAIL, NEW_ADDRESS, NEW_SCHOOL_PHONE)


def test_director_and_secretary_are_told(tmp_path: Path) -> None:
    """The director hears of both held pupils with school and phone, the secretary of the one nobody can place."""
    with small_story(tmp_path, DAY) as told:
        told.import_files()
        told.first_sync()
        with told.service.db.read(told.school.school_id) as uow:
            notes = [note for _, note in uow.notifications.latest()]
    held = [told.cast.to_be_released, told.cast.never_released]
    director = [note.text for note in notes if note.role == "director"]
    secretary = [note.text for note in notes if note.role == "secretary"]
    assert len(director) == 2
    for listed in held:
        assert any(
            listed.pupil.last_name in text and (listed.pupil.origin_name or "") in text and "+7343" in text
            for text in director
        )
    assert len(secretary) == 1
    assert told.cast.of_unknown_origin.pupil.last_name in secretary[0]


def test_released_pupil_is_enrolled_in_that_cycle_without_a_new_person(story: Story) -> None:
    """The card is of the person whom the previous school released; the other one has no card yet."""
    assert counts(story, "release")["enrolled"] == 1
    assert counts(story, "release")["not_released"] == 1
    card = card_of(story.region, story.cast.to_be_released.pupil)
    assert card["personId"] == story.cast.to_be_released.person_id
    held = story.cast.never_released.person_id
    assert held not in {one["personId"] for one in story.region.dump("students")}


def test_answer_about_the_origin_lets_the_pupil_in(story: Story) -> None:
    """As soon as the secretary says where the pupil came from, the card is made."""
    assert counts(story, "origin_answered")["enrolled"] == 1
    assert card_of(story.region, story.cast.of_unknown_origin.pupil)


def test_late_marks_wait_and_follow(story: Story) -> None:
    """Late entries wait for a permit until the region opens the journals, then leave in that cycle."""
    found = counts(story, "late_entry")
    assert found["waiting_before"] > 0
    assert found["waiting_after"] == 0
    assert found["sent"] == found["waiting_before"]


def test_region_holds_what_the_files_say(story: Story) -> None:
    """Seen with the eyes of the region alone: every listed pupil but the held one, with parents and marks, once.

    Uses neither mappings nor links, so that a mistake of ours cannot stand on both sides.
    """
    region = story.region
    present = [one for one in story.cast.everybody if one is not story.cast.never_released]
    guardians = {item["id"]: item for item in region.dump("guardians")}
    parents: dict[str, set[str]] = {}
    for tie in region.dump("guardianships"):
        parents.setdefault(tie["studentId"], set()).add(guardians[tie["guardianId"]]["mobilePhone"])
    assert len(region.dump("students")) == len(present)
    ids = {}
    for listed in present:
        pupil, card = listed.pupil, card_of(region, listed.pupil)
        ids[listed] = card["id"]
        assert (card["surName"] or "").replace("ё", "е") == (pupil.patronymic or "").replace("ё", "е")
        assert (card["snils"] or "").replace("-", "").replace(" ", "") == (pupil.snils or "")
        assert (card["docSeries"], card["docNumber"]) == (pupil.document_series, pupil.document_number)
        assert card["personalFileNumber"] == pupil.personal_file_no
        assert {"1": "М", "2": "Ж"}[card["genderCode"]] == pupil.sex
        assert parents.get(card["id"], set()) == {guardian.phone for guardian in pupil.guardians}
    subjects = {item["id"]: item["name"] for item in region.dump("subjects")}
    lessons = {item["id"]: item for item in region.dump("lessons")}
    entered: dict[tuple[str, str, str], list[str]] = {}
    for item in region.dump("marks"):
        lesson = lessons[item["lessonId"]]
        place = (item["studentId"], subjects[lesson["subjectId"]], lesson["lessonDate"])
        entered.setdefault(place, []).append(item["grade"])
    names = {(one.pupil.last_name, one.pupil.first_name, one.school_class.name): ids[one] for one in present}
    looked_at = 0
    for path in sorted((story.folder / "files").glob("*.xlsx")):
        report = read_school_file(path.read_bytes(), file_name=path.name, today=DAY)
        assert isinstance(report, ParsedClassReport)
        for mark in report.marks:
            student = names.get((mark.pupil.last_name, mark.pupil.first_name, report.class_name))
            if student is not None:
                assert mark.value in entered[student, mark.subject, mark.date]
                looked_at += 1
    assert looked_at > 100


def test_parents_of_siblings_have_one_card(story: Story) -> None:
    """The beginner's parents are the cards the region had already: nobody is there twice."""
    people_there = [
        (card["lastName"], card["firstName"], card["surName"], card["mobilePhone"])
        for card in story.region.dump("guardians")
    ]
    assert len(set(people_there)) == len(people_there)


def test_document_is_plain_json_with_the_documented_parts(story: Story) -> None:
    """report, story and totals; the report is that of the newest run, which sent nothing any more."""
    document = json.loads(json.dumps(story.document()))
    assert list(document) == ["report", "story", "totals"]
    assert document["report"]["run_id"] == story.reports[-1].run_id
    assert document["report"]["status"] == "succeeded"
    assert sum(stream["push"]["acked"] for stream in document["report"]["streams"].values() if "push" in stream) == 0
    assert all(list(step) == ["step", "counts"] for step in document["story"])
    totals = document["totals"]
    assert totals["pupils"] == len(story.cast.everybody)
    assert (totals["open_conflicts"], totals["not_released"]) == (1, 1)
    assert totals["records_in_conflict"] == 1
    assert totals["records_different"] == totals["records_only_in_school"] == totals["records_only_in_region"] == 0
    assert all(isinstance(count, int) for count in totals.values())


def test_every_count_has_a_caption(story: Story) -> None:
    """What is counted can be told in Russian."""
    named = {name for step in story.steps for name in step.counts}
    assert named <= set(figures.CAPTIONS)
    assert set(figures.CAPTIONS) <= named | set(figures.of_run(RunReport(run_id="", school="")))


DAYS = [
    date(2026, 11, 21),
    date(2027, 1, 10),
    date(2026, 7, 15),
    date(2026, 8, 31),
    date(2026, 9, 1),
    date(2030, 9, 1),
]


@pytest.mark.parametrize("day", DAYS, ids=date.isoformat)
def test_story_holds_on_any_day(tmp_path: Path, day: date) -> None:
    """Weekends, holidays, July, August and the first of September: both sides come to agree."""
    with small_story(tmp_path, day) as told:
        told.tell()
        assert told.holds, told.totals()
        assert counts(told, "release")["enrolled"] == 1
        assert counts(told, "late_entry")["waiting_after"] == 0


def test_proof_notices_every_kind_of_difference(tmp_path: Path) -> None:
    """A changed, a missing and an additional record at the region each break the agreement, and are counted."""
    with small_story(tmp_path, DAY) as told:
        told.tell()
        assert told.holds
        region, mark = told.region, told.region.dump("marks")[0]
        pupil = next(one for one in told.cast.enrolled if one is not told.cast.edited)
        region.edit("students", pupil.student_id or "", {"email": "changed@example.ru"})
        region._post("delete", {"stream": "marks", "ids": [mark["id"]]})
        region._post("create", {"stream": "marks", "items": [{**_fields(mark), "ordinal": 9}]})
        agreement = compare(told.service, told.school, region)
        assert not agreement.holds
        found = {stream: asdict(one) for stream, one in agreement.streams.items() if not one.holds}
        assert set(found) == {Stream.STUDENTS, Stream.MARKS}
        assert found[Stream.STUDENTS]["different"] == 1
        assert (found[Stream.MARKS]["only_in_school"], found[Stream.MARKS]["only_in_region"]) == (1, 1)
        told.agreement = agreement
        assert not told.holds


def _fields(mark: Any) -> dict[str, Any]:
    return {name: mark[name] for name in ("studentId", "lessonId", "grade", "weight")}


def test_region_opens_in_the_school_year_that_has_lessons() -> None:
    """In August the region shows the school year that was taught; on every other day its own."""
    assert opening_day(date(2026, 8, 1)) == opening_day(date(2026, 8, 31)) == date(2026, 7, 31)
    assert opening_day(date(2026, 7, 31)) == date(2026, 7, 31)
    assert opening_day(date(2026, 9, 1)) == date(2026, 9, 1)
