"""Who is on the list: each newcomer stands where the story needs them, on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from sync_service.demo import casting, people
from sync_service.demo.region import Region
from tests.unit.demo.stage import small_region

DAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def region() -> Iterator[Region]:
    with small_region(DAY) as running:
        yield running


@pytest.fixture(scope="module")
def cast(region: Region) -> casting.Cast:
    return casting.gather(region, DAY)


def standing(region: Region, listed: people.Listed) -> str:
    """How the region's register has the child; «unknown» when it does not."""
    snils = listed.pupil.snils or ""
    formatted = f"{snils[:3]}-{snils[3:6]}-{snils[6:9]} {snils[9:]}"
    found = region._get("persons", snils=formatted)["persons"]
    return str(found[0]["status"]) if found else "unknown"


def of_case(cast: casting.Cast, origin: str | None) -> list[people.Listed]:
    return [one for one in cast.newcomers if one.pupil.origin_kind == origin]


def test_every_case_of_the_regulation_is_on_the_list(region: Region, cast: casting.Cast) -> None:
    """A: free to be enrolled; B: enrolled elsewhere; C, E, F: unknown to the region."""
    from_schools = of_case(cast, "school")
    held = [one for one in from_schools if standing(region, one) == "enrolled"]
    assert held == [cast.to_be_released, cast.never_released]
    assert {standing(region, one) for one in from_schools if one not in held} == {"available"}
    assert [standing(region, one) for one in of_case(cast, "other_district")] == ["unknown"]
    assert {standing(region, one) for one in of_case(cast, "none")} <= {"unknown"}
    assert {one.school_class.grade for one in of_case(cast, "none")} == {1}
    assert of_case(cast, None) == [cast.of_unknown_origin]
    assert standing(region, cast.of_unknown_origin) == "unknown"


def test_held_pupils_come_from_schools_that_can_be_phoned(region: Region, cast: casting.Cast) -> None:
    """The list names the previous school as the directory does, and that school keeps movement and has a phone."""
    schools = {one["name"]: one for one in region.neighbours()}
    for listed in (cast.to_be_released, cast.never_released):
        school = schools[listed.pupil.origin_name or ""]
        assert school["keepsMovement"]
        assert school["phone"]


def test_one_beginner_is_the_sibling_of_a_pupil(cast: casting.Cast) -> None:
    """The first first-grader brings no parent of their own: the same parents at the same address."""
    beginner = of_case(cast, "none")[0].pupil
    siblings = [one.pupil for one in cast.enrolled if one.pupil.guardians == beginner.guardians]
    assert siblings
    assert len(beginner.guardians) == 2
    assert {(one.last_name, one.patronymic, one.address) for one in siblings if one.sex == beginner.sex} == {
        (beginner.last_name, beginner.patronymic, beginner.address)
    }


def test_pupils_of_the_region_are_listed_with_their_parents_and_orders(region: Region, cast: casting.Cast) -> None:
    """Everybody the region has in our school is on the list, in the class of the last movement."""
    assert len(cast.enrolled) == len(region.dump("students"))
    ties = len(region.dump("guardianships"))
    assert sum(len(one.pupil.guardians) for one in cast.enrolled) == ties
    assert {one.school_class.name for one in cast.enrolled} == {"1А", "5А", "8А"}
    assert all(one.pupil.order_number and one.pupil.enrolled_on for one in cast.enrolled)


def test_newcomers_arrived_in_this_school_year_and_not_after_today(cast: casting.Cast) -> None:
    """Every arrival lies between the first of September and today."""
    assert all(date(2026, 9, 1) <= one.arrived_on <= DAY for one in cast.newcomers)


def test_no_two_newcomers_share_an_order_or_a_personal_file(cast: casting.Cast) -> None:
    """Order numbers and personal files are unique, as in a school's own books."""
    for name in ("order_number", "personal_file_no", "snils"):
        found = [getattr(one.pupil, name) for one in cast.newcomers]
        assert len(set(found)) == len(found)
