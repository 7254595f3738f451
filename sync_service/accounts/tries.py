"""What slows a guesser down: after a few failures everybody waits, longer with each, at that address alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sync_service.accounts.errors import TooManyTries
from sync_service.accounts.store import PeopleStore

FREE_FAILURES = 5
ADDRESS_FREE_FAILURES = 30  # a school sits behind one address
LONGEST_WAIT = timedelta(minutes=15)
FORGET_FAILURES = timedelta(hours=24)


class Tries:
    """Failures of one kind of ``proof`` («login», «totp»), counted per login at an address and per address."""

    def __init__(self, store: PeopleStore, now: Callable[[], datetime], proof: str) -> None:
        self._store = store
        self._now = now
        self._proof = proof

    def check(self, login: str, address: str) -> None:
        """Raises TooManyTries while another try has to wait, also one that would be right."""
        now = self._now()
        for key, free in zip(self._keys(login, address), (FREE_FAILURES, ADDRESS_FREE_FAILURES), strict=True):
            for failures, last in self._store.failures((key,)):
                if failures < free:
                    continue
                pause = min(timedelta(seconds=30 * 2 ** min(failures - free, 10)), LONGEST_WAIT)
                if now < last + pause:
                    raise TooManyTries(last + pause - now)

    def failed(self, login: str, address: str) -> None:
        now = self._now()
        self._store.count_failure(self._keys(login, address), now=now, forget_before=now - FORGET_FAILURES)

    def succeeded(self, login: str, address: str) -> None:
        """The login starts afresh at this address; the address as a whole does not."""
        self._store.clear_failures(self._keys(login, address)[0])

    def _keys(self, login: str, address: str) -> tuple[str, str]:
        return f"{self._proof}:{login}:{address}", f"address:{address}"
