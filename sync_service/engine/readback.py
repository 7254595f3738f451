"""Read back what nobody saw the answer of, before anything of it is sent anew (invariant 5).

A create is found by its client reference, else by its natural key; an update or deletion by its id. What is
found to be done is acknowledged; what is found undone becomes due again under a new attempt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sync_service.domain.actions import localise
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.outbox import Attempt, AttemptItem
from sync_service.domain.policies import StreamPolicy
from sync_service.domain.records import Scalar
from sync_service.domain.streams import SPECS, RemoteRecord, Stream
from sync_service.engine.context import Cycle
from sync_service.engine.departing import parent_remote_ids
from sync_service.engine.loading import parents_of
from sync_service.engine.ports import WriteResult, WriteStatus
from sync_service.engine.settle import settle

# Streams whose natural key names at most one regional record.
KEYED = (Stream.GUARDIANSHIPS, Stream.MOVEMENTS, Stream.FINAL_MARKS, Stream.ATTENDANCE)


def read_back(cycle: Cycle, stream: Stream, *, only: Collection[LocalId] | None = None) -> None:
    """Settle every unanswered attempt of the stream. Raises when the region cannot be read now.

    ``only``: attempts that hold none but these rows, and nothing is settled but whether they have arrived.
    """
    with cycle.read() as uow:
        attempts = uow.attempts.unanswered(stream)
    if only is not None:
        attempts = [attempt for attempt in attempts if all(item.local_id in only for item in attempt.items)]
    for attempt in attempts:
        by_id = _by_id(cycle, attempt)
        by_ref = _by_client_ref(cycle, attempt)
        with cycle.read() as uow:
            parents = parents_of(uow, SPECS[stream], [*by_id.values(), *by_ref.values()])
        results = [_judge(cycle.policies[stream], item, by_id, by_ref, parents) for item in attempt.items]
        cycle.probe("push.read_back")
        settle(cycle, attempt, results, direct=False, news=only is None)


def _by_id(cycle: Cycle, attempt: Attempt) -> dict[RemoteId, RemoteRecord]:
    ids = [item.remote_id for item in attempt.items if item.remote_id is not None]
    return {r.remote_id: r for r in cycle.remote.get(attempt.stream, ids).records} if ids else {}


def _by_client_ref(cycle: Cycle, attempt: Attempt) -> dict[str, RemoteRecord]:
    creates = [item for item in attempt.items if item.op == "create"]
    if not creates:
        return {}
    answer = cycle.remote.find(attempt.stream, client_refs=[item.client_ref for item in creates])
    # A live record before a tombstone: one reference may have been created again by hand.
    newest = sorted(answer.records, key=lambda r: not r.deleted)
    found = {r.client_ref: r for r in newest if r.client_ref}
    lost = [item for item in creates if item.client_ref not in found]
    if lost and attempt.stream in KEYED:
        found.update(_by_natural_key(cycle, attempt.stream, lost))
    return found


def _by_natural_key(cycle: Cycle, stream: Stream, items: Sequence[AttemptItem]) -> dict[str, RemoteRecord]:
    spec = SPECS[stream]
    with cycle.read() as uow:
        parents = parent_remote_ids(uow, spec, [item.values for item in items])
    keys: dict[tuple[Scalar, ...], str] = {}
    for item in items:
        key: list[Scalar] = []
        for name in spec.key:
            value = item.values.get(name)
            if name in spec.references and isinstance(value, int):
                value = next((r for i, r in parents[spec.references[name]].items() if i == value), None)
            key.append(value)
        keys[tuple(key)] = item.client_ref
    answer = cycle.remote.find(stream, keys=[dict(zip(spec.key, key, strict=True)) for key in keys])
    found: dict[str, RemoteRecord] = {}
    for record in answer.records:
        ref = keys.get(tuple(record.values.get(name) for name in spec.key))
        if ref is not None and record.client_ref is None:
            found[ref] = record
    return found


def _judge(
    policy: StreamPolicy,
    item: AttemptItem,
    by_id: Mapping[RemoteId, RemoteRecord],
    by_ref: Mapping[str, RemoteRecord],
    parents: Mapping[Stream, Mapping[RemoteId, LocalId]],
) -> WriteResult:
    record = by_ref.get(item.client_ref) if item.op == "create" else by_id.get(item.remote_id or RemoteId(""))
    if item.op == "create":
        done = record is not None
    elif item.op == "delete":
        done = record is None or record.deleted
    else:
        done = record is not None and not record.deleted and _holds(policy, item, record, parents)
    if done:
        return WriteResult(
            client_ref=item.client_ref,
            status=WriteStatus.DONE,
            remote_id=record.remote_id if record else item.remote_id,
            version=record.version if record else item.version,
            change_version=record.change_version if record else None,
            # A create that somebody has deleted since was carried out: its tombstone is the region's next word.
            stored=record if record and (item.op == "create" or not record.deleted) else None,
        )
    # Not done: what is known of the record is planned like any news, then the entry is due again.
    status = WriteStatus.NOT_DONE if record is None else WriteStatus.STALE
    return WriteResult(client_ref=item.client_ref, status=status, remote_id=item.remote_id)


def _holds(
    policy: StreamPolicy,
    item: AttemptItem,
    record: RemoteRecord,
    parents: Mapping[Stream, Mapping[RemoteId, LocalId]],
) -> bool:
    """Whether the region's record already says what the item sent."""
    (incoming,) = localise(SPECS[record.stream], [record], parents)
    values = incoming.values
    return all(
        policy.by_field[name].same(value, values.get(name)) for name, value in item.values.items() if name in values
    )
