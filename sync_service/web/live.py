"""Live pages of runs: any number of browsers watch, the database is asked once a second for each run.

An event carries the whole fragment, so that whoever comes back, also after a restart of the server, is shown the
truth at once and nothing needs to be replayed. Its ``id`` is a digest of what it shows: who names the newest one is
not sent it again.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from sync_service.domain.errors import SyncError
from sync_service.engine.queries_run_page import RunView

EVERY_SECONDS = 1.0
SIGN_OF_LIFE_SECONDS = 15.0
LONGEST_SECONDS = 300.0  # then the browser comes back through the door
MOST_STREAMS = 200
READERS = 2  # threads that look for everybody, apart from those that serve pages
RETRY_MILLISECONDS = 1500


@dataclass(slots=True)
class _Look:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    at: float = float("-inf")
    view: RunView | None = None
    watchers: int = 0


class Live:
    """What the open streams of one server share."""

    def __init__(self) -> None:
        self.closing = False
        self.reads = 0
        self._looks: dict[str, _Look] = {}
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="live")

    @property
    def is_full(self) -> bool:
        return sum(look.watchers for look in self._looks.values()) >= MOST_STREAMS

    def close(self) -> None:
        """End every stream within a second; browsers come back to the next server."""
        self.closing = True
        self._readers.shutdown(wait=False)

    async def events(
        self, run_id: str, read: Callable[[], RunView | None], render: Callable[[RunView], str], *, last_id: str
    ) -> AsyncIterator[str]:
        """Server-sent events until the run has ended: «run» while it goes on, «end» with its last state."""
        look = self._looks.setdefault(run_id, _Look())
        look.watchers += 1
        try:
            clock = asyncio.get_running_loop().time
            began = spoke = clock()
            yield f"retry: {RETRY_MILLISECONDS}\n\n"
            while not self.closing and clock() - began < LONGEST_SECONDS:
                view = await self._see(look, read)
                if view is not None and (identity_of(view) != last_id or not view.running):
                    last_id, spoke = identity_of(view), clock()
                    yield event("run" if view.running else "end", last_id, render(view))
                    if not view.running:
                        return
                elif clock() - spoke >= SIGN_OF_LIFE_SECONDS:
                    spoke = clock()
                    yield ": still here\n\n"
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            look.watchers -= 1
            if not look.watchers:
                self._looks.pop(run_id, None)

    async def _see(self, look: _Look, read: Callable[[], RunView | None]) -> RunView | None:
        """The newest state anybody has seen within the second; a database that is away shows nothing new."""
        async with look.lock:
            now = asyncio.get_running_loop().time()
            if now - look.at >= EVERY_SECONDS * 0.9:
                try:
                    look.view = await asyncio.get_running_loop().run_in_executor(self._readers, read)
                    self.reads += 1
                except (SyncError, RuntimeError):  # the latter: the server is closing
                    pass
                look.at = now
            return look.view


def identity_of(view: RunView) -> str:
    """The same for the same state, whatever process is asked."""
    return hashlib.blake2b(repr(view).encode(), digest_size=9).hexdigest()


def event(name: str, identity: str, text: str) -> str:
    lines = "".join(f"data: {line}\n" for line in text.splitlines())
    return f"id: {identity}\nevent: {name}\n{lines}\n"
