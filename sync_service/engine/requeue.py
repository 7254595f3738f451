"""Out of quarantine by itself: records whose cause has changed are tried again (invariant 6).

At the beginning of a cycle one statement asks whether there are any: another mapping or code table, a parent
that has come or gone, a regional record that has changed. A changed row of ours is the journal's business. The
same failure counts one more try and waits for the next change of its cause.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from sync_service.domain.actions import Actions
from sync_service.domain.guards import Way
from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.planning import plan_page
from sync_service.domain.policies import StreamPolicy
from sync_service.domain.streams import Stream
from sync_service.engine.apply import apply
from sync_service.engine.context import Cycle, Normalise
from sync_service.engine.guarding import count, open_gate
from sync_service.engine.guarding_pull import let_pass
from sync_service.engine.loading import load_page
from sync_service.engine.ports import Found
from sync_service.engine.pull import rejected
from sync_service.engine.stores import UnitOfWork

MOST_AT_ONCE = 5000  # of a cycle; the rest is due in the next one
CHUNK = 500


def quarantine_due(
    cycle: Cycle, direction: str, streams: Collection[Stream]
) -> list[tuple[Stream, list[QuarantineItem]]]:
    """What is to be tried again now, parents first."""
    with cycle.read() as uow:
        due = [i for i in uow.quarantine.due(cycle.fingerprints, MOST_AT_ONCE) if i.direction == direction]
    by_stream = [(stream, [item for item in due if item.stream is stream]) for stream in Stream if stream in streams]
    return [(stream, items) for stream, items in by_stream if items]


def read_again(cycle: Cycle, stream: Stream, items: Sequence[QuarantineItem]) -> None:
    """Regional records are read anew and planned like a page: what may be too many waits for the guard, which is
    asked when the stream settles. The run's lease keeps other runs off the stream."""
    for part in _parts(items):
        cycle.check_stop()
        found = cycle.remote.get(stream, [RemoteId(item.remote_id) for item in part if item.remote_id])
        with cycle.write() as uow:
            page = load_page(uow, cycle.policies, stream, found.records, normalise=cycle.normalise)
            standing = open_gate(cycle, uow, stream, Way.PULL).standing
            room = standing.least_room(cycle.policies[stream].groups, creates=True)
            actions, kinds = let_pass(page, plan_page(page), standing, careful=len(items) > room)
            count(uow, stream, Way.PULL, kinds, exempt=standing.exempt)
            _take_out(uow, actions, part, found)
            actions.quarantine = cycle.marked(actions.quarantine)
            apply(uow, actions, actor=cycle.actor, cause=cycle.report.run_id)
            cycle.probe("quarantine.read.before_commit")
            uow.commit()
        cycle.tally.pulled(actions)
        cycle.tally.rejected(stream, len(found.rejects))


def plan_again(
    uow: UnitOfWork,
    policies: Mapping[Stream, StreamPolicy],
    normalise: Normalise,
    stream: Stream,
    items: Sequence[QuarantineItem],
    found: Found,
) -> Actions:
    """The page of what a person has read anew; it counts for nothing, because it was asked for."""
    actions = plan_page(load_page(uow, policies, stream, found.records, normalise=normalise))
    _take_out(uow, actions, items, found)
    return actions


def _take_out(uow: UnitOfWork, actions: Actions, items: Sequence[QuarantineItem], found: Found) -> None:
    """Who can be read now, or is not there any more, leaves the quarantine."""
    # A record that waits again stays in the inbox: removing it here would lose it for good.
    actions.unpark.update(actions.settled.keys() - {parked.record.remote_id for parked in actions.park})
    actions.quarantine.extend(rejected(reject) for reject in found.rejects)
    again = {reject.remote_id for reject in found.rejects}
    uow.quarantine.remove([item.item_id for item in items if item.remote_id not in again])


def send_again(cycle: Cycle, stream: Stream, items: Sequence[QuarantineItem]) -> None:
    """Rows of ours are due again; the push that follows plans them from what they are today."""
    with cycle.write() as uow:
        make_due(uow, cycle.policies, stream, items)
        uow.quarantine.tried([item.item_id for item in items], cycle.fingerprints.get(stream))
        cycle.probe("quarantine.send.before_commit")
        uow.commit()


def make_due(
    uow: UnitOfWork, policies: Mapping[Stream, StreamPolicy], stream: Stream, items: Sequence[QuarantineItem]
) -> list[LocalId]:
    """Outbox entries of these rows become pending. A pupil the region does not know leaves only by the release
    watch, which looks for such cards itself."""
    wanted = [item.local_id for item in items if item.local_id is not None]
    if stream is Stream.STUDENTS:
        known = uow.links.remote_ids(stream, wanted).keys() | uow.outbox.by_local(stream, wanted).keys()
        unknown = [item.item_id for item in items if item.local_id is not None and item.local_id not in known]
        uow.quarantine.remove(unknown)
        wanted = [local_id for local_id in wanted if local_id in known]
    uow.outbox.enqueue(stream, dict.fromkeys(wanted, tuple(policies[stream].groups)))
    return wanted


def _parts(items: Sequence[QuarantineItem]) -> Iterator[Sequence[QuarantineItem]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
