"""What every regional system owes the engine when it is written to."""

from __future__ import annotations

import pytest

from sync_service.domain.errors import ContractError, OutcomeUnknown
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine.ports import Op, WriteItem, WriteStatus
from tests.contract.worlds import World


def create(ref: str, values: Values) -> WriteItem:
    return WriteItem(client_ref=ref, op=Op.CREATE, values=values)


class TestOneItem:
    def test_a_created_record_is_told_as_it_is_stored(self, world: World) -> None:
        """Id, versions and the stored canonical record come back; defaults are filled in."""
        result = world.create_by_write(Stream.MARKS, world.mark(weight=None, comment=None))
        assert result.status is WriteStatus.DONE
        assert result.client_ref == "ref-1"
        assert result.stored is not None
        assert (result.stored.remote_id, result.stored.version) == (result.remote_id, result.version)
        assert result.stored.change_version == result.change_version
        assert result.stored.values == world.mark()
        assert world.live(Stream.MARKS) == {result.remote_id: world.mark()}

    def test_an_update_changes_only_what_it_names_and_none_clears(self, world: World) -> None:
        mark = world.create(Stream.MARKS, world.mark(comment="за диктант"))
        version = world.get(Stream.MARKS, mark).version
        changes: list[Values] = [{"value": "4"}, {"comment": None}]
        for place, values in enumerate(changes):
            item = WriteItem(
                client_ref="u", op=Op.UPDATE, remote_id=mark, version=(version or 0) + place, values=values
            )
            (result,) = world.write(Stream.MARKS, item, key=f"update-{place}")
            assert (result.status, result.version) == (WriteStatus.DONE, (version or 0) + place + 1)
        assert world.live(Stream.MARKS)[mark] == world.mark(value="4", comment=None)

    def test_an_update_with_equal_values_is_done_and_changes_nothing(self, world: World) -> None:
        mark = world.create(Stream.MARKS, world.mark())
        version = world.get(Stream.MARKS, mark).version
        item = WriteItem(
            client_ref="u", op=Op.UPDATE, remote_id=mark, version=version, values={"value": "5", "weight": 1}
        )
        (result,) = world.write(Stream.MARKS, item)
        assert (result.status, result.version) == (WriteStatus.DONE, version)

    def test_a_deleted_record_becomes_a_tombstone(self, world: World) -> None:
        mark = world.create(Stream.MARKS, world.mark())
        version = world.get(Stream.MARKS, mark).version
        (result,) = world.write(
            Stream.MARKS, WriteItem(client_ref="d", op=Op.DELETE, remote_id=mark, version=version)
        )
        assert result.status is WriteStatus.DONE
        assert result.stored is not None
        assert result.stored.deleted
        assert world.live(Stream.MARKS) == {}
        assert world.get(Stream.MARKS, mark).deleted

    def test_a_stale_version_is_refused_and_the_current_record_shown(self, world: World) -> None:
        mark = world.create(Stream.MARKS, world.mark())
        seen = world.get(Stream.MARKS, mark).version
        world.edit(Stream.MARKS, mark, {"value": "3"})
        for op in (Op.UPDATE, Op.DELETE):
            values: Values = {"value": "4"} if op is Op.UPDATE else {}
            item = WriteItem(client_ref="u", op=op, remote_id=mark, version=seen, values=values)
            (result,) = world.write(Stream.MARKS, item, key=f"stale-{op}")
            assert (result.status, result.code) == (WriteStatus.STALE, "stale_version")
            assert result.stored is not None
            assert result.stored.values["value"] == "3"
            assert result.version == result.stored.version != seen
        assert world.live(Stream.MARKS)[mark]["value"] == "3"

    def test_a_record_that_is_gone_is_not_found(self, world: World) -> None:
        mark = world.create(Stream.MARKS, world.mark())
        version = world.get(Stream.MARKS, mark).version
        world.delete(Stream.MARKS, mark)
        item = WriteItem(client_ref="u", op=Op.UPDATE, remote_id=mark, version=version, values={"value": "4"})
        assert world.write(Stream.MARKS, item)[0].status is WriteStatus.NOT_FOUND

    @pytest.mark.parametrize("stream", [Stream.MARKS, Stream.ATTENDANCE, Stream.GUARDIANS, Stream.FINAL_MARKS])
    def test_a_second_record_for_one_place_names_the_first(self, world: World, stream: Stream) -> None:
        places: dict[Stream, Values] = {
            Stream.MARKS: world.mark(),
            Stream.ATTENDANCE: {
                "student_id": world.pupils[0],
                "lesson_id": world.lessons["2026-11-20"],
                "symbol": "Б",
            },
            Stream.GUARDIANS: {"last_name": "Иванова", "first_name": "Мария", "phone": "+79120000001"},
            Stream.FINAL_MARKS: {
                "student_id": world.pupils[0],
                "subject_id": world.subject_id,
                "period_id": world.periods["2026-11-25"],
                "kind": "period",
                "value": "4",
            },
        }
        first = world.create_by_write(stream, dict(places[stream]), ref="one")
        second = world.create_by_write(stream, dict(places[stream]), ref="two")
        assert first.status is WriteStatus.DONE
        assert (second.status, second.remote_id, second.code) == (
            WriteStatus.DUPLICATE,
            first.remote_id,
            "duplicate",
        )

    def test_pupils_are_never_deleted(self, world: World) -> None:
        version = world.get(Stream.STUDENTS, world.pupils[0]).version
        item = WriteItem(client_ref="d", op=Op.DELETE, remote_id=world.pupils[0], version=version)
        assert world.write(Stream.STUDENTS, item)[0].status is WriteStatus.INVALID
        assert world.pupils[0] in world.live(Stream.STUDENTS)


