"""An end to every attempt to send: a server that keeps a conversation going, a byte at a time, is left to itself.

The library's time limits hold for one answer each; a conversation of many slow answers has none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

Send = Callable[[str, str, str, str, float], bool]  # url, subject, text, severity, seconds → arrived

WHOLE = 2.0  # times the seconds of one answer
MOST_LEFT = 4  # conversations of a channel that go on unwatched; then it sends nothing until one has ended


class Patient:
    """Sends, and says «not arrived» of whatever takes longer than twice ``seconds``. One more copy may arrive then:
    a message may be told twice, never not at all."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._left = threading.Semaphore(MOST_LEFT)

    def __call__(self, url: str, subject: str, text: str, severity: str, seconds: float) -> bool:
        if not self._left.acquire(blocking=False):
            return False
        arrived: list[bool] = []
        ended = threading.Event()

        def converse() -> None:
            try:
                arrived.append(self._send(url, subject, text, severity, seconds))
            finally:
                self._left.release()
                ended.set()

        threading.Thread(target=converse, name="courier-letter", daemon=True).start()
        ended.wait(seconds * WHOLE)
        return bool(arrived and arrived[0])
