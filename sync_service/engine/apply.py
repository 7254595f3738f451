"""Execute planned actions in the caller's unit of work: the one place that writes what a plan decided."""

from __future__ import annotations

from dataclasses import replace

from sync_service.domain.actions import DELETION, Actions, student_of
from sync_service.domain.audit import Act, AuditEntry, AuditItem
from sync_service.domain.conflicts import ConflictState
from sync_service.domain.links import LinkId, LocalId, NewLink, Snapshot
from sync_service.domain.matches import MatchState
from sync_service.domain.streams import Stream, children_of
from sync_service.engine.stores import UnitOfWork


def apply(uow: UnitOfWork, actions: Actions, *, actor: str, cause: str) -> None:
    """Write the page: staging, links, conflicts, outbox, inbox, quarantine, audit. The caller commits."""
    stream = actions.stream
    audit = list(actions.audit)
    links = list(actions.new_links)
    if actions.creates:
        local_ids = uow.staging.insert(stream, [create.values for create in actions.creates])
        for local_id, create in zip(local_ids, actions.creates, strict=True):
            links.append(
                NewLink(
                    local_id=local_id,
                    remote_id=create.remote_id,
                    base=Snapshot.agreed(create.values),
                    version=create.version,
                    change_version=create.change_version,
                    evidence=create.evidence,
                    previous_id=create.previous_id,
                )
            )
            audit.append(
                AuditItem(
                    stream=stream,
                    act=Act.CREATE,
                    local_id=local_id,
                    remote_id=create.remote_id,
                    student_id=student_of(stream, local_id, create.values),
                    base_local=create.values,
                )
            )
    link_ids: dict[LocalId, LinkId] = {}
    if links:
        link_ids = dict(zip((link.local_id for link in links), uow.links.insert(stream, links), strict=True))
    if actions.updates:
        uow.staging.update(stream, actions.updates)
    if actions.deletes:
        uow.staging.delete(stream, actions.deletes)
    if actions.link_changes:
        uow.links.update(actions.link_changes)
    if actions.conflicts:
        _save_conflicts(uow, actions, link_ids)
        audit.extend(
            AuditItem(stream=stream, act=Act.CONFLICT, local_id=conflict.local_id) for conflict in actions.conflicts
        )
    if actions.dirty:
        uow.outbox.enqueue(stream, actions.dirty)
    if actions.park:
        uow.inbox.park(actions.park)
    if actions.unpark:
        uow.inbox.remove(stream, actions.unpark)
    if actions.quarantine:
        uow.quarantine.put(actions.quarantine)
    settled = [remote_id for remote_id in actions.settled if remote_id in actions.unpark]
    if settled or actions.settled_local:
        uow.quarantine.clear(stream, remote_ids=settled, local_ids=actions.settled_local)
    if actions.match_cases:
        known = uow.matches.open_for(stream, [case.remote_id for case in actions.match_cases])
        uow.matches.save(
            [
                replace(case, case_id=known[case.remote_id].case_id) if case.remote_id in known else case
                for case in actions.match_cases
            ]
        )
    if links:
        _close_match_cases(uow, stream, links)
    if audit:
        note = ", ".join(f"near-miss {name}: {count}" for name, count in sorted(actions.near_misses.items()))
        uow.audit.append([AuditEntry(act=_act_of(audit), actor=actor, cause=cause, items=tuple(audit), note=note)])
    _wake(uow, stream, actions, list(link_ids))
    uow.outbox.wake_permits(_windows_moved(stream, actions))


def _save_conflicts(uow: UnitOfWork, actions: Actions, link_ids: dict[LocalId, LinkId]) -> None:
    ready = []
    edited = uow.journal.noted_at(actions.stream, [c.local_id for c in actions.conflicts])
    for conflict in actions.conflicts:
        fresh = not conflict.link_id  # about the link this page forms
        link_id = link_ids[conflict.local_id] if fresh else conflict.link_id
        local_at = edited.get(conflict.local_id, conflict.local_at)
        ready.append(replace(conflict, link_id=link_id, local_at=local_at))
        if conflict.state is ConflictState.CONVERGED:
            # What the case held back may travel again.
            actions.dirty.setdefault(conflict.local_id, set()).update(conflict.groups - {DELETION})
    uow.conflicts.save(ready)


def _close_match_cases(uow: UnitOfWork, stream: Stream, links: list[NewLink]) -> None:
    """Questions about records that have found their counterpart went away by themselves."""
    answered = uow.matches.open_for(stream, [link.remote_id for link in links])
    if answered:
        uow.matches.save([replace(case, state=MatchState.CLOSED) for case in answered.values()])


def _act_of(items: list[AuditItem]) -> str:
    acts = {item.act for item in items}
    return next(iter(acts)).value if len(acts) == 1 else "mixed"


def _wake(uow: UnitOfWork, stream: Stream, actions: Actions, linked: list[LocalId]) -> None:
    """Entries that waited for one of these records may go."""
    if not children_of(stream):
        return
    keys = [f"{stream.value}:{local_id}" for local_id in linked]
    if stream is Stream.STUDENTS and linked:
        # A parent's card may travel as soon as one of the children is known to the region.
        pairs = uow.staging.where(Stream.GUARDIANSHIPS, "student_id", linked)
        keys.extend(f"guardians:{row['guardian_id']}" for row in pairs.values())
    if stream is Stream.LESSONS:
        keys = ["lessons"] if linked or actions.updates else []
    elif stream is Stream.CLASSES:
        # The journal may be open now; «classes» is what entries wait for that the region itself refused.
        keys.extend(f"classes:{local_id}" for local_id, _ in actions.updates)
        keys.extend(["classes"] if actions.updates else [])
    elif stream is Stream.PERIODS:
        keys.extend(f"periods:{local_id}" for local_id, _ in actions.updates)
    if keys:
        uow.outbox.wake(None, keys)


def _windows_moved(stream: Stream, actions: Actions) -> tuple[Stream, ...]:
    """The streams whose edit windows are computed from what has changed here: what was late may not be any more."""
    touched = {name for _, values in actions.updates for name in values}
    if stream is Stream.LESSONS and touched & {"date", "class_id"}:
        return Stream.MARKS, Stream.ATTENDANCE
    if stream is Stream.PERIODS and "ends_on" in touched:
        return (Stream.FINAL_MARKS,)
    if stream is Stream.MOVEMENTS and (actions.creates or actions.updates or actions.deletes or actions.dirty):
        return (Stream.FINAL_MARKS,)  # the pupil's class, and whether its journal is open for late entry
    return ()
