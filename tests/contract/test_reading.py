"""What every regional system owes the engine when it is read."""

from __future__ import annotations

from random import Random

import pytest

from sync_service.domain.errors import AccessRefused, CursorExpired, TransientError
from sync_service.domain.links import RemoteId
from sync_service.domain.records import Values
from sync_service.domain.streams import RemoteRecord, Stream
from tests.contract.worlds import LESSONS, PUPILS, World


def newest(records: list[RemoteRecord]) -> dict[str, RemoteRecord]:
    """The last word on each record, as the engine sees it."""
    seen: dict[str, RemoteRecord] = {}
    for record in records:
        if record.remote_id not in seen or (record.version or 0) >= (seen[record.remote_id].version or 0):
            seen[record.remote_id] = record
    return seen


class TestPages:
    def test_everything_arrives_and_only_the_last_page_is_complete(self, world: World) -> None:
        """A first reading yields every live record in canonical form."""
        pages = world.pages(Stream.LESSONS)
        assert [page.complete for page in pages] == [False, True]
        assert all(page.full for page in pages)
        records = newest([record for page in pages for record in page.records])
        assert {rid: record.values for rid, record in records.items()} == world.live(Stream.LESSONS)
        assert {record.values["date"] for record in records.values()} == set(LESSONS)

    def test_nothing_changed_yields_no_page(self, world: World) -> None:
        """After a whole reading there is nothing to read, with or without known versions."""
        cursor = world.cursor(Stream.STUDENTS)
        versions = world.remote.change_versions().streams[Stream.STUDENTS]
        assert world.pages(Stream.STUDENTS, cursor) == []
        assert list(world.remote.pages(Stream.STUDENTS, cursor, versions)) == []

    def test_the_first_reading_of_an_empty_stream_yields_a_place_to_go_on_from(self, world: World) -> None:
        """Without it the tombstone of a record that we wrote ourselves would never be asked for."""
        (page,) = world.pages(Stream.ATTENDANCE)
        assert (page.records, page.complete, page.full) == ((), True, True)
        assert world.pages(Stream.ATTENDANCE, page.cursor) == []

    def test_a_change_brings_the_record_and_no_other(self, world: World) -> None:
        """A delta holds what changed since the cursor, values in canonical form."""
        cursor = world.cursor(Stream.STUDENTS)
        world.edit(Stream.STUDENTS, world.pupils[1], {"last_name": "Петрова", "phone": "+79120000001"})
        (page,) = world.pages(Stream.STUDENTS, cursor)
        assert (page.complete, page.full, page.received) == (True, False, 1)
        assert page.records[0].remote_id == world.pupils[1]
        assert page.records[0].values["last_name"] == "Петрова"
        assert page.records[0].values["phone"] == "+79120000001"

    def test_tombstones_come_with_their_key_to_whoever_knew_the_record(self, world: World) -> None:
        """A deletion is an explicit record; a first reader is spared it."""
        gone = world.create(Stream.MARKS, world.mark())
        cursor = world.cursor(Stream.MARKS)
        world.delete(Stream.MARKS, gone)
        (page,) = world.pages(Stream.MARKS, cursor)
        (record,) = page.records
        assert (record.remote_id, record.deleted) == (gone, True)
        assert record.values["student_id"] == world.pupils[0]
        assert record.values["lesson_id"] == world.lessons["2026-11-20"]
        assert [len(page.records) for page in world.pages(Stream.MARKS)] == [0]

    def test_a_version_bump_without_change_brings_equal_values(self, world: World) -> None:
        cursor = world.cursor(Stream.STUDENTS)
        before = {record.remote_id: record for page in world.pages(Stream.STUDENTS) for record in page.records}
        world.bump(Stream.STUDENTS)
        after = {record.remote_id: record for page in world.pages(Stream.STUDENTS, cursor) for record in page.records}
        assert {rid: record.values for rid, record in after.items()} == {
            rid: record.values for rid, record in before.items()
        }
        assert all((after[rid].version or 0) > (before[rid].version or 0) for rid in before)

    def test_repeated_and_reordered_items_count_once(self, world: World) -> None:
        """Order and repeats carry no meaning; the newest state of a record is kept."""
        world.repeat_and_reorder()
        pages = world.pages(Stream.LESSONS)
        assert [len(page.records) for page in pages] == [3, 3]
        assert [page.received for page in pages] == [6, 6]
        assert newest([r for page in pages for r in page.records]).keys() == world.live(Stream.LESSONS).keys()

    def test_an_interrupted_window_is_resumed_where_it_stopped(self, world: World) -> None:
        """The cursor of each page continues its window; the position moves only when the window is whole."""
        iterator = world.remote.pages(Stream.LESSONS, None, None)
        first = next(iterator)
        iterator.close()  # type: ignore[attr-defined]
        assert world.remote.position(first.cursor) == 0
        (second,) = world.pages(Stream.LESSONS, first.cursor)
        assert second.complete
        assert second.full
        ids = {record.remote_id for page in (first, second) for record in page.records}
        assert ids == world.live(Stream.LESSONS).keys()
        assert world.remote.position(second.cursor) > 0

    def test_a_failing_page_leaves_a_usable_cursor(self, world: World) -> None:
        """What was read before the failure stays read."""
        world.break_page(skip=2)  # page 1 tells the length, page 2 is read, page 1 fails
        iterator = world.remote.pages(Stream.LESSONS, None, None)
        first = next(iterator)
        with pytest.raises(TransientError):
            next(iterator)
        rest = world.pages(Stream.LESSONS, first.cursor)
        received = [record for page in (first, *rest) for record in page.records]
        assert newest(received).keys() == world.live(Stream.LESSONS).keys()

    @pytest.mark.parametrize("seed", range(6))
    def test_paging_loses_nothing_while_records_move(self, world: World, seed: int) -> None:
        """Edits, creations and deletions between pages: after the next window both sides hold the same."""
        random = Random(seed)
        mark_ids = [
            world.create(Stream.MARKS, world.mark(position=place, value=str(random.randint(2, 5))))
            for place in range(1, 15)
        ]
        received: list[RemoteRecord] = []
        cursor: str | None = None
        for round_number in range(4):
            for page in world.remote.pages(Stream.MARKS, cursor, None):
                received += page.records
                cursor = page.cursor
                if round_number < 2:
                    self._stir(world, random, mark_ids)
        known = {rid: record for rid, record in newest(received).items() if not record.deleted}
        assert {rid: record.values for rid, record in known.items()} == world.live(Stream.MARKS)

    @staticmethod
    def _stir(world: World, random: Random, mark_ids: list[RemoteId]) -> None:
        for _ in range(random.randint(0, 3)):
            act = random.choice(["edit", "create", "delete"])
            if act == "create":
                mark_ids.append(world.create(Stream.MARKS, world.mark(position=len(mark_ids) + 20)))
            elif mark_ids:
                chosen = random.choice(mark_ids)
                if act == "edit":
                    world.edit(Stream.MARKS, chosen, {"comment": f"правка {random.random()}"})
                else:
                    mark_ids.remove(chosen)
                    world.delete(Stream.MARKS, chosen)

    def test_a_forgotten_history_is_said_to_be_forgotten(self, world: World) -> None:
        """A position older than the region's memory raises CursorExpired; a whole reading still works."""
        cursor = world.cursor(Stream.STUDENTS)
        world.edit(Stream.STUDENTS, world.pupils[0], {"address": "улица Мира, 1"})
        world.compact()
        with pytest.raises(CursorExpired):
            world.pages(Stream.STUDENTS, cursor)
        assert len([r for page in world.pages(Stream.STUDENTS) for r in page.records]) == len(PUPILS)

    def test_a_refused_stream_is_never_an_empty_one(self, world: World) -> None:
        cursor = world.cursor(Stream.STUDENTS)
        world.edit(Stream.STUDENTS, world.pupils[0], {"address": "улица Мира, 1"})
        world.refuse(Stream.STUDENTS)
        with pytest.raises(AccessRefused):
            world.pages(Stream.STUDENTS, cursor)


