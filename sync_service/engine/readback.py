"""Read back what nobody saw the answer of, before anything of it is sent anew (invariant 5).

A create is found by its client reference, else by its natural key; an update or deletion by its id. What is
found to be done is acknowledged; what is found undone becomes due again under a new attempt. A record that is there
and cannot be read is there all the same: its create was carried out, its deletion was not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sync_service.domain.actions import localise
from sync_service.domain.errors import ContractError
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.outbox import Attempt, AttemptItem
from sync_service.domain.policies import StreamPolicy
from sync_service.domain.records import Scalar
from sync_service.domain.streams import SPECS, Reject, RemoteRecord, Stream
from sync_service.engine.context import Cycle
from sync_service.engine.departing import parent_remote_ids
from sync_service.engine.loading import parents_of
from sync_service.engine.ports import Found, WriteResult, WriteStatus
from sync_service.engine.settle import settle

# Streams whose natural key names at most one regional record.
KEYED = (Stream.GUARDIANSHIPS, Stream.MOVEMENTS, Stream.FINAL_MARKS, Stream.ATTENDANCE)
AS_CREATED = 1  # the version of a record nobody has changed; who has, is not overwritten unread


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """What the region holds of an attempt, by id (updates and deletions) and by client reference (creates)."""

    by_id: Mapping[RemoteId, RemoteRecord] = field(default_factory=dict)
    by_ref: Mapping[str, RemoteRecord] = field(default_factory=dict)
    unread_ids: Collection[RemoteId | None] = ()
    unread_refs: Mapping[str, RemoteId] = field(default_factory=dict)


def read_back(cycle: Cycle, stream: Stream, *, only: Collection[LocalId] | None = None) -> None:
    """Settle every unanswered attempt of the stream. Raises when the region cannot be read now.

    ``only``: attempts that hold none but these rows, and nothing is settled but whether they have arrived.
    """
    with cycle.read() as uow:
        attempts = uow.attempts.unanswered(stream)
    if only is not None:
        attempts = [attempt for attempt in attempts if all(item.local_id in only for item in attempt.items)]
    for attempt in attempts:
        answers = _ask(cycle, attempt)
        with cycle.read() as uow:
            parents = parents_of(uow, SPECS[stream], [*answers.by_id.values(), *answers.by_ref.values()])
        results = [_judge(cycle.policies[stream], item, answers, parents) for item in attempt.items]
        cycle.probe("push.read_back")
        settle(cycle, attempt, results, direct=False, news=only is None)


def _ask(cycle: Cycle, attempt: Attempt) -> _Answers:
    ids = [item.remote_id for item in attempt.items if item.remote_id is not None]
    known = cycle.remote.get(attempt.stream, ids) if ids else Found(records=())
    creates = [item for item in attempt.items if item.op == "create"]
    made = _by_client_ref(cycle, attempt.stream, creates) if creates else Found(records=())
    # A live record before a tombstone: one reference may have been created again by hand.
    newest = sorted(made.records, key=lambda r: not r.deleted)
    by_ref = {r.client_ref: r for r in newest if r.client_ref}
    unread_refs = _unread_refs(attempt.stream, made.rejects)
    lost = [item for item in creates if item.client_ref not in by_ref and item.client_ref not in unread_refs]
    if lost and attempt.stream in KEYED:
        by_ref.update(_by_natural_key(cycle, attempt.stream, lost))
    return _Answers(
        by_id={r.remote_id: r for r in known.records},
        by_ref=by_ref,
        unread_ids=frozenset(reject.remote_id for reject in known.rejects),
        unread_refs=unread_refs,
    )


def _by_client_ref(cycle: Cycle, stream: Stream, creates: Sequence[AttemptItem]) -> Found:
    return cycle.remote.find(stream, client_refs=[item.client_ref for item in creates])


def _unread_refs(stream: Stream, rejects: Sequence[Reject]) -> dict[str, RemoteId]:
    if any(reject.client_ref is None or reject.remote_id is None for reject in rejects):
        raise ContractError(
            f"{stream.value}: the region names a record without an id or a client reference; whether it is the one "
            "we sent nobody can tell, nothing is sent again"
        )
    return {r.client_ref: r.remote_id for r in rejects if r.client_ref is not None and r.remote_id is not None}


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
    answers: _Answers,
    parents: Mapping[Stream, Mapping[RemoteId, LocalId]],
) -> WriteResult:
    if item.op == "create":
        record = answers.by_ref.get(item.client_ref)
    else:
        record = answers.by_id.get(item.remote_id or RemoteId(""))
    if record is None and (unread := _unread(item, answers)) is not None:
        return unread
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


def _unread(item: AttemptItem, answers: _Answers) -> WriteResult | None:
    """The result where the record is there and cannot be read. An update or deletion leaves once more under the
    version it was made on, so that the region refuses it should it have arrived."""
    if item.op == "create" and (made := answers.unread_refs.get(item.client_ref)) is not None:
        return WriteResult(client_ref=item.client_ref, status=WriteStatus.DONE, remote_id=made, version=AS_CREATED)
    if item.op != "create" and item.remote_id in answers.unread_ids:
        return WriteResult(client_ref=item.client_ref, status=WriteStatus.NOT_DONE, remote_id=item.remote_id)
    return None


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
