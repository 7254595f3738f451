"""Plans of a resync: what would be written, item by item, under which preconditions (invariant 10).

A plan is made by the functions of a cycle and saved; it is valid for half an hour. An item names one record of
one stream and says what is written here, what is sent and what a person would be asked. Its precondition is a
digest of the facts it was planned on: it may be carried out only while those are still the facts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sync_service.domain.conflicts import Conflict
from sync_service.domain.links import Link, LocalId, RemoteId
from sync_service.domain.policies import StreamPolicy
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import RemoteRecord, Stream

VALID = timedelta(minutes=30)


class PlanKind(StrEnum):
    """What the plan is for. The two that accept a side are choices of their own, never a default."""

    COMPARE = "compare"
    ACCEPT_GIS = "accept_gis"
    ACCEPT_LOCAL = "accept_local"


class PlanState(StrEnum):
    PLANNED = "planned"
    APPLYING = "applying"  # begun; a killed one goes on with the items that have no result yet
    APPLIED = "applied"


class PlanAct(StrEnum):
    """What happens to a record. A plan never deletes, so nothing here does."""

    CREATE_HERE = "create_here"
    LINK = "link"
    UPDATE_HERE = "update_here"
    FILL_HERE = "fill_here"
    SEND_CREATE = "send_create"
    SEND_UPDATE = "send_update"
    CONFLICT = "conflict"
    DELETION_QUESTION = "deletion_question"
    MATCH_QUESTION = "match_question"
    CLOSE_CONFLICT = "close_conflict"
    DECIDE = "decide"
    AGREE = "agree"


SENDING = frozenset({PlanAct.SEND_CREATE, PlanAct.SEND_UPDATE})


class ItemResult(StrEnum):
    """What became of an item. ``queued``: written here, on its way to the region."""

    QUEUED = "queued"
    APPLIED = "applied"
    SENT = "sent"
    DRIFTED = "drifted"
    REFUSED = "refused"  # stored as «refused:CODE»


class Target(StrEnum):
    """Which side gets the other's value; ``ask``: nobody, a person decides."""

    SCHOOL = "school"
    GIS = "gis"
    ASK = "ask"


class Why(StrEnum):
    """Why a field is written."""

    CREATE = "create"
    UPDATE = "update"
    FILL = "fill"  # it is empty there and was never agreed on
    OWNER = "owner"  # the region's ownership replaces a local edit
    DECISION = "decision"  # the person accepted one side
    CLASH = "clash"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field: what each side holds now and whose value the other gets. A reference to a record that only this
    plan creates is written ``stream:regional id``."""

    field: str
    group: str
    target: Target
    school: Scalar
    gis: Scalar
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanItem:
    """One record of a plan. ``chunk`` names the items that were planned together; ``inventory``: its counterpart
    was looked for among everything the stream holds."""

    stream: Stream
    acts: tuple[PlanAct, ...]
    local_id: LocalId | None
    remote_id: RemoteId | None
    precondition: str
    changes: tuple[FieldChange, ...] = ()
    evidence: str = ""
    chunk: int = 0
    inventory: bool = False
    position: int = 0
    result: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Names the record: by its regional id where it has one, else by its row."""
        return ("gis", self.remote_id) if self.remote_id is not None else ("school", str(self.local_id))

    @property
    def sends(self) -> bool:
        return not SENDING.isdisjoint(self.acts)

    @property
    def outcome(self) -> ItemResult | None:
        return None if self.result is None else ItemResult(self.result.partition(":")[0])

    def sent_values(self) -> Values:
        """What leaves for the region, by field."""
        return {c.field: c.school for c in self.changes if c.target is Target.GIS}

    def content(self) -> list[object]:
        """Everything the digest of the plan covers."""
        changes = [[c.field, c.group, c.target.value, c.school, c.gis, c.why.value] for c in self.changes]
        acts = [act.value for act in self.acts]
        numbers = [self.chunk, self.inventory]
        return [
            self.stream.value,
            acts,
            self.local_id,
            self.remote_id,
            self.precondition,
            changes,
            self.evidence,
            numbers,
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is compared: one record, streams, a time range (first and last day, ISO), or everything."""

    streams: tuple[Stream, ...]
    record: str | None = None  # ``local:17`` or ``gis:GUID``; then there is one stream
    since: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A saved plan. ``fingerprints`` are those of the mapping tables it was made with, ``versions`` the newest
    change version of streams whose inventory was matched, ``left`` what it leaves to the ordinary run, by reason,
    ``compared`` how many records were looked at, those of the items among them."""

    plan_id: int
    kind: PlanKind
    scope: Scope
    created_at: datetime
    created_by: str
    items: tuple[PlanItem, ...]
    fingerprints: Mapping[Stream, str] = field(default_factory=dict)
    versions: Mapping[Stream, int] = field(default_factory=dict)
    left: Mapping[Stream, Mapping[str, int]] = field(default_factory=dict)
    compared: Mapping[Stream, int] = field(default_factory=dict)
    state: PlanState = PlanState.PLANNED
    digest: str = ""
    applied_at: datetime | None = None
    applied_by: str | None = None

    @property
    def expires_at(self) -> datetime:
        return self.created_at + VALID

    @property
    def open_items(self) -> tuple[PlanItem, ...]:
        """Items without a last word."""
        return tuple(item for item in self.items if item.outcome in (None, ItemResult.QUEUED))

    def counts(self) -> dict[Stream, dict[str, int]]:
        """Stream → act → records; a record counts under each of its acts."""
        found: dict[Stream, dict[str, int]] = {}
        for item in self.items:
            of_stream = found.setdefault(item.stream, {})
            for act in item.acts:
                of_stream[act.value] = of_stream.get(act.value, 0) + 1
        return found

    def results(self) -> dict[str, int]:
        """Result → items; ``none`` for those without one."""
        found: dict[str, int] = {}
        for item in self.items:
            name = "none" if item.outcome is None else item.outcome.value
            found[name] = found.get(name, 0) + 1
        return found


def precondition_of(
    policy: StreamPolicy,
    fingerprint: str,
    *,
    record: RemoteRecord | None,
    row: Values | None,
    link: Link | None,
    conflict: Conflict | None,
) -> str:
    """Digest of the facts an item is planned on: the regional record as it was read, the row, the base, the open
    case and the mapping table. Equal exactly when nothing of them has changed."""
    facts: list[object] = [
        fingerprint,
        None if record is None else [record.remote_id, record.values, record.version, record.deleted],
        None if row is None else {name: row.get(name) for name in policy.by_field},
        None if link is None else [link.local_id, link.remote_id, link.base.local, link.base.remote],
        None if conflict is None else [conflict.state.value, conflict.stamp],
    ]
    return _digest(facts)


def plan_digest(plan: Plan) -> str:
    """Covers kind, scope, mapping tables, moment, author and every item in order: a plan that was changed after it
    was shown is not applied."""
    scope = plan.scope
    head = [
        plan.kind.value,
        [stream.value for stream in scope.streams],
        [scope.record, scope.since, scope.until],
        plan.created_at.isoformat(),
        plan.created_by,
        {stream.value: text for stream, text in plan.fingerprints.items()},
        {stream.value: number for stream, number in plan.versions.items()},
    ]
    return _digest([head, [item.content() for item in plan.items]])


def _digest(content: Iterable[object]) -> str:
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
