"""Windows of changes read page by page, last to first, so that nothing is lost while records move.

Terminology. A *window* is everything with low < change version <= high; *high* is fixed when it starts. A
record that changes meanwhile leaves the window upwards: what stood behind it moves one place down, where it
is read again (a repeat), never skipped. Only when page 1 has been read and the count agrees does low become
high. The cursor is the JSON of :class:`Place`: the window, the next page, and what the count check needs.

The count check. Each answer declares how many records the window holds now. It must never grow (a record
slipped in below a page already read), it may shrink only by as many records as versions were handed out
since, and the record at the upper bound itself must have been seen unless it moved on. Otherwise the window
is read again from its last page; after ``REPEATS`` attempts the region is left for later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import msgspec
from msgspec.structs import replace

from sync_service.domain.errors import CursorExpired, TransientError
from sync_service.domain.links import RemoteId
from sync_service.domain.streams import Page, Reject, RemoteRecord, Stream, StreamVersions

REPEATS = 3
NEVER = -1  # the low of a reader who has read nothing yet: the region then leaves tombstones out


@dataclass(frozen=True, slots=True)
class Listing:
    """One page as the region answered: ``total`` records are in the window at this moment."""

    items: Sequence[Any]
    total: int
    page_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the pages of one stream come from. ``fetch`` takes low, high, page number, page size; a low of
    ``NEVER`` asks without a lower bound."""

    stream: Stream
    versions: Callable[[], StreamVersions]
    fetch: Callable[[int, int, int, int], Listing]
    decode: Callable[[Sequence[Any]], tuple[list[RemoteRecord], list[Reject]]]


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A cursor. ``high`` 0: no window is under way, everything up to ``low`` is here.

    ``next_page`` 0 in a window: start it at its last page, whichever that is then.
    """

    low: int
    high: int = 0
    page_size: int = 0
    next_page: int = 0
    first_total: int = 0
    least_total: int = 0
    top: int = 0
    grew: bool = False

    @classmethod
    def parse(cls, cursor: str | None) -> Place:
        """The place a cursor names. A cursor that cannot be read counts as expired: compare everything."""
        if cursor is None:
            return cls(low=NEVER)
        try:
            return msgspec.json.decode(cursor, type=cls)
        except msgspec.DecodeError as error:
            raise CursorExpired("the stored cursor cannot be read; compare everything") from error

    def dump(self) -> str:
        return msgspec.json.encode(self).decode()


def position(cursor: str | None) -> int:
    """The change version up to which the cursor has everything; 0 for None or an unfinished first window."""
    return max(0, Place.parse(cursor).low)


def read_windows(
    source: Source,
    cursor: str | None,
    versions: StreamVersions | None,
    *,
    page_size: int,
    read_ahead: bool = True,
) -> Iterator[Page]:
    """Pages changed since ``cursor``, see RemoteSystem.pages. Closing the iterator ends the read-ahead."""
    place = Place.parse(cursor)
    if not place.high:
        newest = (versions or source.versions()).newest
        if newest < place.low:
            raise CursorExpired(f"{source.stream}: the region's change versions went back; compare everything")
        if newest == place.low:
            return
        if newest == 0:
            yield _nothing_yet(source.stream)
            return
        place = Place(low=place.low, high=newest, page_size=page_size)
    with _Fetcher(source, read_ahead=read_ahead) as fetcher:
        for _ in range(REPEATS):
            for page, after in _one_reading(fetcher, place):
                place = after
                yield page
            if not place.high:
                return
    raise TransientError(f"{source.stream}: the regional list is incomplete; it is read again later")


def list_versions(source: Source, *, page_size: int, read_ahead: bool = True) -> Iterator[dict[RemoteId, int | None]]:
    """Id and version of every live record, page by page, see RemoteSystem.listing. It comes to its end only when
    the declared total was met; whatever stops it before is raised."""
    for page in read_windows(source, None, None, page_size=page_size, read_ahead=read_ahead):
        yield {record.remote_id: record.version for record in page.records if not record.deleted}


def _nothing_yet(stream: Stream) -> Page:
    """The first reading of an empty stream: from here on its tombstones are of interest."""
    return Page(stream=stream, records=(), rejects=(), cursor=Place(low=0).dump(), complete=True, full=True, total=0)


def _one_reading(fetcher: _Fetcher, place: Place) -> Iterator[tuple[Page, Place]]:
    """The window from its next page down to page 1; the last place is a closed one when the count agrees."""
    source = fetcher.source
    place, listing = _open(fetcher, place)
    while True:
        number, full = place.next_page, place.low == NEVER
        if number > 1:
            fetcher.ahead(place, number - 1)
        listing, records, rejects = _whole_page(fetcher, place, listing)
        place = _counted(place, listing.total, [*records, *rejects])
        if number > 1:
            place = replace(place, next_page=number - 1)
        elif _count_agrees(source, place):
            place = Place(low=place.high)
        else:
            place = Place(low=place.low, high=place.high, page_size=place.page_size)
        yield (
            Page(
                stream=source.stream,
                records=tuple(records),
                rejects=tuple(rejects),
                cursor=place.dump(),
                complete=not place.high,
                full=full,
                received=len(listing.items),
                total=listing.total,
            ),
            place,
        )
        if number == 1:
            return
        listing = fetcher.take(place)


def _open(fetcher: _Fetcher, place: Place) -> tuple[Place, Listing]:
    """The page to begin with: the place's own, or the last one of a window that starts or has shrunk."""
    if not place.next_page:
        listing = fetcher.fetch(place, 1)
        size = min(place.page_size, listing.page_size)
        last = _last_page(listing.total, size)
        place = replace(place, page_size=size, next_page=last, first_total=listing.total, least_total=listing.total)
        if last == 1:
            return place, listing
    listing = fetcher.fetch(place, place.next_page)
    if listing.page_size < place.page_size:  # the region serves smaller pages now: their numbers have moved
        return _open(fetcher, Place(low=place.low, high=place.high, page_size=listing.page_size))
    last = _last_page(listing.total, place.page_size)
    if place.next_page > last:
        place = replace(place, next_page=last)
        listing = fetcher.fetch(place, last)
    return place, listing


