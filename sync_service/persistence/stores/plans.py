"""Plans of a resync on disk, and the look-ups that a plan over a stream or a time range needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sync_service.domain.audit import Act
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.plans import (
    FieldChange,
    Plan,
    PlanAct,
    PlanItem,
    PlanKind,
    PlanState,
    Scope,
    Target,
    Why,
)
from sync_service.domain.streams import Stream
from sync_service.persistence.json_text import dump, load
from sync_service.persistence.moments import moment, moment_or_none, stamp, stamp_or_none
from sync_service.persistence.schema import review
from sync_service.persistence.transactions import Transaction

_PLANS = (
    "SELECT t.id, t.kind, t.scope, t.state, t.digest, t.created_at, t.created_by, t.applied_at, t.applied_by"
    " FROM plans AS t WHERE t.school_id = ? {conditions} ORDER BY t.id DESC {limit} {lock}"
)
_ITEMS = (
    "SELECT t.plan_id, t.position, t.stream, t.act, t.local_id, t.remote_id, t.precondition, {detail} AS detail,"
    " t.result"
    " FROM plan_items AS t WHERE t.plan_id {ints} AND t.school_id = ? ORDER BY t.plan_id, t.position"
)
_NO_DETAIL = "'[0,false,\"\",[]]'"
_CONCLUDE = "UPDATE plan_items SET result = ? WHERE plan_id = ? AND school_id = ? AND position {ints}"
_IDS = "SELECT t.id FROM {table} AS t WHERE t.school_id = ? AND t.id > ? ORDER BY t.id LIMIT ?"
_WRITTEN = (
    "SELECT DISTINCT i.stream, i.local_id, i.remote_id FROM audit AS a JOIN audit_items AS i ON i.entry_id = a.id"
    " WHERE a.school_id = ? AND a.at >= ? AND a.at < ? AND i.act <> ?"
)
_QUEUED = "SELECT stream, local_id FROM outbox WHERE school_id = ? AND created_at >= ? AND created_at < ?"
_OPENED = "SELECT stream, local_id FROM conflicts WHERE school_id = ? AND opened_at >= ? AND opened_at < ?"


_OUTLIVED = (
    "SELECT t.id FROM plans AS t WHERE t.school_id = ? AND (t.created_at < ? OR (t.created_at < ? AND t.state = ?))"
    " ORDER BY t.id"
)
_DROP_ITEMS = (
    "DELETE FROM plan_items WHERE school_id = ? AND plan_id = ?"
    " AND position < ? + (SELECT min(t.position) FROM plan_items AS t WHERE t.plan_id = ?)"
)
_IS_THERE = "SELECT 1 FROM plans AS t WHERE t.school_id = ? AND t.id = ?"
_DROP = (
    "DELETE FROM plans WHERE school_id = ? AND id = ?"
    " AND NOT EXISTS (SELECT 1 FROM plan_items AS t WHERE t.plan_id = plans.id)"
)


class Plans:
    """A plan is written once; afterwards only its state and its items' results change, until it is dropped whole."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def add(self, plan: Plan) -> int:
        row = (
            plan.kind.value,
            _scope_text(plan),
            plan.state.value,
            plan.digest,
            stamp(plan.created_at),
            stamp(plan.expires_at),
            plan.created_by,
        )
        columns = ("kind", "scope", "state", "digest", "created_at", "expires_at", "created_by")
        (plan_id,) = self._tx.insert_new(review.plans, columns, [row])
        self._tx.insert(
            review.plan_items,
            (
                "plan_id",
                "position",
                "school_id",
                "stream",
                "act",
                "local_id",
                "remote_id",
                "precondition",
                "detail",
            ),
            [
                (
                    plan_id,
                    item.position,
                    self._tx.school,
                    item.stream.value,
                    "+".join(act.value for act in item.acts),
                    item.local_id,
                    item.remote_id,
                    item.precondition,
                    _detail_text(item),
                )
                for item in plan.items
            ],
        )
        return plan_id

    def get(self, plan_id: int) -> Plan | None:
        return next(iter(self._plans(self._tx.search(_PLANS, ("t.id = ?", plan_id)))), None)

    def latest(self, limit: int) -> list[Plan]:
        return self._plans(self._tx.search(_PLANS, limit=limit), detail=_NO_DETAIL)

    def _plans(self, rows: Sequence[Any], *, detail: str = "t.detail") -> list[Plan]:
        items: dict[int, list[PlanItem]] = defaultdict(list)
        if rows:
            ids = [row[0] for row in rows]
            for plan_id, *row in self._tx.query(_ITEMS, ids, self._tx.school, detail=detail):
                items[plan_id].append(_item(row))
        return [_plan(row, items[row[0]]) for row in rows]

    def mark(self, plan: Plan) -> None:
        row = (plan.plan_id, plan.state.value, stamp_or_none(plan.applied_at), plan.applied_by)
        self._tx.update(review.plans, ("state", "applied_at", "applied_by"), [row])

    def conclude(self, plan_id: int, results: Mapping[int, str]) -> None:
        by_result: dict[str, list[int]] = defaultdict(list)
        for position, result in results.items():
            by_result[result].append(position)
        for result, positions in by_result.items():
            self._tx.run(_CONCLUDE, result, plan_id, self._tx.school, positions)

    def outlived(self, *, begun_before: datetime, made_before: datetime) -> list[int]:
        ages = (stamp(begun_before), stamp(made_before), PlanState.PLANNED.value)
        return [plan_id for (plan_id,) in self._tx.query(_OUTLIVED, self._tx.school, *ages)]

    def drop(self, plan_id: int, *, most: int) -> bool:
        self._tx.run(_DROP_ITEMS, self._tx.school, plan_id, most, plan_id)
        self._tx.run(_DROP, self._tx.school, plan_id)
        return not self._tx.query(_IS_THERE, self._tx.school, plan_id)

    def local_ids(self, stream: Stream, *, after: LocalId, limit: int) -> list[LocalId]:
        rows = self._tx.query(_IDS, self._tx.school, after, limit, table=stream.value)
        return [LocalId(i) for (i,) in rows]

    def touched(self, since: datetime, until: datetime) -> dict[Stream, tuple[set[LocalId], set[RemoteId]]]:
        found: dict[Stream, tuple[set[LocalId], set[RemoteId]]] = defaultdict(lambda: (set(), set()))
        between = (self._tx.school, stamp(since), stamp(until))
        for stream, local_id, remote_id in self._tx.query(_WRITTEN, *between, Act.VIEW.value):
            if remote_id is not None:
                found[Stream(stream)][1].add(remote_id)
            if local_id is not None:
                found[Stream(stream)][0].add(local_id)
        for statement in (_QUEUED, _OPENED):
            for stream, local_id in self._tx.query(statement, *between):
                found[Stream(stream)][0].add(local_id)
        return dict(found)


