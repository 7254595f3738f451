"""Plans of a resync as people and programs read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync_service.domain.links import Link, LocalId
from sync_service.domain.plans import FieldChange, Plan, PlanAct, PlanItem, PlanState, Target
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import SPECS, Stream
from sync_service.engine import queries_resync_words as words
from sync_service.engine import queries_words
from sync_service.engine.context import School
from sync_service.engine.decisions import not_found
from sync_service.engine.ports import Clock
from sync_service.engine.queries_captions import Captions, load_captions
from sync_service.engine.stores import Database, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """A plan in a list. ``counts``: stream → act → records, a record under each of its acts; ``results``: what
    became of them; ``left``: stream → reason → records the plan leaves to the ordinary run; ``compared``: stream →
    records that were looked at."""

    id: int
    school: str
    kind: str
    scope: dict[str, Any]
    state: str
    digest: str
    created_at: str
    created_by: str
    expires_at: str
    applied_at: str | None
    applied_by: str | None
    changes: int
    counts: dict[str, dict[str, int]]
    results: dict[str, int]
    left: dict[str, dict[str, int]]
    compared: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFieldView:
    """One field of an item: what each side holds when the plan is made, and which side gets the other's value.
    A reference to a record that only this plan creates is ``stream:regional id``."""

    field: str
    group: str
    title: str
    target: str
    school: Scalar
    gis: Scalar
    before_text: str
    after_text: str
    why: str
    why_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanItemView:
    """One record of a plan."""

    id: int
    stream: str
    acts: tuple[str, ...]
    local_id: int | None
    remote_id: str | None
    student_id: int | None
    caption: str
    fields: tuple[PlanFieldView, ...]
    result: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView(PlanRow):
    """A plan with everything a person needs to approve it."""

    items: tuple[PlanItemView, ...]


def plan_rows(db: Database, school: School, clock: Clock, *, limit: int = 20) -> list[PlanRow]:
    """The newest plans first."""
    with db.read(school.school_id) as uow:
        plans = uow.plans.latest(limit)
    return [PlanRow(**_row(school, plan, clock.now())) for plan in plans]


def plan_view(db: Database, school: School, clock: Clock, plan_id: int) -> PlanView:
    """One plan. Raises NoSuchCase when there is none."""
    with db.read(school.school_id) as uow:
        plan = uow.plans.get(plan_id)
        if plan is None:
            raise not_found("План", plan_id)
        named = _Named.load(uow, plan.items)
    return PlanView(**_row(school, plan, clock.now()), items=tuple(named.item(item) for item in plan.items))


def _row(school: School, plan: Plan, now: datetime) -> dict[str, Any]:
    expired = plan.state is not PlanState.APPLIED and now >= plan.expires_at
    scope = plan.scope
    return {
        "id": plan.plan_id,
        "school": school.code,
        "kind": plan.kind.value,
        "scope": {
            "streams": [stream.value for stream in scope.streams],
            "record": scope.record,
            "since": scope.since,
            "until": scope.until,
        },
        "state": words.EXPIRED if expired else plan.state.value,
        "digest": plan.digest,
        "created_at": plan.created_at.isoformat(),
        "created_by": plan.created_by,
        "expires_at": plan.expires_at.isoformat(),
        "applied_at": plan.applied_at.isoformat() if plan.applied_at else None,
        "applied_by": plan.applied_by,
        "changes": len(plan.items),
        "counts": {stream.value: counts for stream, counts in plan.counts().items()},
        "results": plan.results(),
        "compared": {stream.value: number for stream, number in plan.compared.items()},
        "left": {stream.value: dict(counts) for stream, counts in plan.left.items()},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """Captions of the records of a plan; those that the plan itself creates stand under negative ids."""

    captions: Captions
    created: dict[str, int]

    @classmethod
    def load(cls, uow: UnitOfWork, items: Iterable[PlanItem]) -> _Named:
        """Everything needed to name the items, in a constant number of statements."""
        listed = list(items)
        created = {
            f"{item.stream.value}:{item.remote_id}": -n
            for n, item in enumerate(listed, start=1)
            if PlanAct.CREATE_HERE in item.acts
        }
        wanted: dict[Stream, set[LocalId]] = defaultdict(set)
        gone: dict[Stream, dict[LocalId, Values]] = defaultdict(dict)
        for item in listed:
            number = created.get(f"{item.stream.value}:{item.remote_id}")
            if number is not None:
                wanted[item.stream].add(LocalId(number))
                gone[item.stream][LocalId(number)] = {c.field: _id(created, c.gis) for c in item.changes}
            elif item.local_id is not None:
                wanted[item.stream].add(item.local_id)
            for c in item.changes:
                parent = SPECS[item.stream].references.get(c.field)
                if parent is not None:
                    ids = (_id(created, c.school), _id(created, c.gis))
                    wanted[parent].update(LocalId(i) for i in ids if isinstance(i, int))
        for stream, ids_of in list(wanted.items()):
            links: dict[LocalId, Link] = uow.links.by_local(stream, [i for i in ids_of if i > 0])
            gone[stream].update({i: dict(link.base.local) for i, link in links.items()})
        return cls(captions=load_captions(uow, wanted, gone), created=created)

    def item(self, item: PlanItem) -> PlanItemView:
        number = self.created.get(f"{item.stream.value}:{item.remote_id}", item.local_id)
        if number is None:
            caption = f"{queries_words.STREAMS[item.stream]}, запись ГИС {item.remote_id}"
        elif item.stream is Stream.STUDENTS:
            caption = self.captions.pupil(number)
        else:
            caption = self.captions.of(item.stream, number)
        student_id = self.captions.student_id(item.stream, LocalId(number)) if number is not None else None
        return PlanItemView(
            id=item.position,
            stream=item.stream.value,
            acts=tuple(act.value for act in item.acts),
            local_id=item.local_id,
            remote_id=item.remote_id,
            student_id=student_id if student_id is not None and student_id > 0 else None,
            caption=caption,
            fields=tuple(self._field(item.stream, change) for change in item.changes),
            result=item.result,
        )

    def _field(self, stream: Stream, change: FieldChange) -> PlanFieldView:
        school = self.captions.value(stream, change.field, _id(self.created, change.school))
        gis = self.captions.value(stream, change.field, _id(self.created, change.gis))
        here = change.target is not Target.GIS
        return PlanFieldView(
            field=change.field,
            group=change.group,
            title=queries_words.FIELDS.get(change.field, change.field),
            target=change.target.value,
            school=change.school,
            gis=change.gis,
            before_text=school if here else gis,
            after_text=gis if here else school,
            why=change.why.value,
            why_text=words.WHY[change.why],
        )


def _id(created: dict[str, int], value: Scalar) -> Scalar:
    """The value; a record that the plan creates by its negative number."""
    return created.get(value, value) if isinstance(value, str) else value