def _last_page(total: int, page_size: int) -> int:
    return max(1, -(-total // page_size))


def _whole_page(
    fetcher: _Fetcher, place: Place, listing: Listing
) -> tuple[Listing, list[RemoteRecord], list[Reject]]:
    """The decoded page without repeats. One that holds fewer records than it declares is asked for again."""
    for attempt in range(REPEATS):
        if attempt:
            listing = fetcher.fetch(place, place.next_page)
        records, rejects = fetcher.source.decode(listing.items)
        records = newest_of_each(records)
        named = {reject.remote_id for reject in rejects if reject.remote_id is not None}
        nameless = sum(reject.remote_id is None for reject in rejects)
        above = (place.next_page - 1) * place.page_size
        declared = max(0, min(place.page_size, listing.total - above))
        if len(records) + len(named) + nameless >= declared:
            return listing, records, rejects
    raise TransientError(
        f"{fetcher.source.stream}: page {place.next_page} holds fewer records than the region declares; "
        "it is read again later"
    )


def newest_of_each(records: Sequence[RemoteRecord]) -> list[RemoteRecord]:
    """The records without repeats: of several states of one record the highest version, wherever it stands."""
    newest: dict[str, RemoteRecord] = {}
    for record in records:
        known = newest.setdefault(record.remote_id, record)
        if known is not record and _age(record) > _age(known):
            newest[record.remote_id] = record
    return list(newest.values())


def _age(record: RemoteRecord) -> tuple[int, int]:
    return record.version or 0, record.change_version or 0


def _counted(place: Place, total: int, records: Sequence[RemoteRecord | Reject]) -> Place:
    """A record that cannot be read has arrived all the same; without a version it may be the newest."""
    return replace(
        place,
        least_total=min(place.least_total, total),
        grew=place.grew or total > place.least_total,
        top=max(place.top, *(record.change_version or place.high for record in records), 0),
    )


def _count_agrees(source: Source, place: Place) -> bool:
    """Whether the window that has just been read to its end can have lost nothing; see the module."""
    if place.grew:
        return False
    left = place.first_total - place.least_total
    # A first window lists no tombstones: the record at its upper bound may be one.
    bound_seen = place.low == NEVER or place.top >= place.high
    if left == 0 and bound_seen:
        return True
    handed_out = source.versions().newest - place.high
    return handed_out >= left + (not bound_seen and left == 0)


class _Fetcher:
    """Fetches pages, the next one in a thread while the caller works; leaving the context waits for it."""

    def __init__(self, source: Source, *, read_ahead: bool) -> None:
        self.source = source
        self._read_ahead = read_ahead
        self._executor: ThreadPoolExecutor | None = None
        self._coming: tuple[int, Future[Listing]] | None = None

    def __enter__(self) -> _Fetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def fetch(self, place: Place, number: int) -> Listing:
        return self.source.fetch(place.low, place.high, number, place.page_size)

    def ahead(self, place: Place, number: int) -> None:
        if not self._read_ahead:
            return
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._coming = number, self._executor.submit(self.fetch, place, number)

    def take(self, place: Place) -> Listing:
        """The next page of the place, from the thread when it was read ahead."""
        coming, self._coming = self._coming, None
        if coming is not None and coming[0] == place.next_page:
            return coming[1].result()
        return self.fetch(place, place.next_page)
