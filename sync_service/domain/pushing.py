"""Pushing: a due outbox entry becomes a change with frozen values, or the reason why it must wait.

Pure. The payload is planned from today's row, so that what leaves is never older than what the school says;
school rules are checked before anything leaves (invariant 13).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, tzinfo

from sync_service.domain.actions import DELETE_KINDS, DELETION
from sync_service.domain.capturing import last_seen, unreadable
from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState
from sync_service.domain.errors import RecordError
from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import Link, LinkId, LocalId, RemoteId
from sync_service.domain.matching_cells import NoLesson, WhichLesson
from sync_service.domain.merging import merge
from sync_service.domain.outbox import AttemptItem, Entry, EntryState
from sync_service.domain.policies import Owner, StreamPolicy
from sync_service.domain.records import Values
from sync_service.domain.reports import WaitingFor
from sync_service.domain.rules.edit_windows import (
    Allowed,
    EditWindow,
    NeedsPermit,
    TooEarly,
    may_edit_final_mark,
    may_edit_lesson,
)
from sync_service.domain.rules.movement_rules import missing_before_leaving
from sync_service.domain.streams import Stream, StreamSpec

OPENED = time(0, 15)  # of the first day: the region's clock may be minutes behind, and it refuses what is early


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """The release watch's permission to create a pupil: an existing person, or a new card."""

    person_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """What the edit windows are computed from; dates are days in the school's ``zone``."""

    today: date
    zone: tzinfo
    lessons: Mapping[int, tuple[str, int]] = field(default_factory=dict)  # lesson -> (date, class)
    late_entry: Mapping[int, str | None] = field(default_factory=dict)  # class -> open until
    periods: Mapping[int, str] = field(default_factory=dict)  # period -> its last day
    classes: Mapping[int, int] = field(default_factory=dict)  # student -> current class


@dataclass(frozen=True, slots=True, kw_only=True)
class PushPage:
    """Due entries of one stream with everything needed to plan them."""

    spec: StreamSpec
    policy: StreamPolicy
    entries: Sequence[Entry]
    rows: Mapping[LocalId, Values | RecordError]
    links: Mapping[LocalId, Link]
    parents: Mapping[Stream, Mapping[LocalId, RemoteId]]
    windows: Windows
    conflicts: Mapping[LinkId, Conflict] = field(default_factory=dict)
    enrolments: Mapping[LocalId, Enrolment] = field(default_factory=dict)
    with_linked_child: frozenset[LocalId] = frozenset()  # guardians one of whose pupils is in the region
    doubts: Mapping[LocalId, NoLesson | WhichLesson] = field(default_factory=dict)
    taken_back: Mapping[LocalId, Values] = field(default_factory=dict)  # deleted there by a decision that is undone


