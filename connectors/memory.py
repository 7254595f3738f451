"""An in-memory regional system with state and rules, for thousands of simulated histories.

It keeps the contract of :class:`~sync_service.engine.ports.RemoteSystem` that the real connector keeps (one
suite in tests/contract runs against both), in canonical values, without threads, sockets or sleeps. Beside it
are the hooks of a test: act as a regional user, release a person, lose an answer, repeat and reorder.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from connectors.memory_region import Item, Person, Refusal, Region
from connectors.memory_rules import apply, availability
from connectors.pagination import Listing, Source, list_versions, position, read_windows
from sync_service.domain.errors import AccessRefused, ContractError, CursorExpired, LoginNeeded, SyncError
from sync_service.domain.links import RemoteId
from sync_service.domain.policies import folded
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import SPECS, Page, Reject, RemoteRecord, Stream, StreamVersions
from sync_service.engine.ports import (
    ChangeVersions,
    Clock,
    Found,
    PersonAnswer,
    PersonQuery,
    WriteItem,
    WriteResult,
    WriteStatus,
)

STATUSES = {
    404: WriteStatus.NOT_FOUND,
    409: WriteStatus.DUPLICATE,
    412: WriteStatus.STALE,
    422: WriteStatus.INVALID,
    423: WriteStatus.WINDOW_CLOSED,
}


@dataclass(slots=True)
class Fault:
    """An error that meets a coming call: ``call`` is a method's name or None for any, "page" one page."""

    error: SyncError
    call: str | None = None
    after_commit: bool = False
    skip: int = 0


