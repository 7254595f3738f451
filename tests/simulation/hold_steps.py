"""What people decide about holds of the mass-change guard in a history, and the ledger of what they kept apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sync_service.domain.errors import SyncError
from sync_service.domain.holds import UNDECIDED, Hold, HoldState
from sync_service.domain.links import LinkId, LocalId, Snapshot
from sync_service.domain.streams import BOTH_WAYS, Stream
from sync_service.engine import decide_holds
from sync_service.engine.decisions import Desk
from tests.simulation.state import History

MANY = 10_000  # more links than a history can make
ACTORS = ("ivanova", "petrova")
TAKEN_BACK = (HoldState.SECONDING, HoldState.RELEASED, HoldState.DISCARDED)


def decides_hold(history: History) -> None:
    """Releases (of a deletion that is one word of two), discards, or has the source read again."""
    if hold := history.one(undecided(history)):
        decide = history.random.choice((_release, _release, _release, _discard, decide_holds.recheck))
        _attempt(history, hold, decide)


def takes_hold_back(history: History) -> None:
    with history.world.db.read(history.world.school.school_id) as uow:
        cases = uow.holds.cases(states=TAKEN_BACK)
    if hold := history.one(cases):
        _attempt(history, hold, decide_holds.undo)


def decide_all(history: History) -> None:
    """Nobody leaves a hold undecided when peace comes: each set goes, by two people where it takes two, or is not
    wanted. Where a discard is refused (rows it would bring back name others that are gone), it goes."""
    for hold in undecided(history):
        if history.random.random() < 0.3 and _attempt(history, hold, _discard):
            continue
        for actor in ACTORS:
            with history.world.db.read(history.world.school.school_id) as uow:
                case = uow.holds.get(hold.hold_id)
            if case is not None and case.state in UNDECIDED and case.first_by != actor:
                decide_holds.release(history.world.desk(actor), hold.hold_id)
                history.say(f"{actor} releases hold {hold.hold_id}")


def undecided(history: History) -> list[Hold]:
    with history.world.db.read(history.world.school.school_id) as uow:
        return uow.holds.undecided()


def _release(desk: Desk, hold_id: int) -> Hold:
    return decide_holds.release(desk, hold_id)


def _discard(desk: Desk, hold_id: int) -> Hold:
    return decide_holds.discard(desk, hold_id)


def _attempt(history: History, hold: Hold, decide: Callable[[Desk, int], Hold]) -> bool:
    what = f"{decide.__name__.strip('_')} of hold {hold.hold_id} ({hold.stream.value} {hold.kind.operation.value})"
    try:
        with keeping_apart(history):
            decide(history.world.desk(history.random.choice(ACTORS)), hold.hold_id)
    except SyncError as error:
        history.say(f"{what} refused: {error}")
        return False
    history.say(what)
    return True


@contextmanager
def keeping_apart(history: History) -> Iterator[None]:
    """Whoever discards an update says that each side keeps what it has: the base of those fields moves by that word
    alone. Exactly these fields may differ from then on, while both sides hold exactly these values; taking the
    discard back moves the base back, and ends it."""
    before = _bases(history)
    yield
    for (stream, local_id), base in _bases(history).items():
        known = before.get((stream, local_id), base)
        for name in base.local:
            pair = base.local[name], base.remote.get(name)
            if pair != (known.local.get(name), known.remote.get(name)):
                history.ledger.apart[stream, str(local_id), name] = pair


def _bases(history: History) -> dict[tuple[Stream, LocalId], Snapshot]:
    found: dict[tuple[Stream, LocalId], Snapshot] = {}
    with history.world.db.read(history.world.school.school_id) as uow:
        for stream in BOTH_WAYS:
            # Also of rows that are gone: a discard of their deletion brings them back with this base.
            listed = [local_id for _, local_id, _ in uow.links.live(stream, after=LinkId(0), limit=MANY)]
            links = uow.links.by_local(stream, listed)
            found.update({(stream, local_id): link.base for local_id, link in links.items()})
    return found
