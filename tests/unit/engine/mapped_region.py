"""A region in memory whose records pass through the mapping tables, as the connector's do; some arrive broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from connectors.memory import MemoryRemote
from connectors.pagination import Listing, Source, read_windows
from mappings import RecordMapping
from sync_service.domain.links import RemoteId
from sync_service.domain.records import Values
from sync_service.domain.streams import Page, Reject, RemoteRecord, Stream, StreamVersions
from sync_service.engine.ports import Found
from tests.unit.engine.world import MAPPINGS

Breakage = Callable[[dict[str, Any]], Any]


class MappedRemote(MemoryRemote):
    """``broken`` says what becomes of a record's JSON on its way; ``mended`` mappings read it all the same."""

    broken: dict[RemoteId, Breakage]
    mended: bool

    @classmethod
    def over(cls, remote: MemoryRemote) -> MappedRemote:
        """The same region, seen through the mapping from now on."""
        made = cls(remote.clock, page_size=remote.page_size)
        made.region, made.broken, made.mended = remote.region, {}, False
        return made

    def pages(self, stream: Stream, cursor: str | None, versions: StreamVersions | None) -> Iterator[Page]:
        self._meet("pages")
        source = Source(
            stream=stream,
            versions=lambda: self.change_versions().streams[stream],
            fetch=lambda low, high, number, size: self._wired(stream, low, high, number, size),
            decode=lambda items: _decoded(MAPPINGS[stream], items),
        )
        return read_windows(source, cursor, versions, page_size=self.page_size, read_ahead=False)

    def get(self, stream: Stream, remote_ids: Sequence[RemoteId]) -> Found:
        found = super().get(stream, remote_ids)
        records, rejects = _decoded(MAPPINGS[stream], [self._wire(record) for record in found.records])
        return Found(records=tuple(records), rejects=tuple(rejects))

    def find(self, stream: Stream, *, client_refs: Sequence[str] = (), keys: Sequence[Values] = ()) -> Found:
        found = super().find(stream, client_refs=client_refs, keys=keys)
        records, rejects = _decoded(MAPPINGS[stream], [self._wire(record) for record in found.records])
        return Found(records=tuple(records), rejects=tuple(rejects))

    def _wired(self, stream: Stream, low: int, high: int, number: int, size: int) -> Listing:
        listing = self._page(stream, low, high, number, size)
        return Listing(
            [self._wire(record) for record in listing.items], total=listing.total, page_size=listing.page_size
        )

    def _wire(self, record: RemoteRecord) -> Any:
        item: dict[str, Any] = {
            "id": record.remote_id,
            "version": record.version,
            "changeVersion": record.change_version,
            "deleted": record.deleted,
            "clientRef": record.client_ref,
            **MAPPINGS[record.stream].to_remote(record.values),
        }
        spoil = None if self.mended else self.broken.get(record.remote_id)
        return item if spoil is None else spoil(item)


def _decoded(mapping: RecordMapping, items: Sequence[Any]) -> tuple[list[RemoteRecord], list[Reject]]:
    outcomes = [mapping.to_canonical(item) for item in items]
    return (
        [outcome for outcome in outcomes if isinstance(outcome, RemoteRecord)],
        [outcome for outcome in outcomes if isinstance(outcome, Reject)],
    )