class TestListing:
    def test_it_names_every_live_record_with_its_version(self, world: World) -> None:
        """Tombstones are left out; versions are those that a reading of the record tells."""
        marks = [world.create(Stream.MARKS, world.mark(position=place)) for place in range(1, 8)]
        world.edit(Stream.MARKS, marks[0], {"value": "4"})
        world.delete(Stream.MARKS, marks[1])
        pages = list(world.remote.listing(Stream.MARKS))
        listed = {remote_id: version for page in pages for remote_id, version in page.items()}
        assert listed.keys() == world.live(Stream.MARKS).keys()
        assert listed == {
            record.remote_id: record.version
            for record in world.remote.get(Stream.MARKS, marks).records
            if not record.deleted
        }

    def test_an_empty_stream_is_listed_as_empty(self, world: World) -> None:
        assert [dict(page) for page in world.remote.listing(Stream.ATTENDANCE)] == [{}]

    def test_repeats_and_order_carry_no_meaning(self, world: World) -> None:
        world.repeat_and_reorder()
        listed = [remote_id for page in world.remote.listing(Stream.LESSONS) for remote_id in page]
        assert sorted(listed) == sorted(world.live(Stream.LESSONS))

    def test_one_that_breaks_off_raises_and_is_no_list(self, world: World) -> None:
        """What has not been read is not known to be absent."""
        world.break_page(skip=2)
        with pytest.raises(TransientError):
            list(world.remote.listing(Stream.LESSONS))

    def test_a_refused_stream_has_no_listing(self, world: World) -> None:
        world.refuse(Stream.STUDENTS)
        with pytest.raises(AccessRefused):
            list(world.remote.listing(Stream.STUDENTS))

    @pytest.mark.parametrize("seed", range(3))
    def test_what_stands_still_is_always_in_it(self, world: World, seed: int) -> None:
        """Edits, creations and deletions between pages push records about; one nobody touched is listed."""
        random = Random(seed)
        still = {world.create(Stream.MARKS, world.mark(position=place)) for place in range(1, 12)}
        moving = [world.create(Stream.MARKS, world.mark(position=place)) for place in range(40, 50)]
        listed: set[str] = set()
        for number, page in enumerate(world.remote.listing(Stream.MARKS)):
            listed |= page.keys()
            if number < 3:
                TestPages._stir(world, random, moving)
        assert still <= listed