class TestBatch:
    def test_each_item_has_its_own_result_in_order(self, world: World) -> None:
        """One bad item harms no other; details name a field and a code, never a value."""
        results = world.write(
            Stream.MARKS,
            create("good-1", world.mark()),
            create("late", world.mark("2026-11-05")),
            create("no-such-lesson", world.mark() | {"lesson_id": world.pupils[1]}),
            create("no-such-mark", world.mark("2026-11-19", value="7")),
            create("no-lesson", world.mark() | {"lesson_id": None}),
            create("good-2", world.mark("2026-11-06")),
        )
        assert [(result.client_ref, result.status) for result in results] == [
            ("good-1", WriteStatus.DONE),
            ("late", WriteStatus.WINDOW_CLOSED),
            ("no-such-lesson", WriteStatus.INVALID),
            ("no-such-mark", WriteStatus.INVALID),
            ("no-lesson", WriteStatus.INVALID),
            ("good-2", WriteStatus.DONE),
        ]
        assert len(world.live(Stream.MARKS)) == 2
        assert all(result.code for result in results if result.status is not WriteStatus.DONE)

    def test_the_same_key_and_items_are_done_once(self, world: World) -> None:
        items = [create("a", world.mark()), create("b", world.mark("2026-11-19"))]
        first = world.write(Stream.MARKS, *items, key="same")
        again = world.write(Stream.MARKS, *items, key="same")
        assert [result.remote_id for result in again] == [result.remote_id for result in first]
        assert len(world.live(Stream.MARKS)) == 2

    def test_a_lost_answer_is_unknown_and_can_be_read_back(self, world: World) -> None:
        """The batch was committed: OutcomeUnknown, and the records are found by their references."""
        world.lose_next_answer()
        with pytest.raises(OutcomeUnknown):
            world.write(Stream.MARKS, create("a", world.mark()), create("b", world.mark("2026-11-19")))
        found = world.remote.find(Stream.MARKS, client_refs=["a", "b", "c"]).records
        assert {record.client_ref for record in found} == {"a", "b"}
        assert {record.remote_id for record in found} == world.live(Stream.MARKS).keys()

    def test_reference_streams_take_no_writes(self, world: World) -> None:
        with pytest.raises(ContractError):
            world.write(Stream.SUBJECTS, create("s", {"name": "Геометрия"}))

    def test_a_batch_has_room_for_its_limit(self, world: World) -> None:
        items = [
            create(f"g-{n}", {"last_name": "Иванова", "first_name": "Мария", "phone": f"+7912{n:07d}"})
            for n in range(world.remote.batch_limit)
        ]
        results = world.write(Stream.GUARDIANS, *items)
        assert {result.status for result in results} == {WriteStatus.DONE}
        assert len(world.live(Stream.GUARDIANS)) == world.remote.batch_limit == 500


