"""Capture: claim the change journal, judge each changed record, fill the outbox; one transaction a chunk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sync_service.domain.actions import DELETION
from sync_service.domain.capturing import CapturePage, plan_capture
from sync_service.domain.errors import RecordError
from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import LocalId
from sync_service.domain.matching_cells import NoLesson, WhichLesson, place_cell
from sync_service.domain.outbox import Entry, EntryState
from sync_service.domain.records import Values
from sync_service.domain.streams import BOTH_WAYS, SPECS, Stream
from sync_service.engine.apply import apply
from sync_service.engine.brake import brake
from sync_service.engine.context import Cycle, Normalise
from sync_service.engine.stores import UnitOfWork

CHUNK = 2000
CELL_STREAMS = (Stream.MARKS, Stream.ATTENDANCE)


def capture(cycle: Cycle, streams: Iterable[Stream]) -> None:
    """Turn everything the journal holds for these streams into outbox entries, conflicts or questions."""
    with cycle.read() as uow:
        pending = uow.journal.pending()
    for stream in streams:
        while stream in BOTH_WAYS and pending.get(stream):
            cycle.check_stop()
            if not _capture_chunk(cycle, stream):
                break


def _capture_chunk(cycle: Cycle, stream: Stream) -> int:
    with cycle.write() as uow:
        changes = uow.journal.claim(stream, CHUNK)
        if not changes:
            return 0
        changed = [change.local_id for change in changes]
        links = uow.links.by_local(stream, changed)
        page = CapturePage(
            stream=stream,
            policy=cycle.policies[stream],
            changed=changed,
            rows=normalised(cycle.normalise, stream, uow.staging.rows(stream, changed)),
            links=links,
            conflicts=uow.conflicts.open_for([link.link_id for link in links.values()]) if links else {},
        )
        captured = plan_capture(page)
        captured.actions.quarantine = cycle.marked(captured.actions.quarantine)
        failed = [(item.local_id, item.signature) for item in captured.actions.quarantine]
        brake(cycle, stream, "capture", failed, of=len(changed))
        if captured.gone:
            entries = uow.outbox.by_local(stream, captured.gone)
            _forget(uow, stream, captured.gone, entries)
        if stream is Stream.GUARDIANSHIPS:
            parents = [row["guardian_id"] for row in page.rows.values() if not isinstance(row, RecordError)]
            uow.outbox.wake(Stream.GUARDIANS, [f"guardians:{guardian_id}" for guardian_id in parents])
        rejected = {item.local_id for item in captured.actions.quarantine}
        uow.quarantine.recall(stream, [item.local_id for item in captured.actions.quarantine if item.local_id])
        captured.actions.settled_local.update(i for i in changed if i not in rejected)
        apply(uow, captured.actions, actor="school", cause=cycle.report.run_id)
        cycle.probe("capture.before_commit")
        uow.commit()
    cycle.probe("capture.after_commit")
    counts = cycle.report.stream(stream).push
    for outcome, count in captured.counts.items():
        counts.add(outcome, count)
    return len(changes)


def _forget(uow: UnitOfWork, stream: Stream, gone: Iterable[LocalId], entries: Mapping[LocalId, Entry]) -> None:
    """Rows that vanished before they were sent. What may have left already is settled after its answer."""
    in_flight = {i for i, entry in entries.items() if entry.state in (EntryState.LEASED, EntryState.UNKNOWN)}
    uow.outbox.remove([entry.entry_id for i, entry in entries.items() if i not in in_flight])
    if in_flight:
        uow.outbox.enqueue(stream, dict.fromkeys(in_flight, (DELETION,)))
    uow.quarantine.clear(stream, local_ids=[i for i in gone if i not in in_flight])


def normalised(
    normalise: Normalise, stream: Stream, rows: Mapping[LocalId, Values]
) -> dict[LocalId, Values | RecordError]:
    """Rows in canonical form; one that cannot be read becomes the reason why."""
    found: dict[LocalId, Values | RecordError] = {}
    for local_id, values in rows.items():
        try:
            found[local_id] = normalise(stream, values)
            _check_references(stream, local_id, values)
        except RecordError as error:
            found[local_id] = error
    return found


def _check_references(stream: Stream, local_id: LocalId, values: Values) -> None:
    """No row has the number 0: what stands there is no number, or one that some program writes for nothing."""
    for name in SPECS[stream].references:
        if values.get(name) == 0:
            raise RecordError(
                f"{stream.value} {local_id}: в поле {name} не номер записи. Исправьте его в базе школы.",
                code="wrong_type",
            )


def place_cells(cycle: Cycle, streams: Iterable[Stream] = CELL_STREAMS) -> None:
    """Give marks and absences from class reports their lesson, where the timetable leaves no doubt."""
    for stream in streams:
        after = LocalId(0)
        while True:
            with cycle.write() as uow:
                rows = uow.staging.unplaced(stream, after=after, limit=CHUNK)
                if not rows:
                    break
                after = max(rows)
                _place_chunk(uow, stream, rows)
                cycle.probe("capture.place.before_commit")
                uow.commit()


def _place_chunk(uow: UnitOfWork, stream: Stream, rows: Mapping[LocalId, Values]) -> None:
    slots = {local_id: slot for local_id, row in rows.items() if (slot := slot_of(row)) is not None}
    lessons = uow.staging.lessons_on(set(slots.values()))
    ordinals = uow.staging.ordinals_used(set(slots.values()))
    placed: list[tuple[LocalId, Values]] = []
    doubtful: list[QuarantineItem] = []
    for local_id, slot in slots.items():
        ordinal = rows[local_id].get("lesson_ordinal")
        found = place_cell(
            ordinal if isinstance(ordinal, int) else None, lessons.get(slot, []), ordinals.get(slot, set())
        )
        match found:
            case NoLesson():
                continue
            case WhichLesson():
                doubtful.append(which_lesson(stream, local_id, found))
            case _:
                placed.append((local_id, {"lesson_id": found}))
    if placed:
        uow.staging.update(stream, placed)
        uow.outbox.wake(stream, ["lessons"])
        uow.quarantine.clear(stream, local_ids=[local_id for local_id, _ in placed])
    if doubtful:
        uow.quarantine.put(doubtful)


def slot_of(row: Values) -> tuple[int, int, str] | None:
    """(class, subject, date) of a cell that looks for its lesson."""
    class_id, subject_id, date = row.get("class_id"), row.get("subject_id"), row.get("lesson_date")
    if isinstance(class_id, int) and isinstance(subject_id, int) and isinstance(date, str):
        return class_id, subject_id, date
    return None


def which_lesson(stream: Stream, local_id: LocalId, doubt: WhichLesson) -> QuarantineItem:
    """«Какой урок»: a person chooses the lesson."""
    return QuarantineItem(
        stream=stream,
        direction="push",
        code="which_lesson",
        signature=f"{stream.value}:which_lesson",
        reason=(
            f"Какой урок? В этот день у класса по предмету уроков: {doubt.lessons}, запись подходит к нескольким "
            "или спорит с другой за один. Укажите урок в исходном журнале и импортируйте отчёт снова."
        ),
        local_id=local_id,
    )
