"""What every regional system owes the release watch: who is free, who is not, and what enrols."""

from __future__ import annotations

from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine.ports import PersonQuery, PersonStatus, WriteStatus
from tests.contract.worlds import PUPILS, World

CARD: Values = {
    "last_name": "Зайцев",
    "first_name": "Фёдор",
    "patronymic": "Олегович",
    "sex": "М",
    "birth_date": "2014-04-05",
    "snils": "11223344595",
}


def asks(ref: str, card: Values, *, snils: bool = True) -> PersonQuery:
    return PersonQuery(
        ref=ref,
        last_name=str(card["last_name"]),
        first_name=str(card["first_name"]),
        patronymic=str(card["patronymic"]) if card.get("patronymic") else None,
        birth_date=str(card["birth_date"]) if card.get("birth_date") else None,
        snils=str(card["snils"]) if snils and card.get("snils") else None,
    )


def status_of(world: World, card: Values = CARD) -> PersonStatus:
    return world.remote.find_available([asks("one", card)])[0].status


def arrival(world: World, student_id: str) -> Values:
    return {
        "student_id": student_id,
        "kind": "arrival",
        "date": "2026-11-20",
        "order_number": "17-к",
        "order_date": "2026-11-20",
        "class_to_id": world.class_id,
    }


class TestFindAvailable:
    def test_every_status_in_the_order_of_the_questions(self, world: World) -> None:
        """Free, enrolled elsewhere, enrolled here, unknown: one answer per question."""
        free = world.person(CARD, enrolled=False)
        busy = world.person(
            {**CARD, "first_name": "Олег", "snils": "08765430300", "birth_date": "2013-01-01"}, enrolled=True
        )
        answers = world.remote.find_available(
            [
                asks("nobody", {"last_name": "Никто", "first_name": "Никак", "birth_date": "2010-01-01"}),
                asks("here", dict(PUPILS[0])),
                asks("busy", {**CARD, "first_name": "Олег", "birth_date": "2013-01-01", "snils": None}),
                asks("free", CARD),
            ]
        )
        assert [(answer.ref, answer.status) for answer in answers] == [
            ("nobody", PersonStatus.UNKNOWN),
            ("here", PersonStatus.ENROLLED_HERE),
            ("busy", PersonStatus.ENROLLED_ELSEWHERE),
            ("free", PersonStatus.AVAILABLE),
        ]
        (candidate,) = answers[3].candidates
        assert (candidate.person_id, candidate.status) == (free, PersonStatus.AVAILABLE)
        assert (candidate.last_name, candidate.first_name, candidate.patronymic) == ("Зайцев", "Фёдор", "Олегович")
        assert (candidate.birth_date, candidate.snils) == ("2014-04-05", "11223344595")
        assert answers[2].candidates[0].person_id == busy
        assert answers[2].candidates[0].organization_id
        assert answers[0].candidates == ()

    def test_snils_decides_over_the_name(self, world: World) -> None:
        person = world.person(CARD, enrolled=False)
        (answer,) = world.remote.find_available([asks("one", {**CARD, "last_name": "Волков"})])
        assert [candidate.person_id for candidate in answer.candidates] == [person]

    def test_names_are_found_without_yo_and_case(self, world: World) -> None:
        person = world.person({**CARD, "snils": None}, enrolled=False)
        query = asks("one", {**CARD, "first_name": "ФЕДОР"}, snils=False)
        (answer,) = world.remote.find_available([query])
        assert [candidate.person_id for candidate in answer.candidates] == [person]

    def test_no_question_no_answer(self, world: World) -> None:
        assert world.remote.find_available([]) == []


class TestEnrolment:
    def test_a_free_person_is_enrolled_without_a_new_card(self, world: World) -> None:
        """Case A: personId is enough, the card comes from the person."""
        person = world.person(CARD, enrolled=False)
        result = world.create_by_write(Stream.STUDENTS, {"person_id": person})
        assert result.status is WriteStatus.DONE
        assert result.stored is not None
        assert {name: result.stored.values[name] for name in CARD} == CARD
        assert result.stored.values["person_id"] == person
        assert status_of(world) is PersonStatus.ENROLLED_HERE

    def test_who_is_not_released_cannot_be_enrolled_until_released(self, world: World) -> None:
        """Case B: 409 not_released, and success once the other school has entered the departure."""
        person = world.person(CARD, enrolled=True)
        assert status_of(world) is PersonStatus.ENROLLED_ELSEWHERE
        refused = world.create_by_write(Stream.STUDENTS, {"person_id": person}, ref="early")
        assert (refused.status, refused.code) == (WriteStatus.NOT_RELEASED, "not_released")
        world.release(person)
        assert status_of(world) is PersonStatus.AVAILABLE
        assert world.create_by_write(Stream.STUDENTS, {"person_id": person}, ref="now").status is WriteStatus.DONE

    def test_a_new_card_for_a_known_person_is_refused(self, world: World) -> None:
        """Nobody gets a second card: released first, then by personId."""
        person = world.person(CARD, enrolled=True)
        refused = world.create_by_write(Stream.STUDENTS, dict(CARD), ref="one")
        assert refused.status is WriteStatus.NOT_RELEASED
        world.release(person)
        exists = world.create_by_write(Stream.STUDENTS, dict(CARD), ref="two")
        assert (exists.status, exists.code, exists.remote_id) == (WriteStatus.DUPLICATE, "person_has_card", None)
        here = world.create_by_write(Stream.STUDENTS, dict(PUPILS[0]), ref="three")
        assert (here.status, here.code, here.remote_id) == (
            WriteStatus.DUPLICATE,
            "person_has_card",
            world.pupils[0],
        )

    def test_a_departure_needs_its_destination_and_releases(self, world: World) -> None:
        """Case D: without a destination 422; with it the pupil is available at once and the card stays."""
        leave: Values = {
            **arrival(world, world.pupils[0]),
            "kind": "departure",
            "class_from_id": world.class_id,
            "class_to_id": None,
        }
        refused = world.create_by_write(Stream.MOVEMENTS, leave, ref="one")
        assert (refused.status, refused.code) == (WriteStatus.INVALID, "required")
        done = world.create_by_write(Stream.MOVEMENTS, {**leave, "destination_name": "Школа № 7, Тюмень"}, ref="two")
        assert done.status is WriteStatus.DONE
        assert status_of(world, dict(PUPILS[0])) is PersonStatus.AVAILABLE
        assert world.pupils[0] in world.live(Stream.STUDENTS)

    def test_a_movement_needs_its_order(self, world: World) -> None:
        for name in ("order_number", "order_date"):
            values = {**arrival(world, world.pupils[0]), name: None}
            result = world.create_by_write(Stream.MOVEMENTS, values, ref=name)
            assert (result.status, result.code) == (WriteStatus.INVALID, "required")

    def test_an_arrival_is_stored_as_sent(self, world: World) -> None:
        result = world.create_by_write(Stream.MOVEMENTS, arrival(world, world.pupils[0]))
        assert result.stored is not None
        assert result.stored.values.items() >= arrival(world, world.pupils[0]).items()
