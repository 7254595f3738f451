"""What a run has come to so far, written into its row while it runs, so that any process can show it.

A thread of its own beside the heartbeat: a write that waits for the database must not keep a sign of life waiting.
"""

from __future__ import annotations

import threading
from typing import Any

from sync_service.domain.errors import SyncError
from sync_service.domain.links import SchoolId
from sync_service.domain.reports import RunReport
from sync_service.engine.stores import Database


class Progress:
    """Writes the report down once a period when it has changed. It never fails a run, and never speaks after its
    last word: a row that is not «running» any more stays as it is."""

    def __init__(self, db: Database, school: SchoolId, report: RunReport, *, period: float) -> None:
        self._db = db
        self._school = school
        self._report = report
        self._period = period
        self._written: dict[str, Any] = report.to_json()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"progress-{report.school}", daemon=True)

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._ended.wait(self._period):
            try:
                report = self._report.so_far()
            except RuntimeError:  # the run was adding a reason or a stream: next time
                continue
            now = report.to_json()
            if now == self._written:
                continue
            try:
                if not self._db.runs.progress(self._school, report):
                    return
            except SyncError:
                continue
            self._written = now
