"""Acts on erasures, for as long as whoever destroyed the data may need to save them.

An act holds the only copy of the names there is, so it is kept in the memory of this process alone: for the person
who made it, for an hour. A line that drops in the middle of the request loses nothing then; a restart does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync_service.domain.links import SchoolId
from sync_service.engine.erasure_act import Act

KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAct:
    """``until`` is the moment the act is forgotten."""

    act: Act
    actor: str
    until: datetime


class Acts:
    """The acts of the last hour; safe to share between threads."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._kept: dict[tuple[SchoolId, int], KeptAct] = {}

    def keep(self, school: SchoolId, act: Act, *, actor: str) -> None:
        with self._lock:
            self._forget()
            self._kept[school, act.number] = KeptAct(act=act, actor=actor, until=self._now() + KEPT)

    def of(self, school: SchoolId, actor: str) -> dict[int, KeptAct]:
        """What this person may still save, by the number of the act."""
        with self._lock:
            self._forget()
            return {n: one for (of, n), one in self._kept.items() if of == school and one.actor == actor}

    def _forget(self) -> None:
        now = self._now()
        self._kept = {key: one for key, one in self._kept.items() if one.until > now}
