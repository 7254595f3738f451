"""Which streams are due for a full comparison: a note of the school that outlives runs and processes.

A stream is marked by the schedule, by a person, or by the region having forgotten our position. It stays due until a
comparison of it has come to its end; one that failed is tried again after an hour.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from sync_service.domain.links import SchoolId
from sync_service.domain.streams import Stream
from sync_service.engine.stores import Database, UnitOfWork

NOTE = "reconcile:due"
LAST = "reconcile:last"  # when the schedule last asked for one
AGAIN = timedelta(hours=1)


def _noted(uow: UnitOfWork) -> dict[Stream, datetime]:
    """Stream → the moment from which it is due."""
    known = json.loads(uow.cursors.get_note(NOTE) or "{}")
    return {stream: datetime.fromisoformat(known[stream]) for stream in Stream if stream in known}


def _note(uow: UnitOfWork, due: dict[Stream, datetime]) -> None:
    uow.cursors.put_note(NOTE, json.dumps({stream.value: moment.isoformat() for stream, moment in due.items()}))


def due_for_comparison(uow: UnitOfWork, now: datetime) -> set[Stream]:
    """One statement."""
    return {stream for stream, moment in _noted(uow).items() if moment <= now}


def mark_due(uow: UnitOfWork, streams: Iterable[Stream], now: datetime) -> None:
    _note(uow, _noted(uow) | dict.fromkeys(streams, now))


def compared(uow: UnitOfWork, stream: Stream, *, begun: datetime) -> None:
    """The comparison came to its end; whoever asked while it went on is owed another one."""
    _note(uow, {known: at for known, at in _noted(uow).items() if known is not stream or at > begun})


def compare_later(uow: UnitOfWork, stream: Stream, now: datetime) -> None:
    """The comparison failed: not again in every cycle."""
    _note(uow, _noted(uow) | {stream: now + AGAIN})


def ask_for_comparison(
    db: Database, school: SchoolId, streams: Iterable[Stream], now: datetime, *, scheduled: bool = False
) -> None:
    """From the next run on these streams are due; ``scheduled`` remembers that the schedule has asked."""
    with db.write(school) as uow:
        mark_due(uow, streams, now)
        if scheduled:
            uow.cursors.put_note(LAST, now.isoformat())
        uow.commit()


def last_asked(db: Database, school: SchoolId) -> datetime | None:
    """When the schedule last asked for a comparison."""
    with db.read(school) as uow:
        note = uow.cursors.get_note(LAST)
    return None if note is None else datetime.fromisoformat(note)
