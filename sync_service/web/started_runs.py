"""Runs that a person starts on the page: in threads of the page's process, under the same leases as any other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from sync_service.domain.errors import AlreadyRunning, SyncError
from sync_service.engine.queries_runs import running_run

if TYPE_CHECKING:
    from sync_service.bootstrap import Service
    from sync_service.engine.context import School

ON_RECORD_SECONDS = 3.0  # as long as a person waits for a page without wondering
END_SECONDS = 10.0


class StartedRuns:
    """At most one run of each school; whoever asks again is shown the one that is under way."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()

    def start(self, school: School) -> str | None:
        """The id of the run that is under way now, started or met; None while nobody knows it yet."""
        found = running_run(self._service.db, school)
        if found is not None:
            return found
        told: list[str] = []
        known = threading.Event()

        def hear(run_id: str) -> None:
            told.append(run_id)
            known.set()

        with self._lock:
            former = self._threads.get(school.code)
            if former is None or not former.is_alive():
                thread = threading.Thread(
                    target=self._run, args=(school, hear, known), name=f"page-run-{school.code}", daemon=True
                )
                self._threads[school.code] = thread
                thread.start()
            else:
                known.set()
        known.wait(ON_RECORD_SECONDS)
        return told[0] if told else running_run(self._service.db, school)

    def _run(self, school: School, hear: Callable[[str], None], known: threading.Event) -> None:
        try:
            self._service.sync(school, trigger="manual", skip_busy=True, stop=self._stop, started=hear)
        except AlreadyRunning:
            pass  # it has a page of its own
        except SyncError as error:
            structlog.get_logger().error("page_run_failed", school=school.code, error=type(error).__name__)
        finally:
            known.set()

    def close(self) -> None:
        """Ask runs to stop at their next page, and wait a while; what is durable stays."""
        self._stop.set()
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(END_SECONDS)
