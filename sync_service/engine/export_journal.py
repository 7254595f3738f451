"""The journal of some days for an incident (152-ФЗ, article 21): who did what, and what proves the chain.

Every entry carries the digest of the one before it and those of its records, so that whoever gets the file can
recompute its digest and see that nothing in it was changed. Values of records are not in it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.errors import DecisionError
from sync_service.domain.links import LocalId
from sync_service.domain.rules.text import plain_cell
from sync_service.domain.streams import Stream
from sync_service.engine import queries_words as words
from sync_service.engine.decisions import Desk, journal
from sync_service.engine.queries_captions import load_captions
from sync_service.engine.queries_journal import ACTS
from sync_service.engine.stores import ChainedEntry

CAUSE = "journal:export"
MOST_ENTRIES = 100_000
FORMATS = ("json", "csv")
DIGESTS = (
    "blake2b, 16 bytes, of: previous; length of the header, 4 bytes, big endian; header; digest of every record."
    " The header is compact JSON: [seq, at, actor, act, cause, note, records],"
    " with [stream, act, local_id, student_id] for every record, in entries without form 2"
    " [stream, act, local_id, remote_id, student_id]."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries: days of the school's zone, the last one included; of one person, pupil or run."""

    first: date
    last: date
    actor: str | None = None
    student: int | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalExport:
    """``content`` is UTF-8."""

    name: str
    content: bytes
    entries: int
    first_seq: int | None
    last_seq: int | None
    broken: str | None  # what ``audit verify`` says


def export_journal(desk: Desk, wanted: Wanted, kind: str) -> JournalExport:
    """The file; that it was taken, and whom it names, is in the journal before anybody has it.

    Raises DecisionError for days in the wrong order or outside of the calendar, and for more than
    :data:`MOST_ENTRIES` entries.
    """
    if wanted.last < wanted.first:
        raise DecisionError("Последний день раньше первого: поменяйте их местами.")
    zone = ZoneInfo(desk.school.zone)
    try:
        since, until = (
            datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
            for day in (wanted.first, wanted.last + timedelta(days=1))
        )
    except OverflowError:
        raise DecisionError("Такого дня в журнале быть не может. Проверьте год.") from None
    with desk.db.read(desk.school.school_id) as uow:
        entries = uow.audited.chained(
            since, until, limit=MOST_ENTRIES + 1, actor=wanted.actor, student=wanted.student, cause=wanted.run
        )
        if len(entries) > MOST_ENTRIES:
            raise DecisionError(f"За эти дни больше {MOST_ENTRIES} записей. Возьмите меньше дней.")
        pupils = sorted({item.student_id for entry in entries for item in entry.items if item.student_id is not None})
        captions = load_captions(uow, {Stream.STUDENTS: {LocalId(pupil) for pupil in pupils}})
        broken = uow.audit.verify()
    names = {pupil: captions.pupil(pupil) for pupil in pupils}
    content = _csv(desk, entries, names) if kind == "csv" else _json(desk, wanted, entries, names, broken)
    _note(desk, wanted, pupils, len(entries))
    return JournalExport(
        name=f"journal-{desk.school.code}-{wanted.first:%Y-%m-%d}-{wanted.last:%Y-%m-%d}.{kind}",
        content=content,
        entries=len(entries),
        first_seq=entries[0].seq if entries else None,
        last_seq=entries[-1].seq if entries else None,
        broken=broken,
    )


def _note(desk: Desk, wanted: Wanted, pupils: list[int], entries: int) -> None:
    items = tuple(
        AuditItem(stream=Stream.STUDENTS, act=Act.VIEW, local_id=LocalId(pupil), student_id=pupil) for pupil in pupils
    )
    with desk.db.write(desk.school.school_id) as uow:
        note = f"{entries} entries of {wanted.first} to {wanted.last}"
        journal(uow, desk, Act.VIEW, CAUSE, stream=Stream.STUDENTS, items=items, note=note)
        uow.commit()


def _json(
    desk: Desk, wanted: Wanted, entries: list[ChainedEntry], names: Mapping[int, str], broken: str | None
) -> bytes:
    document: dict[str, Any] = {
        "school": desk.school.code,
        "school_name": desk.school.name,
        "first_day": wanted.first.isoformat(),
        "last_day": wanted.last.isoformat(),
        "zone": desk.school.zone,
        "made_at": desk.now().isoformat(),
        "made_by": desk.actor,
        "chain": "broken: " + broken if broken else "holds",
        "digests": DIGESTS,
        "entries": [_entry(entry, names) for entry in entries],
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def _entry(entry: ChainedEntry, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "at": f"{entry.at:%Y-%m-%dT%H:%M:%S.%fZ}",  # as the digest was made of it
        "actor": entry.actor,
        "act": entry.act,
        "act_text": ACTS.get(entry.act, entry.act),
        "cause": entry.cause,
        "note": entry.note,
        "previous": entry.previous.hex(),
        "digest": entry.digest.hex(),
        "form": entry.form,
        "records": [
            {
                "stream": item.stream,
                "act": item.act,
                "local_id": item.local_id,
                "remote_id": item.remote_id,
                "student_id": item.student_id,
                "student": names.get(item.student_id) if item.student_id is not None else None,
                "digest": item.digest.hex(),
            }
            for item in entry.items
        ],
    }


def _csv(desk: Desk, entries: list[ChainedEntry], names: Mapping[int, str]) -> bytes:
    """One line for an entry; the times of the school beside those in UTC."""
    out = StringIO()
    table = csv.writer(out, delimiter=";")
    table.writerow(
        ("номер", "когда", "когда (UTC)", "кто", "что", "причина", "записей", "ученики", "прежний хеш", "хеш")
    )
    for entry in entries:
        at = entry.at.isoformat()
        pupils = dict.fromkeys(names[i.student_id] for i in entry.items if i.student_id is not None)
        row = (
            entry.seq,
            words.moment_of(at, desk.school.zone),
            at,
            entry.actor,
            ACTS.get(entry.act, entry.act),
            entry.cause,
            len(entry.items),
            "; ".join(pupils),
            entry.previous.hex(),
            entry.digest.hex(),
        )
        table.writerow([plain_cell(cell) if isinstance(cell, str) else cell for cell in row])
    return b"\xef\xbb\xbf" + out.getvalue().encode()
