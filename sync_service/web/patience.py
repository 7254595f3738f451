"""How long a connection may take: one that sends nothing, drips or does not read is given up.

uvicorn limits the pause between two requests of a connection, but waits for ever for the first one, for the rest of a
request that has begun, and for somebody who does not fetch his answer. Each such connection counts against the most
there may be at once, so that a few hundred of them would close the page to everybody.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE = 10.0  # seconds for a request's head, for an answer to be fetched, and for a short body
SLOWEST_BODY = 16 * 1024  # bytes a second; a longer body has as much more time as it needs at that speed


class PatientProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with a deadline for each thing it waits for from the other end."""

    patience = PATIENCE

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._awaited: object = None  # h11.IDLE: the head of a request; h11.SEND_BODY: its body; None: nothing
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._deadline, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self.patience, self._give_up)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _watch(self) -> None:
        """A deadline runs from the first moment something is awaited, however much of it trickles in."""
        state = self.conn.their_state
        awaited = state if state in (h11.IDLE, h11.SEND_BODY) and not self.transport.is_closing() else None
        if awaited is self._awaited:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self._awaited, self._deadline = awaited, None
        if awaited is not None:
            seconds = self.patience + (self._announced() / SLOWEST_BODY if awaited is h11.SEND_BODY else 0)
            self._deadline = self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        """The other end is late, unless it is we who do not fetch what it sends: a busy database keeps a form
        waiting, too."""
        if self.flow.read_paused:
            self._deadline = self.loop.call_later(self.patience, self._late)
        else:
            self._give_up()

    def _announced(self) -> int:
        """The length of the body at hand."""
        lengths = [value for name, value in self.headers if name == b"content-length" and value.isdigit()]
        return int(lengths[0]) if lengths else 0

    def _give_up(self) -> None:
        self.transport.abort()