@dataclass(slots=True, kw_only=True)
class Departure:
    """What leaves now, what waits, what is set aside and what has nothing to say any more."""

    items: list[AttemptItem] = field(default_factory=list)
    changed: list[Entry] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    quarantine: list[QuarantineItem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Wait:
    reason: WaitingFor
    waits_for: str | None
    opens_on: date | None = None


def plan_push(page: PushPage) -> Departure:
    """Decide every entry once."""
    departure = Departure()
    for entry in page.entries:
        try:
            planned = _plan_entry(page, entry)
        except RecordError as error:
            departure.quarantine.append(unreadable(page.spec.stream, entry.local_id, error))
            departure.changed.append(
                replace(
                    entry, state=EntryState.REJECTED, code=error.code, waiting=None, waits_for=None, not_before=None
                )
            )
            departure.counts["rejected"] += 1
            continue
        match planned:
            case AttemptItem():
                departure.items.append(planned)
            case _Wait():
                departure.changed.append(_waiting(entry, planned, page.windows.zone))
            case outcome:
                departure.done.append(entry.entry_id)
                departure.counts[outcome] += 1
    return departure


def _waiting(entry: Entry, wait: _Wait, zone: tzinfo) -> Entry:
    opens = None if wait.opens_on is None else datetime.combine(wait.opens_on, OPENED, tzinfo=zone).astimezone(UTC)
    return replace(
        entry,
        state=EntryState.WAITING,
        waiting=wait.reason,
        waits_for=wait.waits_for,
        not_before=opens,
        code=None,
    )


def _plan_entry(page: PushPage, entry: Entry) -> AttemptItem | _Wait | str:
    row = page.rows.get(entry.local_id)
    if isinstance(row, RecordError):
        raise row
    link = page.links.get(entry.local_id)
    if link is None:
        if row is None:
            again = page.taken_back.get(entry.local_id)
            return "unchanged" if again is None else _plan_create(page, entry, again)
        return _plan_create(page, entry, row)
    conflict = page.conflicts.get(link.link_id)
    if row is None or (conflict is not None and conflict.kind in DELETE_KINDS):
        return _plan_delete(page, entry, link, conflict)
    return _plan_update(page, entry, link, row, conflict)


def _plan_update(
    page: PushPage, entry: Entry, link: Link, row: Values, conflict: Conflict | None
) -> AttemptItem | _Wait | str:
    undoing = conflict is not None and conflict.state is ConflictState.UNDOING
    skip = conflict.groups if conflict is not None and undoing else frozenset()
    merged = merge(page.policy, link.base, row, last_seen(page.spec.stream, link, conflict).values, skip=skip)
    groups = merged.push
    values = {f.field: row.get(f.field) for group in groups for f in page.policy.groups[group]}
    if conflict is not None and undoing:
        # The compensating change of an undone decision: the region gets back what it held before.
        groups = (*groups, *sorted(conflict.groups))
        values |= {clash.field: clash.remote for clash in conflict.clashes}
    if not groups:
        return "conflicts" if merged.clashes else "unchanged"
    wait = _missing_parent(page, entry.local_id, values) or _closed_window(page, {**row, **values})
    if wait:
        return wait
    _check_movement(page, row)
    return AttemptItem(
        entry_id=entry.entry_id,
        local_id=entry.local_id,
        client_ref=entry.client_ref,
        op="update",
        groups=tuple(groups),
        values=values,
        remote_id=link.remote_id,
        version=link.version,
    )


def _plan_delete(page: PushPage, entry: Entry, link: Link, conflict: Conflict | None) -> AttemptItem | _Wait | str:
    """Only a deletion that was captured leaves: the guard counts those, and pupils are not among them."""
    if conflict is not None and not _takes_back(conflict):
        return _Wait(WaitingFor.DECISION, f"conflicts:{link.link_id}")
    if DELETION not in entry.groups:
        return "unchanged"  # the row vanished since; the journal tells of it
    if page.spec.stream is Stream.STUDENTS:
        raise RecordError(
            f"students {entry.local_id}: карточка удалена в базе школы, а ученик есть в ГИС. Карточки учеников не "
            "удаляются: верните её и внесите выбытие в «Движение».",
            code="pupil_deleted",
        )
    wait = _closed_window(page, link.base.local)
    if wait:
        return wait
    return AttemptItem(
        entry_id=entry.entry_id,
        local_id=entry.local_id,
        client_ref=entry.client_ref,
        op="delete",
        groups=(DELETION,),
        values={},
        remote_id=link.remote_id,
        version=link.version,
    )


def _takes_back(conflict: Conflict) -> bool:
    """Whether the record is the one a decision made anew in the region, and that decision is being undone."""
    return conflict.kind is ConflictKind.DELETED_IN_REGION and conflict.state is ConflictState.UNDOING


def _plan_create(page: PushPage, entry: Entry, row: Values) -> AttemptItem | _Wait:
    stream = page.spec.stream
    values = {f.field: row.get(f.field) for f in page.policy.fields if f.owner is not Owner.GIS}
    if stream is Stream.STUDENTS:
        enrolment = page.enrolments.get(entry.local_id)
        if enrolment is None:
            return _Wait(WaitingFor.RELEASE, f"releases:{entry.local_id}")
        values["person_id"] = enrolment.person_id
    known = entry.local_id in page.with_linked_child or entry.local_id in page.taken_back
    if stream is Stream.GUARDIANS and not known:
        # A parent's card travels only when one of the children is known to the region.
        return _Wait(WaitingFor.PARENT, f"guardians:{entry.local_id}")
    wait = _missing_parent(page, entry.local_id, values) or _closed_window(page, values)
    if wait:
        return wait
    _check_movement(page, row)
    return AttemptItem(
        entry_id=entry.entry_id,
        local_id=entry.local_id,
        client_ref=entry.client_ref,
        op="create",
        groups=tuple(page.policy.groups),
        values=values,
    )


def _missing_parent(page: PushPage, local_id: LocalId, values: Values) -> _Wait | None:
    for name, stream in page.spec.references.items():
        if name not in values:
            continue
        parent = values[name]
        if parent is None:
            if name not in page.spec.required_references:
                continue
            if name == "lesson_id":
                return _lesson_wanted(page, local_id)
            raise RecordError(
                f"{page.spec.stream.value} {local_id}: не указано поле {name}. Заполните его в базе школы.",
                code="required",
            )
        if LocalId(int(parent)) not in page.parents[stream]:
            return _Wait(WaitingFor.PARENT, f"{stream.value}:{parent}")
    return None


def _lesson_wanted(page: PushPage, local_id: LocalId) -> _Wait:
    doubt = page.doubts.get(local_id)
    if isinstance(doubt, WhichLesson):
        raise RecordError(
            f"{page.spec.stream.value} {local_id}: какой урок? Возможных уроков в этот день: {doubt.lessons}. "
            "Укажите урок в исходном журнале и импортируйте отчёт снова.",
            code="which_lesson",
        )
    return _Wait(WaitingFor.PARENT, "lessons")


def _closed_window(page: PushPage, values: Values) -> _Wait | None:
    """Regulation 3.1, 5.4, 5.5: late changes wait for a permit, early ones for their day."""
    windows = page.windows
    if page.spec.stream in (Stream.MARKS, Stream.ATTENDANCE):
        found = windows.lessons.get(int(values.get("lesson_id") or 0))
        if found is None:
            return _Wait(WaitingFor.PARENT, "lessons")
        day, class_id = found
        verdict = may_edit_lesson(date.fromisoformat(day), windows.today, _day(windows.late_entry.get(class_id)))
        return _window_wait(verdict, f"classes:{class_id}")
    if page.spec.stream is Stream.FINAL_MARKS:
        ends_on = windows.periods.get(int(values.get("period_id") or 0))
        if ends_on is None:
            return _Wait(WaitingFor.PARENT, f"periods:{values.get('period_id')}")
        class_id = windows.classes.get(int(values.get("student_id") or 0), 0)
        late = _day(windows.late_entry.get(class_id))
        return _window_wait(may_edit_final_mark(_day_of(ends_on), windows.today, late), f"classes:{class_id}")
    return None


def _window_wait(verdict: EditWindow, waits_for: str) -> _Wait | None:
    match verdict:
        case Allowed():
            return None
        case NeedsPermit():
            return _Wait(WaitingFor.PERMIT, waits_for)
        case TooEarly(opens_on=opens_on):
            return _Wait(WaitingFor.PERMIT, waits_for, opens_on)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _day_of(text: str) -> date:
    return date.fromisoformat(text)


def _check_movement(page: PushPage, row: Values) -> None:
    if page.spec.stream is not Stream.MOVEMENTS:
        return

    def text(name: str) -> str | None:
        value = row.get(name)
        return None if value is None else str(value)

    missing = missing_before_leaving(
        kind=str(row.get("kind")),
        date=text("date"),
        order_number=text("order_number"),
        order_date=text("order_date"),
        destination_organization_id=text("destination_organization_id"),
        destination_name=text("destination_name"),
    )
    if missing:
        raise RecordError(
            f"Движение учащихся: не заполнено {', '.join(missing)}. Внесите данные приказа (для выбытия — куда).",
            code="movement_incomplete",
        )


def to_remote_references(
    spec: StreamSpec, values: Values, parents: Mapping[Stream, Mapping[LocalId, RemoteId]]
) -> Values:
    """The same values with regional ids in place of local ones; every reference was checked before."""
    translated = dict(values)
    for name, stream in spec.references.items():
        local_id = translated.get(name)
        if local_id is not None:
            translated[name] = parents[stream][LocalId(int(local_id))]
    return translated
