"""Stored answers by Idempotency-Key, in the several ways vendors are known to treat such keys."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from connectors.ecp.simulator.problems import RequestRefused

Mode = Literal["replay", "replay_any", "ignore_on_mismatch", "replay_errors", "strict", "ignored"]
MODES: tuple[Mode, ...] = (
    "replay",  # same key and body: the stored answer; another body: 400
    "replay_any",  # the stored answer even for another body
    "ignore_on_mismatch",  # another body is executed as if the key were new
    "replay_errors",  # like replay, and a stored 500 is repeated too
    "strict",  # 409 while the first is under way, 422 for another body
    "ignored",  # keys have no effect
)
KEPT = 2_000  # answers remembered

Key = tuple[str, str, str]  # organization, stream, Idempotency-Key


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The first answer given under a key."""

    digest: bytes
    status: int
    body: bytes
    at: datetime


class AnswerCache:
    """Remembers answers; the caller holds the world's lock."""

    def __init__(self) -> None:
        self.mode: Mode = "replay"
        self.life: timedelta | None = None  # how long a key is remembered; None: as long as there is room
        self._stored: OrderedDict[Key, StoredAnswer] = OrderedDict()
        self._under_way: set[Key] = set()

    def enter(self, key: Key) -> None:
        """Note that a request with this key is under way; a strict server refuses a second one meanwhile."""
        if self.mode == "strict" and key in self._under_way:
            raise RequestRefused(409, "in_progress", "Запрос с этим ключом ещё выполняется")
        self._under_way.add(key)

    def leave(self, key: Key) -> None:
        """Note that the request with this key is over."""
        self._under_way.discard(key)

    def stored(self, key: Key, body: bytes, now: datetime) -> StoredAnswer | None:
        """The answer to repeat, or None when the request is to be executed; may refuse another body."""
        stored = None if self.mode == "ignored" else self._stored.get(key)
        if stored is not None and self.life is not None and now - stored.at >= self.life:
            del self._stored[key]
            return None
        if stored is None or stored.digest == _digest(body) or self.mode == "replay_any":
            return stored
        if self.mode == "ignore_on_mismatch":
            return None
        status = 422 if self.mode == "strict" else 400
        raise RequestRefused(status, "invalid", "Ключ Idempotency-Key уже использован с другим телом")

    def remember(self, key: Key, body: bytes, status: int, answer: bytes, now: datetime) -> None:
        """Keep the answer to an executed request; server errors only where the mode repeats them."""
        if self.mode == "ignored" or (status >= 500 and self.mode != "replay_errors"):
            return
        self._stored[key] = StoredAnswer(_digest(body), status, answer, now)
        while len(self._stored) > KEPT:
            self._stored.popitem(last=False)


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()
