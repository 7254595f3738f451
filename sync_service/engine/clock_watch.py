"""Notice that our own clock was set back, and judge again what had been judged by the wrong time.

A clock that ran ahead has called marks late that are not, and has put off second tries to moments that now lie far
away. Forwards nothing needs to be done: what was put off falls due by itself. The region's clock is never looked
at; whether its journal is open, it says with its answer.
"""

from __future__ import annotations

from datetime import datetime

from sync_service.engine.context import Cycle

_NOTE = "clock_seen"


def mind_the_clock(cycle: Cycle) -> None:
    """Wake what waits for a moment or a permit when the clock shows an earlier hour than a cycle before."""
    hour = cycle.clock.now().replace(minute=0, second=0, microsecond=0)
    with cycle.read() as uow:
        note = uow.cursors.get_note(_NOTE)
    seen = None if note is None else datetime.fromisoformat(note)
    if seen == hour:
        return
    with cycle.write() as uow:
        if seen is not None and hour < seen:
            uow.outbox.wake_timed()
        uow.cursors.put_note(_NOTE, hour.isoformat())
        uow.commit()
