"""The release watch asks about cards as other programs spell them, and one that cannot be read stops nobody."""

from __future__ import annotations

from typing import Any

import pytest

from sync_service.domain.streams import Stream
from sync_service.engine import decide_matches
from tests.unit.engine.test_release_watch import CARD, arrive, enrolled, ready, states
from tests.unit.engine.world import MAPPINGS, PUPIL, World


def spelt(**values: Any) -> dict[str, Any]:
    return {**PUPIL, **values}


def mapped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries travel as the connector writes them: it refuses what has no regional form."""
    ask = world.remote.find_available

    def through_the_mapping(persons: Any) -> Any:
        for query in persons:
            MAPPINGS[Stream.STUDENTS].to_remote({"birth_date": query.birth_date, "snils": query.snils})
        return ask(persons)

    monkeypatch.setattr(world.remote, "find_available", through_the_mapping)


@pytest.mark.parametrize("snils", ["112-233-445 95", "112 233 445 95"])
def test_an_arrival_is_found_by_a_snils_in_any_notation(world: World, snils: str) -> None:
    """The same number spelt otherwise is no other number: nobody waits, and no second person is made."""
    ready(world)
    person = world.remote.add_person(CARD)
    arrive(world, pupil=spelt(snils=snils), origin_kind="other_district")
    world.sync()
    assert enrolled(world) == [person]
    assert states(world) == [("A", "enrolled")]


@pytest.mark.parametrize("spoilt", [{"snils": "123"}, {"first_name": "\x01"}])
def test_a_card_that_cannot_be_read_keeps_nobody_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch, spoilt: dict[str, str]
) -> None:
    """It is set aside with its reason; who arrives beside it is enrolled."""
    mapped(world, monkeypatch)
    ready(world)
    person = world.remote.add_person(CARD)
    bad = arrive(world, pupil=spelt(last_name="Ли", **spoilt))
    arrive(world)
    report = world.sync()
    assert report.streams[Stream.STUDENTS].error is None
    assert enrolled(world) == [person]
    assert [(i["stream"], i["local_id"]) for i in world.rows("quarantine")] == [("students", bad)]


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_a_birth_date_in_russian_notation_is_the_same_day(world: World) -> None:
    """SQLite keeps what it is given."""
    ready(world)
    person = world.remote.add_person({**CARD, "snils": None}, organization_id="school-12")
    world.remote.release(person)
    origin = world.rows("organizations")[0]["id"]
    arrive(world, pupil=spelt(birth_date="11.05.2012"), origin_kind="school", origin_organization_id=origin)
    world.sync()
    assert enrolled(world) == [person]


@pytest.mark.parametrize("same", [True, False])
def test_a_word_on_a_card_that_is_spelt_otherwise_is_kept(world: World, same: bool) -> None:
    """Asked once, answered once: by name and birth date alone nobody is enrolled unasked."""
    ready(world)
    person = world.remote.add_person({**CARD, "snils": None})
    arrive(world, pupil=spelt(last_name=" ёлкина "))
    world.sync()
    (case,) = world.rows("match_cases")
    if same:
        decide_matches.confirm(world.desk(), case["id"], world.rows("students")[0]["id"])
    else:
        decide_matches.reject(world.desk(), case["id"])
    for _ in range(2):
        world.sync()
    assert enrolled(world) == [person] * same
    assert [case["state"] for case in world.rows("match_cases")] == ["confirmed" if same else "rejected"]