class TestChangeVersions:
    def test_only_the_changed_stream_grows(self, world: World) -> None:
        """One call tells which streams have news."""
        before = world.remote.change_versions().streams
        world.edit(Stream.STUDENTS, world.pupils[0], {"address": "улица Мира, 1"})
        after = world.remote.change_versions().streams
        assert after[Stream.STUDENTS].newest > before[Stream.STUDENTS].newest
        assert {s for s in Stream if after[s] != before[s]} == {Stream.STUDENTS}

    def test_server_time_is_aware(self, world: World) -> None:
        assert world.remote.change_versions().server_time.isoformat().startswith("2026-11-20T05:00")

    def test_position_is_what_the_region_calls_newest(self, world: World) -> None:
        """Position and versions are one scale, so that lag can be computed."""
        cursor = world.cursor(Stream.STUDENTS)
        newest_version = world.remote.change_versions().streams[Stream.STUDENTS].newest
        assert world.remote.position(cursor) == newest_version
        assert world.remote.position(None) == 0


class TestLookUps:
    def test_get_shows_tombstones_and_leaves_out_the_unknown(self, world: World) -> None:
        live = world.create(Stream.MARKS, world.mark())
        gone = world.create(Stream.MARKS, world.mark(position=2))
        world.delete(Stream.MARKS, gone)
        found = world.remote.get(Stream.MARKS, [live, gone, RemoteId("no-such-id"), live])
        assert {record.remote_id: record.deleted for record in found.records} == {live: False, gone: True}
        assert found.rejects == ()

    def test_find_by_client_reference_shows_tombstones(self, world: World) -> None:
        """A create whose answer was lost, and whose record was deleted since, has been carried out all the same."""
        kept = world.create_by_write(Stream.MARKS, world.mark(), ref="mine-1")
        gone = world.create_by_write(Stream.MARKS, world.mark(position=2), ref="mine-2")
        assert kept.remote_id
        assert gone.remote_id
        world.delete(Stream.MARKS, gone.remote_id)
        found = world.remote.find(Stream.MARKS, client_refs=["mine-1", "mine-2", "mine-3"])
        shown = {record.remote_id: (record.client_ref, record.deleted) for record in found.records}
        assert shown == {kept.remote_id: ("mine-1", False), gone.remote_id: ("mine-2", True)}

    def test_find_by_natural_key_returns_every_record_of_the_cell(self, world: World) -> None:
        ids = {world.create(Stream.MARKS, world.mark(position=place)) for place in (1, 2)}
        world.create(Stream.MARKS, world.mark("2026-11-19"))
        key: Values = {"student_id": world.pupils[0], "lesson_id": world.lessons["2026-11-20"]}
        assert {record.remote_id for record in world.remote.find(Stream.MARKS, keys=[key]).records} == ids

    def test_find_students_by_name_ignores_case_and_yo(self, world: World) -> None:
        key: Values = {"last_name": "ИВАНОВ", "first_name": "Петр", "patronymic": "Ильич", "birth_date": "2012-03-04"}
        found = world.remote.find(Stream.STUDENTS, keys=[key]).records
        assert [record.remote_id for record in found] == [world.pupils[0]]

    def test_find_students_by_snils_whatever_their_name(self, world: World) -> None:
        world.edit(Stream.STUDENTS, world.pupils[2], {"snils": "11223344595"})
        keys: list[Values] = [{"snils": "11223344595", "last_name": "Другая"}, {"snils": "08765430300"}]
        found = world.remote.find(Stream.STUDENTS, keys=keys).records
        assert [record.remote_id for record in found] == [world.pupils[2]]

    def test_finding_nothing_is_an_empty_answer(self, world: World) -> None:
        key: Values = {"student_id": world.pupils[0], "lesson_id": world.lessons["2026-11-19"]}
        assert world.remote.find(Stream.MARKS, keys=[key]).records == ()
        assert world.remote.find(Stream.MARKS).records == ()
