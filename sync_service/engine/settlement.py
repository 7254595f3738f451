"""What becomes of the items of an answered batch: collected while they are judged, written down at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sync_service.domain.acknowledging import Acknowledged
from sync_service.domain.conflicts import Conflict, standing
from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matching import Match
from sync_service.domain.outbox import AttemptItem, Entry, EntryState
from sync_service.domain.reports import WaitingFor
from sync_service.domain.streams import RemoteRecord, Stream
from sync_service.engine.ports import WriteResult

MOST_STALE_TRIES = 5
LONGEST_BACK_OFF = timedelta(hours=1)


def back_off(tries: int) -> timedelta:
    """30 s, doubled with every try, at most an hour."""
    return min(timedelta(seconds=30 * 2 ** min(max(tries - 1, 0), 12)), LONGEST_BACK_OFF)


@dataclass(slots=True, kw_only=True)
class Settlement:
    """Outcomes of one batch of ``stream``. An entry may be gone meanwhile: then there is nothing to move."""

    stream: Stream
    now: datetime
    acks: list[Acknowledged] = field(default_factory=list)
    changed: list[Entry] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    quarantine: list[QuarantineItem] = field(default_factory=list)
    reread: list[RemoteRecord] = field(default_factory=list)  # answers: what the region has instead
    strangers: list[RemoteRecord] = field(default_factory=list)  # other records the answers name: news like any
    ended: list[RemoteRecord] = field(default_factory=list)  # what we created and somebody has deleted since
    matches: dict[RemoteId, Match] = field(default_factory=dict)
    not_released: list[LocalId] = field(default_factory=list)
    crowded: list[AttemptItem] = field(default_factory=list)  # marks whose place in the cell is another mark's
    standing: list[Conflict] = field(default_factory=list)  # decisions whose undoing the region refuses
    acked: int = 0
    rejected: int = 0

    def acknowledge(self, ack: Acknowledged, entry: Entry | None) -> None:
        self.acks.append(ack)
        self.done(entry)

    def done(self, entry: Entry | None) -> None:
        """The region has carried the item out."""
        self.acked += 1
        self.finish(entry)

    def finish(self, entry: Entry | None) -> None:
        """A record that changed while it was under way is due again."""
        if entry is None:
            return
        if entry.dirty_again:
            self.changed.append(
                replace(entry, state=EntryState.PENDING, dirty_again=False, tries=0, code=None, not_before=None)
            )
        else:
            self.removed.append(entry.entry_id)

    def try_again(self, entry: Entry | None) -> None:
        """At once; after :data:`MOST_STALE_TRIES` tries as :meth:`retry`."""
        if entry is None:
            return
        if entry.tries >= MOST_STALE_TRIES:
            self.retry(entry)
        else:
            self.changed.append(replace(entry, state=EntryState.PENDING, dirty_again=False))

    def retry(self, entry: Entry | None) -> None:
        if entry is not None:
            later = self.now + back_off(entry.tries)
            self.changed.append(replace(entry, state=EntryState.RETRY, not_before=later))

    def wait(self, entry: Entry | None, reason: WaitingFor, key: str, *, until: datetime | None = None) -> None:
        """Until ``key`` is woken, or ``until``."""
        if entry is None:
            return
        waiting = replace(entry, state=EntryState.WAITING, waiting=reason, waits_for=key)
        self.changed.append(waiting if until is None else replace(waiting, not_before=until))

    def wait_for_journal(self, entry: Entry | None) -> None:
        """By our day the journal is open, by the region's it is not: its clock may be minutes behind at midnight,
        ours a day ahead. So the entry asks again: in an hour, then once a day, until our rules hold it back."""
        again = timedelta(hours=1) if entry is not None and entry.tries <= 1 else timedelta(days=1)
        self.wait(entry, WaitingFor.PERMIT, "classes", until=self.now + again)

    def reject(
        self, item: AttemptItem, entry: Entry | None, result: WriteResult, waits_for: str | None = None
    ) -> None:
        code = result.code or result.status.value
        self.quarantine.append(
            QuarantineItem(
                stream=self.stream,
                direction="push",
                code=code,
                signature=f"{self.stream.value}:{code}:{result.detail}",
                reason=(
                    f"ГИС не приняла запись ({code}{': ' + result.detail if result.detail else ''}). "
                    "Исправьте запись в базе школы: она будет отправлена снова."
                ),
                local_id=item.local_id,
                remote_id=item.remote_id,
                waits_for=waits_for,
            )
        )
        self.rejected += 1
        if entry is not None:
            state = EntryState.PENDING if entry.dirty_again else EntryState.REJECTED
            self.changed.append(replace(entry, state=state, code=code, dirty_again=False))

    def undoing_refused(self, item: AttemptItem, entry: Entry | None, result: WriteResult, undone: Conflict) -> None:
        """What a decision deleted cannot be made anew (the region has such a record again): the decision stands."""
        code = result.code or result.status.value
        self.quarantine.append(
            QuarantineItem(
                stream=self.stream,
                direction="push",
                code="undo_refused",
                signature=f"{self.stream.value}:undo_refused:{code}",
                reason=(
                    f"Отмена решения об удалении: ГИС не приняла запись ({code}). Решение осталось в силе. Если "
                    "запись нужна, внесите её в ГИС или в базу школы."
                ),
                local_id=item.local_id,
            )
        )
        self.rejected += 1
        self.standing.append(standing(undone))
        if entry is not None:
            self.removed.append(entry.entry_id)
