"""Try again only what failed in one run: first shown, then exactly that.

A record in quarantine belongs to the run in which it failed for the first or for the last time; an entry the region
was too busy for belongs to the run that sent it. What has been mended, sent or set aside since is not there any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_service.domain.audit import Act
from sync_service.domain.errors import DecisionError, NoSuchCase
from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.outbox import Entry
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine import decide_quarantine
from sync_service.engine.context import School
from sync_service.engine.decisions import Desk, journal
from sync_service.engine.queries_runs import run_report
from sync_service.engine.stores import Database, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """What failed in a run and still stands; ``digest`` is equal exactly when this is."""

    run_id: str
    items: tuple[QuarantineItem, ...]
    entries: tuple[Entry, ...]

    @property
    def total(self) -> int:
        return len(self.items) + len(self.entries)

    @property
    def digest(self) -> str:
        parts = [f"q{item.item_id}:{item.tries}" for item in self.items]
        parts += [f"o{entry.entry_id}:{entry.tries}" for entry in self.entries]
        return hashlib.blake2b(" ".join(parts).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """``read``: regional records that could be read now, of ``asked`` that were read again; ``due``: records that
    leave with the next run."""

    asked: int
    read: int
    due: int


def failed_of(db: Database, school: School, run_id: str) -> Failed:
    """Raises NoSuchCase for an unknown run, DecisionError for one that goes on."""
    report = run_report(db, school, run_id)
    if report is None:
        raise NoSuchCase(f"Сверки {run_id} нет. Посмотрите список запусков.")
    if report.status is RunStatus.RUNNING or report.finished_at is None:
        raise DecisionError("Эта сверка ещё идёт. Дождитесь её конца: тогда будет видно, что не удалось.")
    since, until = datetime.fromisoformat(report.started_at), datetime.fromisoformat(report.finished_at)
    with db.read(school.school_id) as uow:
        return _failed(uow, run_id, since, until)


def retry_failed(desk: Desk, run_id: str, digest: str | None = None) -> Retried:
    """Regional records are read again now, ours leave with the next run.

    ``digest`` is the one that was shown; DecisionError (``stale``) when the set is another one by now. What the
    look-up raises is passed on, and nothing has changed then but what was tried before it.
    """
    failed = failed_of(desk.db, desk.school, run_id)
    if not failed.total:
        raise DecisionError("Повторять нечего: всё, что не удалось в этой сверке, уже разобрано.", stale=True)
    if digest is not None and digest != failed.digest:
        raise DecisionError("Пока вы смотрели, список изменился. Посмотрите новый и решите снова.", stale=True)
    pulled = [item.item_id for item in failed.items if item.direction == "pull"]
    pushed = [item.item_id for item in failed.items if item.direction == "push"]
    read = decide_quarantine.retry(desk, pulled) if pulled else 0
    due = decide_quarantine.retry(desk, pushed) if pushed else 0
    return Retried(asked=len(pulled), read=read, due=due + _send_again(desk, run_id, failed.entries))


def _failed(uow: UnitOfWork, run_id: str, since: datetime, until: datetime) -> Failed:
    def within(at: datetime | None) -> bool:
        return at is not None and since <= at <= until

    items = [
        item
        for item in uow.quarantine.items()
        if (within(item.first_seen) or within(item.last_seen))
        and (item.direction == "push" or item.remote_id)  # without an id nobody can be asked for it
    ]
    return Failed(run_id=run_id, items=tuple(items), entries=tuple(uow.outbox.retrying(since, until)))


def _send_again(desk: Desk, run_id: str, entries: Sequence[Entry]) -> int:
    """Entries that wait for their next try are due at once."""
    if not entries:
        return 0
    with desk.db.write(desk.school.school_id) as uow:
        for stream in Stream:
            dirty = {entry.local_id: entry.groups for entry in entries if entry.stream is stream}
            if dirty:
                uow.outbox.enqueue(stream, dirty)
                journal(uow, desk, Act.DECIDE, f"retry:{run_id}", stream=stream, local_ids=tuple(dirty))
        uow.commit()
    return len(entries)