class TestWindows:
    @pytest.mark.parametrize(
        ("day", "status"),
        [
            ("2026-11-20", WriteStatus.DONE),
            ("2026-11-06", WriteStatus.DONE),  # day 14 included
            ("2026-11-05", WriteStatus.WINDOW_CLOSED),
            ("2026-12-03", WriteStatus.DONE),  # 13 days ahead
            ("2026-12-04", WriteStatus.INVALID),
        ],
    )
    def test_a_lesson_is_open_from_13_days_before_to_14_after(
        self, world: World, day: str, status: WriteStatus
    ) -> None:
        symbol: Values = {"student_id": world.pupils[0], "lesson_id": world.lessons[day], "symbol": "УП"}
        assert world.create_by_write(Stream.MARKS, world.mark(day), ref="m").status is status
        assert world.create_by_write(Stream.ATTENDANCE, symbol, ref="a").status is status

    @pytest.mark.parametrize(("until", "opened"), [("2026-11-20", True), ("2026-11-19", False)])
    def test_late_entry_opens_a_class_to_that_day(self, world: World, until: str, opened: bool) -> None:
        world.edit(Stream.CLASSES, world.class_id, {"late_entry_until": until})
        expected = WriteStatus.DONE if opened else WriteStatus.WINDOW_CLOSED
        assert world.create_by_write(Stream.MARKS, world.mark("2026-11-05")).status is expected

    @pytest.mark.parametrize(
        ("ends_on", "status"),
        [("2026-11-25", WriteStatus.DONE), ("2026-10-28", WriteStatus.WINDOW_CLOSED)],
    )
    def test_final_marks_have_their_own_window(self, world: World, ends_on: str, status: WriteStatus) -> None:
        values: Values = {
            "student_id": world.pupils[0],
            "subject_id": world.subject_id,
            "period_id": world.periods[ends_on],
            "kind": "period",
            "value": "зач",
        }
        result = world.create_by_write(Stream.FINAL_MARKS, values)
        assert result.status is status
        if result.stored is not None:
            assert result.stored.values == values


class TestCanonicalForms:
    @pytest.mark.parametrize("symbol", ["ОТ", "УП", "Б", "НП", "ОП", "осв"])
    def test_every_symbol_survives_the_journey(self, world: World, symbol: str) -> None:
        values = {
            "student_id": world.pupils[0],
            "lesson_id": world.lessons["2026-11-20"],
            "symbol": symbol,
            "reason": None,
        }
        result = world.create_by_write(Stream.ATTENDANCE, dict(values))
        assert world.live(Stream.ATTENDANCE) == {result.remote_id: values}

    def test_a_card_survives_the_journey(self, world: World) -> None:
        card: Values = {
            "last_name": "Мамедов-Ёлкин",
            "first_name": "Артём",
            "patronymic": "Вагиф оглы",
            "sex": "М",
            "birth_date": "2013-02-28",
            "snils": "11223344595",
            "document_series": "IV-АИ",
            "document_number": "123456",
            "personal_file_no": "К-35",
            "admitted_on": "2026-09-01",
            "address": "Екатеринбург, улица Мира, 1",
            "phone": "+79120000001",
            "email": "a@example.org",
        }
        result = world.create_by_write(Stream.STUDENTS, dict(card))
        assert result.stored is not None
        person_id = result.stored.values["person_id"]
        assert person_id
        assert result.stored.values == {**card, "person_id": person_id}