class MemoryRemote:
    """One school's view of a region that lives in memory. Ids are counted: equal histories, equal ids."""

    def __init__(
        self,
        clock: Clock,
        *,
        organization_id: str = "school-1",
        zone: str = "Asia/Yekaterinburg",
        page_size: int = 1000,
        batch_limit: int = 500,
    ) -> None:
        self.clock = clock
        self.zone = zone
        self.page_size = page_size
        self.region = Region(here=RemoteId(organization_id))
        self.calls: Counter[str] = Counter()
        self.faults: deque[Fault] = deque()
        self.reorder = False
        self.repeat = False
        self.rewrite: Callable[[Stream, Values], Values] | None = None
        self.refused: set[Stream] = set()
        self.versionless = False
        self.login_needed = False
        self._batch_limit = batch_limit
        self._answers: dict[str, tuple[tuple[WriteItem, ...], list[WriteResult]]] = {}

    # RemoteSystem

    def change_versions(self) -> ChangeVersions:
        self._meet("change_versions")
        streams = {stream: self._versions(stream) for stream in Stream}
        return ChangeVersions(server_time=self.clock.now(), streams=streams)

    def pages(self, stream: Stream, cursor: str | None, versions: StreamVersions | None) -> Iterator[Page]:
        self._meet("pages")
        source = Source(
            stream=stream,
            versions=lambda: self.change_versions().streams[stream],
            fetch=lambda low, high, number, size: self._page(stream, low, high, number, size),
            decode=_as_decoded,
        )
        return read_windows(source, cursor, versions, page_size=self.page_size, read_ahead=False)

    def listing(self, stream: Stream) -> Iterator[Mapping[RemoteId, int | None]]:
        self._meet("listing", stream)
        source = Source(
            stream=stream,
            versions=lambda: self.change_versions().streams[stream],
            fetch=lambda low, high, number, size: self._page(stream, low, high, number, size),
            decode=self._as_listed,
        )
        return list_versions(source, page_size=self.page_size, read_ahead=False)

    def position(self, cursor: str | None) -> int:
        return position(cursor)

    def get(self, stream: Stream, remote_ids: Sequence[RemoteId]) -> Found:
        self._meet("get", stream)
        kept = self.region.items[stream]
        return self._found(stream, [(rid, kept[rid]) for rid in dict.fromkeys(remote_ids) if rid in kept])

    def find(self, stream: Stream, *, client_refs: Sequence[str] = (), keys: Sequence[Values] = ()) -> Found:
        self._meet("find", stream)
        refs = set(client_refs)
        wanted = [{name: folded(value) for name, value in key.items()} for key in keys]
        return self._found(
            stream,
            [
                (remote_id, item)
                for remote_id, item in self.region.items[stream].items()
                if item.client_ref in refs or (not item.deleted and any(_bears(item, key) for key in wanted))
            ],
        )

    def write(self, stream: Stream, items: Sequence[WriteItem], *, key: str) -> list[WriteResult]:
        lost = self._meet("write", stream)
        if not SPECS[stream].both_ways:
            raise ContractError(f"{stream}: the region does not accept writes to this stream")
        if len(items) > self._batch_limit:
            raise ContractError(f"{stream}: a batch holds at most {self._batch_limit} items")
        sent = tuple(items)
        known = self._answers.get(key)
        if known is not None and known[0] != sent:
            raise ContractError(f"{stream}: the idempotency key was used for another batch")
        results = known[1] if known is not None else [self._write_one(stream, item) for item in items]
        self._answers[key] = (sent, results)
        if lost is not None:
            raise lost
        return list(results)

    def find_available(self, persons: Sequence[PersonQuery]) -> list[PersonAnswer]:
        self._meet("find_available")
        return [availability(self.region, query) for query in persons]

    @property
    def batch_limit(self) -> int:
        return self._batch_limit

    def connection_state(self) -> str:
        if self.login_needed:
            return "login_needed"
        return "ok" if self.calls else "unknown"

    def close(self) -> None:
        """Nothing is held."""

    # Hooks: the regional user

    def create(self, stream: Stream, values: Values, *, remote_id: str | None = None) -> RemoteId:
        """A record entered by a regional user, no rules checked. A student becomes an enrolled person."""
        chosen = RemoteId(remote_id) if remote_id else None
        if stream is Stream.STUDENTS:
            return self.region.add_card(values, remote_id=chosen)
        return self.region.insert(stream, values, remote_id=chosen)

    def edit(self, stream: Stream, remote_id: RemoteId, **changes: Scalar) -> None:
        item = self.region.items[stream][remote_id]
        self.region.replace(stream, item, {**item.values, **changes})

    def delete(self, stream: Stream, remote_id: RemoteId) -> None:
        item = self.region.items[stream][remote_id]
        self.region.replace(stream, item, item.values, deleted=True)

    def bump(self, stream: Stream) -> None:
        """New versions of every live record, contents unchanged."""
        for item in self.region.items[stream].values():
            if not item.deleted:
                self.region.touch(stream, item)

    def compact(self, *streams: Stream) -> None:
        """Forget the history of these streams (of all when none is named)."""
        self.region.compact(streams or tuple(Stream))

    def add_person(self, card: Values, *, organization_id: str | None = None) -> str:
        """A person of the region, enrolled at another school or free when None."""
        person_id = self.region.new_id("person")
        where = RemoteId(organization_id) if organization_id else None
        self.region.persons[person_id] = Person(dict(card), where, None, where)
        return person_id

    def release(self, person_id: str) -> None:
        """The other school enters the departure."""
        person = self.region.persons[person_id]
        person.last_organization_id, person.organization_id = person.organization_id, None
        person.student_id = None

    def records(self, stream: Stream, *, deleted: bool = False) -> dict[RemoteId, Values]:
        """Copies of the live (or of the deleted) records."""
        kept = self.region.items[stream].items()
        return {remote_id: dict(item.values) for remote_id, item in kept if item.deleted is deleted}

    def fail_next(
        self, error: SyncError, *, call: str | None = None, after_commit: bool = False, skip: int = 0, times: int = 1
    ) -> None:
        """Let coming calls fail; ``after_commit``: a write is done and its answer is lost."""
        fault = Fault(error, "write" if after_commit else call, after_commit, skip)
        self.faults.append(fault)
        self.faults.extend(Fault(error, fault.call, after_commit) for _ in range(times - 1))

    def clone(self) -> MemoryRemote:
        """An independent copy of the region with the same clock; hooks and stored answers come along."""
        twin = MemoryRemote(self.clock, zone=self.zone, page_size=self.page_size, batch_limit=self._batch_limit)
        twin.region = self.region.clone()
        twin.calls = Counter(self.calls)
        twin.faults = deque(Fault(f.error, f.call, f.after_commit, f.skip) for f in self.faults)
        twin.reorder, twin.repeat, twin.rewrite = self.reorder, self.repeat, self.rewrite
        twin.versionless = self.versionless
        twin.refused, twin.login_needed = set(self.refused), self.login_needed
        twin._answers = dict(self._answers)
        return twin

    # The inside

    def _meet(self, call: str, stream: Stream | None = None) -> SyncError | None:
        """Raise the fault that awaits this call; one that strikes after the commit is returned."""
        self.calls[call] += 1
        if self.login_needed:
            raise LoginNeeded("the region rejected the stored token; a person must enter a new one")
        if stream in self.refused:
            raise AccessRefused(f"{stream}: the region refuses this stream")
        for fault in self.faults:
            if fault.call not in (None, call):
                continue
            if fault.skip:
                fault.skip -= 1
                return None
            self.faults.remove(fault)
            if fault.after_commit:
                return fault.error
            raise fault.error
        return None

    def _versions(self, stream: Stream) -> StreamVersions:
        return StreamVersions(newest=self.region.newest[stream], oldest=self.region.oldest[stream])

    def _page(self, stream: Stream, low: int, high: int, number: int, size: int) -> Listing:
        self._meet("page", stream)
        if 0 <= low < self.region.oldest[stream]:
            raise CursorExpired(f"{stream}: the region no longer keeps changes since {low}")
        window = self.region.window(stream, low, high)
        items = [self.region.record(stream, *pair) for pair in window[(number - 1) * size : number * size]]
        if self.repeat:
            items = items * 2
        if self.reorder:
            items.reverse()
        return Listing(items, total=len(window), page_size=size)

    def _as_listed(self, items: Sequence[RemoteRecord]) -> tuple[list[RemoteRecord], list[Reject]]:
        return [replace(item, values={}, version=None if self.versionless else item.version) for item in items], []

    def _found(self, stream: Stream, pairs: list[tuple[RemoteId, Item]]) -> Found:
        return Found(records=tuple(self.region.record(stream, remote_id, item) for remote_id, item in pairs))

    def _write_one(self, stream: Stream, item: WriteItem) -> WriteResult:
        values = dict(item.values)
        if self.rewrite is not None:
            values = self.rewrite(stream, values)
        try:
            remote_id = apply(self.region, stream, item, values, self.clock.today(self.zone))
        except Refusal as refusal:
            return self._refused(stream, item, refusal)
        stored = self.region.record(stream, remote_id, self.region.items[stream][remote_id])
        return WriteResult(
            client_ref=item.client_ref,
            status=WriteStatus.DONE,
            remote_id=remote_id,
            version=stored.version,
            change_version=stored.change_version,
            stored=stored,
        )

    def _refused(self, stream: Stream, item: WriteItem, refusal: Refusal) -> WriteResult:
        status = WriteStatus.NOT_RELEASED if refusal.code == "not_released" else STATUSES[refusal.status]
        stored = None
        if status is WriteStatus.STALE and item.remote_id is not None:
            stored = self.region.record(stream, item.remote_id, self.region.items[stream][item.remote_id])
        return WriteResult(
            client_ref=item.client_ref,
            status=status,
            remote_id=stored.remote_id if stored else refusal.existing,
            version=stored.version if stored else None,
            change_version=stored.change_version if stored else None,
            stored=stored,
            code=refusal.code,
            detail=refusal.path,
        )


def _as_decoded(items: Sequence[RemoteRecord]) -> tuple[list[RemoteRecord], list[Reject]]:
    return list(items), []


def _bears(item: Item, key: Values) -> bool:
    if key.get("snils") is not None:  # decides alone, as in the region's own search
        return item.values.get("snils") == key["snils"]
    return all(folded(item.values.get(name)) == value for name, value in key.items() if name != "snils")
