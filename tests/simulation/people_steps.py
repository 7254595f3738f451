"""What people decide in a history, and what they take back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from sync_service.domain.actions import DELETE_KINDS
from sync_service.domain.conflicts import Choice, Conflict, Side
from sync_service.domain.errors import DecisionError, SyncError
from sync_service.domain.links import LocalId
from sync_service.domain.matches import MatchState
from sync_service.domain.releases import OPEN_STATES, ReleaseState, StepKind
from sync_service.domain.streams import Stream
from sync_service.engine import decide_matches, decide_quarantine, decide_releases, resolve, undo
from tests.choosing import choose_all
from tests.simulation.ledger import LOCAL
from tests.simulation.state import History
from tests.unit.engine.world import normalise


def resolves(history: History) -> None:
    with history.world.db.read(history.world.school.school_id) as uow:
        cases = uow.conflicts.cases()
    if case := history.one(cases):
        decide(history, case)


def decide(history: History, case: Conflict, side: Side | None = None) -> None:
    desk = history.world.desk()
    side = side or history.random.choice((Side.LOCAL, Side.GIS))
    if case.kind in DELETE_KINDS:
        choices: tuple[Choice, ...] = (Choice(group="*", side=side),)
    else:
        choices = choose_all(case, side)
    try:
        resolve.resolve(desk, case.conflict_id, choices, stamp=case.stamp)
        history.say(f"person resolves {case.conflict_id} for {side.value}")
    except DecisionError as error:
        history.say(f"decision refused: {error}")


def undoes(history: History) -> None:
    with history.world.db.read(history.world.school.school_id) as uow:
        cases = uow.conflicts.cases(state="resolved")
    if case := history.one(cases):
        try:
            undo.undo(history.world.desk(), case.conflict_id)
            history.say(f"person undoes {case.conflict_id}")
        except DecisionError as error:
            history.say(f"undo refused: {error}")


def matches(history: History) -> None:
    """The same child, another child, either taken back, or two cards separated."""
    desk = history.world.desk()
    with history.world.db.read(history.world.school.school_id) as uow:
        cases = uow.matches.cases(state=None)
    unanswered = [case for case in cases if case.state is MatchState.OPEN]
    answered = [case for case in cases if case.state in (MatchState.CONFIRMED, MatchState.REJECTED)]
    try:
        if unanswered:
            case = history.random.choice(unanswered)
            if history.random.random() < 0.5:
                decide_matches.confirm(desk, case.case_id, case.candidates[0].local_id)
                history.say(f"person confirms match {case.case_id}")
            else:
                decide_matches.reject(desk, case.case_id)
                history.say(f"person rejects match {case.case_id}")
        elif answered and history.random.random() < 0.3:
            case = history.random.choice(answered)
            with separating(history):
                decide_matches.undo(desk, case.case_id)
            history.say(f"person undoes match {case.case_id}")
        elif history.random.random() < 0.2 and (row := history.row(Stream.STUDENTS)):
            with separating(history):
                decide_matches.unlink(desk, Stream.STUDENTS, LocalId(row["id"]))
            history.say(f"person unlinks student {row['id']}")
    except DecisionError as error:
        history.say(f"decision refused: {error}")


@contextmanager
def separating(history: History) -> Iterator[None]:
    """Whoever separates a card from its record deletes what was sent from rows of that card: its link goes over to
    an id without a row (engine/separate.py), while the row begins anew. To the ledger that is a copy of the row,
    entered and deleted here by somebody who saw what the row says. Nothing else is excused: what the region has
    edited since is still to be asked about, and the row itself still has all its edits."""
    before = _ends(history)
    yield
    for link, (stream, local_id, remote_id) in _ends(history).items():
        if link in before and (former := before[link][1]) != local_id:
            row = next(row for row in history.world.rows(stream.value) if row["id"] == former)
            history.ledger.begin_anew(LOCAL, stream, former, local_id, remote_id)
            history.ledger.remove(LOCAL, stream, local_id, normalise(stream, row))
            history.say(f"what was sent from {stream.value} {former} is deleted as {local_id}")


def _ends(history: History) -> dict[int, tuple[Stream, int, str]]:
    with history.world.db.engine.connect() as connection:
        found = connection.execute(text("SELECT id, stream, local_id, remote_id FROM links"))
        return {link: (Stream(stream), local_id, remote_id) for link, stream, local_id, remote_id in found}


def works_on_releases(history: History) -> None:
    desk = history.world.desk()
    with history.world.db.read(history.world.school.school_id) as uow:
        cases = uow.releases.cases()
    case = history.one(cases)
    if case is None:
        return
    try:
        if case.state is ReleaseState.WITHDRAWN:
            decide_releases.reopen(desk, case.release_id)
            history.say(f"person reopens case {case.release_id}")
        elif case.state in OPEN_STATES and history.random.random() < 0.3:
            decide_releases.close(desk, case.release_id)
            history.say(f"person closes case {case.release_id}")
        else:
            decide_releases.log_step(desk, case.release_id, StepKind.CALL, "обещали завтра")
            history.say(f"person phones about case {case.release_id}")
    except DecisionError as error:
        history.say(f"decision refused: {error}")


def works_on_quarantine(history: History) -> None:
    """Tries a record again, sets it aside until it changes, or takes that back."""
    with history.world.db.read(history.world.school.school_id) as uow:
        items, aside = uow.quarantine.items(), uow.quarantine.items(discarded=True)
    desk, take_back = history.world.desk(), bool(aside) and history.random.random() < 0.4
    item = history.one(aside if take_back else items)
    if item is None:
        return
    try:
        if take_back:
            decide_quarantine.undo_discard(desk, [item.item_id])
            history.say(f"person takes the discard of {item.item_id} back")
        elif history.random.random() < 0.4:
            decide_quarantine.discard(desk, [item.item_id])
            history.say(f"person discards {item.item_id}")
        else:
            decide_quarantine.retry(desk, [item.item_id])
            history.say(f"person retries {item.item_id}")
    except SyncError as error:
        history.say(f"quarantine: {error}")
