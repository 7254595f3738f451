"""What the administrator is told about the exchange itself: once when it begins, again only after it has recovered.

    state of the school ─ conditions ─► compared with the note «alerts» ─► begun: told │ ended: forgotten

The daemon looks once in a while; the note survives it, so that a restart tells nothing twice.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta

from sync_service.domain.errors import SystemicFailure
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine import messages
from sync_service.engine.context import School
from sync_service.engine.ports import Notification
from sync_service.engine.queries_runs import last_successes
from sync_service.engine.stores import Database

_NOTE = "alerts"
_LOGIN, _BRAKE, _SILENCE = "login", "brake:", "silence"
_LOOK_BACK = 50  # runs; a stream that was in none of them stands as it stood


def watch_state(db: Database, school: School, *, login_needed: bool, silence: int, now: datetime) -> list[str]:
    """Write down what has begun since the last look; returns the names of those conditions.

    ``silence`` is in hours, 0 for never; ``now`` is aware.
    """
    with db.read(school.school_id) as uow:
        known = json.loads(uow.cursors.get_note(_NOTE) or "{}")
    runs = db.runs.latest(school.school_id, _LOOK_BACK)
    found = _braked(runs, known)
    if login_needed:
        found.add(_LOGIN)
    silent = _silent(db, school, runs, silence, now) if silence else []
    if silent:
        found.add(_SILENCE)
    if found == known.keys():
        return []
    since = now.isoformat()
    begun = sorted(found - known.keys())
    with db.write(school.school_id) as uow:
        uow.notifications.add([_message(name, silent, silence, since) for name in begun])
        uow.cursors.put_note(_NOTE, json.dumps({name: known.get(name, since) for name in sorted(found)}))
        uow.commit()
    return begun


def _braked(runs: Collection[RunReport], known: Collection[str]) -> set[str]:
    """The brake holds a stream until a run has gone through it again."""
    newest: dict[Stream, str | None] = {}
    for report in runs:
        if report.status is not RunStatus.RUNNING:
            for stream, entry in report.streams.items():
                newest.setdefault(stream, entry.error)
    mark = SystemicFailure.__name__
    held = {stream.value for stream, error in newest.items() if error is not None and error.startswith(mark)}
    unseen = {name for name in known if name.startswith(_BRAKE) and Stream(name[len(_BRAKE) :]) not in newest}
    return {_BRAKE + name for name in held} | unseen


def _silent(db: Database, school: School, runs: list[RunReport], hours: int, now: datetime) -> list[Stream]:
    """Streams without a success for longer than ``hours``; none before the first run is that old."""
    started = [datetime.fromisoformat(report.started_at) for report in runs if report.started_at]
    limit = now - timedelta(hours=hours)
    if not started or min(started) > limit:
        return []
    successes = last_successes(db, school.school_id, Stream, until=now)
    return [s for s in Stream if s not in successes or datetime.fromisoformat(successes[s]) < limit]


def _message(name: str, silent: list[Stream], hours: int, since: str) -> Notification:
    if name == _LOGIN:
        return messages.needs_login(since)
    if name == _SILENCE:
        return messages.long_silence(silent, hours, since)
    return messages.brake_applied(Stream(name[len(_BRAKE) :]), since)
