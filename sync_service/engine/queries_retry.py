"""What a retry of a run's failures would try, by reason, with the first records by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import LocalId
from sync_service.domain.outbox import Entry
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.engine.queries_captions import load_captions
from sync_service.engine.queries_quarantine_words import plain_reason
from sync_service.engine.queries_unread import Content, Names, contents
from sync_service.engine.retry_failed import Failed
from sync_service.engine.stores import Database

SAMPLES = 5
BUSY = "ГИС не ответила вовремя: запись ждала следующей попытки"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryGroup:
    """``direction`` is «pull» (read again now) or «push» (sent with the next run); ``titles`` are the captions of
    the fields concerned, ``samples`` names of the first records, None where nobody can tell."""

    stream: str
    direction: str
    titles: tuple[str, ...]
    what: str
    count: int
    samples: tuple[str | None, ...]
    student_ids: tuple[int | None, ...]


def retry_groups(db: Database, school: School, failed: Failed, names: Names) -> list[RetryGroup]:
    """The largest group first."""
    by_reason: dict[str, list[QuarantineItem]] = defaultdict(list)
    for item in failed.items:
        by_reason[item.group].append(item)
    shown = [item.item_id for items in by_reason.values() for item in items[:SAMPLES]]
    said = contents(db, school, shown, names)
    groups = [_set_aside(items, said, names) for items in by_reason.values()]
    groups += _busy(db, school, failed.entries)
    return sorted(groups, key=lambda group: -group.count)


def _set_aside(items: Sequence[QuarantineItem], said: dict[int, Content], names: Names) -> RetryGroup:
    first = items[0]
    why = plain_reason(first.direction, first.code, first.signature, first.reason, names.get(first.stream, {}))
    samples = [said[item.item_id] for item in items[:SAMPLES]]
    return RetryGroup(
        stream=first.stream.value,
        direction=first.direction,
        titles=why.titles,
        what=why.what,
        count=len(items),
        samples=tuple(one.caption for one in samples),
        student_ids=tuple(one.student_id for one in samples),
    )


def _busy(db: Database, school: School, entries: Sequence[Entry]) -> list[RetryGroup]:
    by_stream: dict[Stream, list[LocalId]] = defaultdict(list)
    for entry in entries:
        by_stream[entry.stream].append(entry.local_id)
    with db.read(school.school_id) as uow:
        captions = load_captions(uow, {stream: set(ids[:SAMPLES]) for stream, ids in by_stream.items()})
    return [
        RetryGroup(
            stream=stream.value,
            direction="push",
            titles=(),
            what=BUSY,
            count=len(ids),
            samples=tuple(captions.of(stream, local_id) for local_id in ids[:SAMPLES]),
            student_ids=tuple(captions.student_id(stream, local_id) for local_id in ids[:SAMPLES]),
        )
        for stream, ids in by_stream.items()
    ]
