"""Proof that both sides agree: every record in staging beside every record in the simulator's dump.

The dump is the region's own state, read beside the synchronisation. A difference is excused only where the
service itself names a reason: an open conflict about that field, or a change that waits for something.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from sync_service.demo.region import Region
from sync_service.domain.errors import ContractError
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.outbox import EntryState
from sync_service.domain.policies import StreamPolicy
from sync_service.domain.records import Values
from sync_service.domain.streams import SPECS, RemoteRecord, Stream
from sync_service.engine.context import School
from sync_service.engine.stores import UnitOfWork

if TYPE_CHECKING:
    from sync_service.bootstrap import Service


@dataclass(slots=True, kw_only=True)
class StreamAgreement:
    """Records of one stream, each counted once. The last three should be zero."""

    equal: int = 0
    in_conflict: int = 0
    waiting: int = 0
    different: int = 0
    only_in_school: int = 0
    only_in_region: int = 0

    @property
    def holds(self) -> bool:
        return not (self.different or self.only_in_school or self.only_in_region)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The comparison of all streams."""

    streams: Mapping[Stream, StreamAgreement] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return all(found.holds for found in self.streams.values())

    def totals(self) -> dict[str, int]:
        """The counts over all streams."""
        counts = [asdict(found) for found in self.streams.values()]
        return {name: sum(one[name] for one in counts) for name in asdict(StreamAgreement())}


def compare(service: Service, school: School, region: Region) -> Agreement:
    """Compare every stream of the school, those that are only pulled included."""
    with service.db.read(school.school_id) as uow:
        return Agreement(streams={stream: _compare_stream(service, uow, region, stream) for stream in Stream})


def _compare_stream(service: Service, uow: UnitOfWork, region: Region, stream: Stream) -> StreamAgreement:
    policy = service.policies[stream]
    local = {i: service.normalise(stream, row) for i, row in uow.staging.all_rows(stream).items()}
    links = uow.links.by_local(stream, local)
    remote = _dumped(service, uow, region, stream)
    conflicts = uow.conflicts.open_for([link.link_id for link in links.values()])
    excused = _waiting(uow, stream, local)
    found = StreamAgreement()
    for local_id, row in local.items():
        link = links.get(local_id)
        record = remote.pop(link.remote_id, None) if link else None
        case = conflicts.get(link.link_id) if link else None
        disputed = case.groups if case else frozenset()
        if link is None or record is None:
            verdict = "waiting" if local_id in excused else "only_in_school"
        elif (differing := _differing(policy, row, record)) - disputed:
            verdict = "waiting" if local_id in excused else "different"
        else:
            verdict = "in_conflict" if differing else "equal"
        setattr(found, verdict, getattr(found, verdict) + 1)
    found.only_in_region = len(remote)
    return found


def _differing(policy: StreamPolicy, local: Values, remote: Values) -> set[str]:
    """The field groups in which the two sides do not say the same."""
    return {f.group for f in policy.fields if not f.same(local.get(f.field), remote.get(f.field))}


def _waiting(uow: UnitOfWork, stream: Stream, local_ids: Iterable[LocalId]) -> set[LocalId]:
    """Records the service itself knows to be late. A pupil who is not released has a case of the release watch
    before there is an entry to send."""
    entries = uow.outbox.by_local(stream, local_ids)
    waiting = {local_id for local_id, entry in entries.items() if entry.state is EntryState.WAITING}
    if stream is Stream.STUDENTS:
        waiting |= {release.student_id for release in uow.releases.open()}
    return waiting


def _dumped(service: Service, uow: UnitOfWork, region: Region, stream: Stream) -> dict[RemoteId, Values]:
    """The region's records with local references; one that cannot be read would be a mistake of the demo."""
    mapping = service.mappings[stream]
    records: dict[RemoteId, Values] = {}
    for item in region.dump(stream.value.replace("_", "-")):
        record = mapping.to_canonical(dict(item))
        if not isinstance(record, RemoteRecord):
            raise ContractError(f"{stream.value}: the dump holds a record the mapping refuses ({record.code})")
        records[record.remote_id] = dict(record.values)
    for name, parent in SPECS[stream].references.items():
        wanted = {RemoteId(str(values[name])) for values in records.values() if values.get(name) is not None}
        known = uow.links.local_ids(parent, wanted)
        for values in records.values():
            if values.get(name) is not None:
                values[name] = known.get(RemoteId(str(values[name])), LocalId(0))
    return records