def _scope_text(plan: Plan) -> str:
    scope = plan.scope
    return dump(
        {
            "streams": [stream.value for stream in scope.streams],
            "record": scope.record,
            "since": scope.since,
            "until": scope.until,
            "fingerprints": _by_name(plan.fingerprints),
            "versions": _by_name(plan.versions),
            "compared": _by_name(plan.compared),
            "left": {stream.value: dict(counts) for stream, counts in plan.left.items()},
        }
    )


def _by_name(values: Mapping[Stream, Any]) -> dict[str, Any]:
    return {stream.value: value for stream, value in values.items()}


def _by_stream(values: Mapping[str, Any]) -> dict[Stream, Any]:
    return {Stream(name): value for name, value in values.items()}


def _detail_text(item: PlanItem) -> str:
    changes = [[c.field, c.group, c.target.value, c.school, c.gis, c.why.value] for c in item.changes]
    return dump([item.chunk, item.inventory, item.evidence, changes])


def _item(row: Sequence[Any]) -> PlanItem:
    position, stream, acts, local_id, remote_id, precondition, detail, result = row
    chunk, inventory, evidence, changes = load(detail)
    return PlanItem(
        stream=Stream(stream),
        acts=tuple(PlanAct(act) for act in acts.split("+")),
        local_id=local_id,
        remote_id=remote_id,
        precondition=precondition,
        changes=tuple(_change(change) for change in changes),
        evidence=evidence,
        chunk=chunk,
        inventory=inventory,
        position=position,
        result=result,
    )


def _change(parts: Sequence[Any]) -> FieldChange:
    field, group, target, school, gis, why = parts
    return FieldChange(field=field, group=group, target=Target(target), school=school, gis=gis, why=Why(why))


def _plan(row: Sequence[Any], items: Iterable[PlanItem]) -> Plan:
    plan_id, kind, scope_text, state, digest, created_at, created_by, applied_at, applied_by = row
    scope = load(scope_text)
    return Plan(
        plan_id=plan_id,
        kind=PlanKind(kind),
        scope=Scope(
            streams=tuple(Stream(name) for name in scope["streams"]),
            record=scope["record"],
            since=scope["since"],
            until=scope["until"],
        ),
        state=PlanState(state),
        digest=digest,
        created_at=moment(created_at),
        created_by=created_by,
        items=tuple(items),
        fingerprints=_by_stream(scope["fingerprints"]),
        versions=_by_stream(scope["versions"]),
        left=_by_stream(scope["left"]),
        compared=_by_stream(scope.get("compared", {})),
        applied_at=moment_or_none(applied_at),
        applied_by=applied_by,
    )
