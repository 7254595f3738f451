"""What the daemon looks for beside its runs, and who carries the messages."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sync_service.notify import Courier, routes_of

if TYPE_CHECKING:
    from sync_service.config import Settings
    from sync_service.engine.context import School
    from sync_service.engine.ports import Clock, Notifier
    from sync_service.persistence import SqlDatabase

WATCH_SECONDS = 60.0  # between two looks for something the administrator is to be told


class Watcher:
    """``silence`` is hours without a successful run after which the administrator is told, 0 for never."""

    def __init__(
        self,
        db: SqlDatabase,
        clock: Clock,
        notifier: Notifier,
        *,
        needs_login: Callable[[School], bool],
        silence: int,
    ) -> None:
        self._db = db
        self._clock = clock
        self._notifier = notifier
        self._needs_login = needs_login
        self._silence = silence
        self._looked_at: dict[str, float] = {}

    def look(self, school: School) -> None:
        """Once a minute at most: what has begun (login needed, the brake, a long silence) is written down for the
        administrator, and whatever is untold is passed on."""
        from sync_service.engine.alerts import watch_state
        from sync_service.engine.telling import note_arrival, untold

        now = self._clock.monotonic()
        if now - self._looked_at.get(school.code, -WATCH_SECONDS) < WATCH_SECONDS:
            return
        self._looked_at[school.code] = now
        watch_state(
            self._db,
            school,
            login_needed=self._needs_login(school),
            silence=self._silence,
            now=self._clock.now(),
        )
        waiting = untold(self._db, school)
        told = [n.key for n, addresses in waiting if self._notifier.tell(school.code, n, addresses)]
        if told:
            note_arrival(self._db, school, told)


def hire_courier(
    settings: Settings, *, db: SqlDatabase, clock: Clock, schools: Callable[[], Collection[School]]
) -> Courier:
    """Who carries messages over the channels of the settings."""
    rules = settings.notify

    def quiet(school: School) -> bool:
        local = clock.now().astimezone(ZoneInfo(school.zone))
        return any(window.covers(local) for window in rules.quiet_hours)

    return Courier(
        db,
        schools,
        routes_of(settings),
        clock=clock,
        quiet=quiet,
        director_at_once=rules.director_at_once,
        timeout=rules.timeout,
        page=settings.web.public_url,
    )
