"""Windows read last page first, and the count check that tells a moving list from a lying one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from random import Random

import pytest

from connectors.memory import MemoryRemote
from connectors.pagination import NEVER, Listing, Place, Source, position, read_windows
from sync_service.domain.errors import CursorExpired, TransientError
from sync_service.domain.links import RemoteId
from sync_service.domain.records import Values
from sync_service.domain.streams import Page, Reject, RemoteRecord, Stream, StreamVersions
from tests.unit.connectors.regions import Clock

SUBJECTS = Stream.SUBJECTS


class List:
    """A region of one stream: (change version, id) pairs, and levers to make it lie."""

    def __init__(self, count: int) -> None:
        self.entries = [(number, f"r-{number}") for number in range(1, count + 1)]
        self.newest = count
        self.asked: list[tuple[int, int]] = []
        self.tamper: Callable[[int, Listing], Listing] = lambda number, listing: listing

    def move(self, name: str) -> None:
        """A change: the record gets the next change version."""
        self.newest += 1
        self.entries = [entry for entry in self.entries if entry[1] != name] + [(self.newest, name)]

    def fetch(self, low: int, high: int, number: int, size: int) -> Listing:
        self.asked.append((number, size))
        window = sorted(entry for entry in self.entries if low < entry[0] <= high)
        part = window[(number - 1) * size : number * size]
        return self.tamper(number, Listing(part, total=len(window), page_size=size))

    def decode(self, items: Sequence[tuple[int, str]]) -> tuple[list[RemoteRecord], list[Reject]]:
        return [
            RemoteRecord(
                stream=SUBJECTS, remote_id=RemoteId(name), values={}, version=version, change_version=version
            )
            for version, name in items
        ], []

    def source(self) -> Source:
        return Source(
            stream=SUBJECTS,
            versions=lambda: StreamVersions(newest=self.newest, oldest=0),
            fetch=self.fetch,
            decode=self.decode,
        )

    def read(self, cursor: str | None = None, *, size: int = 3, ahead: bool = False) -> list[Page]:
        return list(read_windows(self.source(), cursor, None, page_size=size, read_ahead=ahead))


def ids(pages: Sequence[Page]) -> list[str]:
    return [record.remote_id for page in pages for record in page.records]


class TestReading:
    @pytest.mark.parametrize("ahead", [False, True])
    @pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7, 20])
    def test_pages_come_last_to_first(self, count: int, ahead: bool) -> None:
        """Every record once; complete and a moved position only after page 1."""
        pages = List(count).read(ahead=ahead)
        assert sorted(ids(pages)) == sorted(f"r-{number}" for number in range(1, count + 1))
        assert [page.complete for page in pages] == [False] * (len(pages) - 1) + [True]
        assert [position(page.cursor) for page in pages] == [0] * (len(pages) - 1) + [count]
        assert ids(pages[-1:])[0] == "r-1"

    def test_one_page_takes_one_request(self) -> None:
        region = List(3)
        region.read()
        assert region.asked == [(1, 3)]

    def test_smaller_pages_than_asked_are_taken_as_they_are(self) -> None:
        """A region that caps the page size loses nothing, also when it begins to in the middle of a window."""

        def cap(region: List, size: int) -> None:
            inner = region.fetch
            region.fetch = lambda low, high, number, asked: inner(low, high, number, min(asked, size))  # type: ignore[assignment,method-assign]

        region = List(20)
        cap(region, 2)
        assert sorted(ids(region.read(size=10))) == sorted(name for _, name in region.entries)
        region = List(20)
        pages = read_windows(region.source(), None, None, page_size=8, read_ahead=False)
        first = next(pages)
        cap(region, 3)
        rest = region.read(first.cursor, size=8)
        assert {*ids([first]), *ids(rest)} == {name for _, name in region.entries}
        assert rest[-1].complete

    def test_an_unreadable_cursor_is_an_expired_one(self) -> None:
        for cursor in ("", "null", "[]", '{"low":"x"}', '{"low":1,"other":2}', "17"):
            with pytest.raises(CursorExpired):
                List(3).read(cursor)

    def test_versions_that_went_back_are_an_expired_cursor(self) -> None:
        """A region restored from a backup: compare everything."""
        region = List(9)
        (*_, last) = region.read()
        with pytest.raises(CursorExpired):
            List(5).read(last.cursor)

    def test_versions_given_by_the_caller_are_not_asked_again(self) -> None:
        region = List(5)
        known = StreamVersions(newest=4, oldest=0)
        pages = list(read_windows(region.source(), None, known, page_size=10))
        assert ids(pages) == ["r-1", "r-2", "r-3", "r-4"]
        assert position(pages[-1].cursor) == 4


class TestMovingRecords:
    @pytest.mark.parametrize("seed", range(300))
    def test_no_schedule_loses_a_record(self, seed: int) -> None:
        """Records created, changed and deleted while paging, interruptions included: the ends agree."""
        random = Random(seed)
        remote = MemoryRemote(Clock(), page_size=random.randint(1, 4))
        names = [remote.create(SUBJECTS, {"name": f"предмет {n}"}) for n in range(random.randint(1, 12))]
        seen: dict[str, Values | None] = {}
        cursor: str | None = None
        quiet = False
        while True:
            pages = remote.pages(SUBJECTS, cursor, None)
            read = 0
            for page in pages:
                read += 1
                cursor = page.cursor
                for record in page.records:
                    seen[record.remote_id] = None if record.deleted else record.values
                if not quiet:
                    stir(remote, random, names)
                if random.random() < 0.2:
                    break  # killed: the next reading resumes from the stored cursor
            if quiet and not read:
                break
            quiet = random.random() < 0.3 or quiet
        assert {name: values for name, values in seen.items() if values} == remote.records(SUBJECTS)

    def test_a_record_that_slips_in_below_is_not_missed(self) -> None:
        """A late commit with a low version: the window grew, so it is read again."""
        region = List(9)
        region.entries = [entry for entry in region.entries if entry[0] != 2]

        def slip(number: int, listing: Listing) -> Listing:
            if number == 2 and (2, "r-2") not in region.entries:
                region.entries.append((2, "r-2"))
            return listing

        region.tamper = slip
        pages = region.read()
        assert set(ids(pages)) == {f"r-{number}" for number in range(1, 10)}
        assert [page.complete for page in pages].count(True) == 1
        assert pages[-1].complete


class TestLyingRegions:
    def delta(self, region: List) -> str:
        """A cursor before nine changes."""
        (*_, last) = region.read()
        for number in range(1, 10):
            region.move(f"r-{number}")
        return last.cursor

    @pytest.mark.parametrize(
        "lie",
        [
            pytest.param(lambda n, li: Listing([], 0, li.page_size), id="an empty list"),
            pytest.param(lambda n, li: Listing(li.items[:1], 1, li.page_size), id="half a list"),
            pytest.param(lambda n, li: Listing(li.items[:1], li.total, li.page_size), id="a short page"),
            pytest.param(
                lambda n, li: Listing(li.items, li.total, li.page_size) if n > 1 else Listing([], 0, li.page_size),
                id="an empty first page",
            ),
            pytest.param(lambda n, li: Listing([li.items[0]] * 3, li.total, li.page_size), id="one record thrice"),
        ],
    )
    def test_a_shortened_list_never_moves_the_position(self, lie: Callable[[int, Listing], Listing]) -> None:
        """Told as transient, nothing is skipped: when the region recovers everything arrives."""
        region = List(12)
        cursor = self.delta(region)
        before = position(cursor)
        region.tamper = lie
        seen = [cursor]

        def read_on() -> None:
            for page in read_windows(region.source(), cursor, None, page_size=3, read_ahead=False):
                seen.append(page.cursor)

        with pytest.raises(TransientError):
            read_on()
        assert {position(stored) for stored in seen} == {before}
        cursor = seen[-1]
        region.tamper = lambda number, listing: listing
        pages = region.read(cursor)
        assert pages[-1].complete
        assert {f"r-{number}" for number in range(1, 10)} <= set(ids(pages))

    def test_a_page_that_is_short_once_is_asked_again(self) -> None:
        region = List(9)
        lies = {2}

        def tamper(number: int, listing: Listing) -> Listing:
            if number not in lies:
                return listing
            lies.remove(number)
            return Listing([], listing.total, listing.page_size)

        region.tamper = tamper
        assert set(ids(region.read())) == {f"r-{number}" for number in range(1, 10)}

    def test_records_without_versions_are_read_all_the_same(self) -> None:
        """A region that keeps no change version on its items still hands out windows."""
        region = List(9)
        cursor = self.delta(region)
        source = region.source()

        def decode(items: Sequence[tuple[int, str]]) -> tuple[list[RemoteRecord], list[Reject]]:
            return [RemoteRecord(stream=SUBJECTS, remote_id=RemoteId(name), values={}) for _, name in items], []

        bare = Source(stream=SUBJECTS, versions=source.versions, fetch=source.fetch, decode=decode)
        pages = list(read_windows(bare, cursor, None, page_size=3))
        assert pages[-1].complete
        assert len(ids(pages)) == 9

    def test_the_newest_record_cannot_be_read(self) -> None:
        """It has arrived all the same: the window ends, and the stream is not called incomplete."""
        region = List(9)
        cursor = self.delta(region)
        source = region.source()

        def decode(items: Sequence[tuple[int, str]]) -> tuple[list[RemoteRecord], list[Reject]]:
            records, _ = region.decode([item for item in items if item[0] != region.newest])
            return records, [
                Reject(
                    stream=SUBJECTS,
                    remote_id=RemoteId(name),
                    code="unknown_code",
                    signature="grade",
                    reason="grade",
                    payload="{}",
                    change_version=version,
                )
                for version, name in items
                if version == region.newest
            ]

        broken = Source(stream=SUBJECTS, versions=source.versions, fetch=source.fetch, decode=decode)
        pages = list(read_windows(broken, cursor, None, page_size=3))
        assert (pages[-1].complete, len(ids(pages)), [page.total for page in pages]) == (True, 8, [9, 9, 9])


class TestReadAhead:
    def test_the_next_page_comes_while_the_caller_works(self) -> None:
        """One page, not more, is fetched before it is asked for."""
        region = List(12)
        fetched = threading.Semaphore(0)
        inner = region.fetch

        def fetch(low: int, high: int, number: int, size: int) -> Listing:
            listing = inner(low, high, number, size)
            fetched.release()
            return listing

        region.fetch = fetch  # type: ignore[method-assign]
        pages = read_windows(region.source(), None, None, page_size=3)
        next(pages)
        for _ in range(3):  # page 1 for the count, page 4, and page 3 ahead
            assert fetched.acquire(timeout=10)
        assert [number for number, _ in region.asked] == [1, 4, 3]
        pages.close()  # type: ignore[attr-defined]
        assert [number for number, _ in region.asked] == [1, 4, 3]

    def test_closing_leaves_no_thread(self) -> None:
        """Whether the reading ends, is broken off or fails."""
        region = List(30)
        region.read(ahead=True)
        pages = read_windows(region.source(), None, None, page_size=3)
        next(pages)
        pages.close()  # type: ignore[attr-defined]

        def fail(number: int, listing: Listing) -> Listing:
            if number == 7:
                raise TransientError("later")
            return listing

        region.tamper = fail
        with pytest.raises(TransientError):
            region.read(ahead=True)
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("read-ahead")] == []


def test_a_place_survives_its_text() -> None:
    place = Place(low=5, high=9, page_size=3, next_page=2, first_total=4, least_total=3, top=9, grew=True)
    assert Place.parse(place.dump()) == place
    assert Place.parse(None) == Place(low=NEVER)
    assert Place(low=7).dump() == '{"low":7}'


def stir(remote: MemoryRemote, random: Random, names: list[RemoteId]) -> None:
    for _ in range(random.randint(0, 3)):
        act = random.choice(["create", "edit", "edit", "delete"])
        if act == "create":
            names.append(remote.create(SUBJECTS, {"name": f"новый {random.random()}"}))
        elif names:
            name = random.choice(names)
            if act == "edit":
                remote.edit(SUBJECTS, name, name=f"правка {random.random()}")
            else:
                names.remove(name)
                remote.delete(SUBJECTS, name)
