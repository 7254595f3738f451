"""Runs in threads of this process: several schools at once, one run per school at a time.

A request names a school and streams. Requests for a school that waits or runs are merged, so that a slow
region gathers one run, not a queue of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from sync_service.domain.errors import SyncError
from sync_service.domain.streams import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """One cycle to be run: a school by its code, the streams to go in it, and what asked for it."""

    school: str
    streams: frozenset[Stream]
    trigger: str


class InProcessRunner:
    """A pool of daemon threads that hand requests to ``execute``, oldest school first."""

    def __init__(self, execute: Callable[[RunRequest], None], *, workers: int) -> None:
        self._execute = execute
        self._waiting: dict[str, RunRequest] = {}
        self._running: set[str] = set()
        self._changed = threading.Condition()
        self._ended = False
        self._threads = [
            threading.Thread(target=self._work, name=f"run-{number}", daemon=True) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def request(self, school: str, streams: Iterable[Stream], *, trigger: str) -> None:
        """Ask for a run; merged with a request for the same school that has not begun yet."""
        wanted = frozenset(streams)
        if not wanted:
            return
        with self._changed:
            if self._ended:
                return
            known = self._waiting.get(school)
            if known is not None:
                wanted, trigger = wanted | known.streams, known.trigger
            self._waiting[school] = RunRequest(school=school, streams=wanted, trigger=trigger)
            self._changed.notify()

    def end(self, seconds: float) -> bool:
        """Begin nothing more and wait for what runs; True when all of it ended within ``seconds``."""
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._changed.notify_all()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (request := self._next()) is not None:
            try:
                self._execute(request)
            except SyncError as error:
                # Messages of our own errors hold no personal data.
                structlog.get_logger().error(
                    "run_not_done", school=request.school, error=type(error).__name__, reason=str(error)
                )
            except Exception as error:  # noqa: BLE001  # the pool outlives any mistake of a run
                structlog.get_logger().error("run_not_done", school=request.school, error=type(error).__name__)
            finally:
                with self._changed:
                    self._running.discard(request.school)
                    self._changed.notify()

    def _next(self) -> RunRequest | None:
        with self._changed:
            while True:
                if self._ended:
                    return None
                free = next((code for code in self._waiting if code not in self._running), None)
                if free is not None:
                    self._running.add(free)
                    return self._waiting.pop(free)
                self._changed.wait()
