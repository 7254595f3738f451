"""Possible doubles: a regional record beside the cards it may belong to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync_service.domain.errors import NoSuchCase
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matches import Candidate, MatchCase
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import SPECS, Stream
from sync_service.engine import queries_words as words
from sync_service.engine.context import School
from sync_service.engine.queries_captions import Captions, load_captions, person_name
from sync_service.engine.queries_relatives import ComparedField, relatives
from sync_service.engine.release_findings import PERSON_PREFIX
from sync_service.engine.stores import Database, UnitOfWork

_Records = Mapping[tuple[Stream, RemoteId], Values]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRow:
    """A card of the school that may be the same; ``why`` says in words what speaks for and against it."""

    local_id: int
    caption: str
    score: int
    reasons: tuple[str, ...]
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRow:
    """One question. ``about`` is «record» (a regional card) or «person» (somebody in «доступные для
    зачисления» whose card we hold); moments are ISO 8601 in UTC."""

    id: int
    school: str
    stream: str
    about: str
    remote_id: str
    caption: str
    state: str
    chosen: int | None
    candidates: tuple[CandidateRow, ...]
    opened_at: str | None
    decided_at: str | None
    decided_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchView(MatchRow):
    compared: tuple[ComparedField, ...]


def match_rows(
    db: Database, school: School, *, state: str | None = "open", decided_since: datetime | None = None
) -> list[MatchRow]:
    """Cases in ``state`` (None: all), oldest first; ``decided_since``: only what was decided since then."""
    with db.read(school.school_id) as uow:
        cases = uow.matches.cases(state=state, decided_since=decided_since)
        records, captions = _load(uow, cases)
    return [MatchRow(**_row(school, case, records, captions)) for case in cases]


def match_view(db: Database, school: School, case_id: int) -> MatchView:
    """One case with its candidates as columns. Raises DecisionError when there is none."""
    with db.read(school.school_id) as uow:
        case = uow.matches.get(case_id)
        if case is None:
            raise NoSuchCase(f"Двойники {case_id}: нет такой записи. Обновите список.")
        records, captions = _load(uow, [case])
        remote_id = None if case.remote_id.startswith(PERSON_PREFIX) else case.remote_id
        around = tuple(relatives(uow, case, remote_id))
    return MatchView(**_row(school, case, records, captions), compared=_compared(case, records, captions) + around)


def _load(uow: UnitOfWork, cases: Sequence[MatchCase]) -> tuple[dict[tuple[Stream, RemoteId], Values], Captions]:
    """What the region says: from the record set aside, or, once decided, from the base of its link."""
    wanted: dict[Stream, set[LocalId]] = defaultdict(set)
    asked: dict[Stream, set[RemoteId]] = defaultdict(set)
    for case in cases:
        wanted[case.stream].update(c.local_id for c in case.candidates)
        if not case.remote_id.startswith(PERSON_PREFIX):
            asked[case.stream].add(case.remote_id)
    records: dict[tuple[Stream, RemoteId], Values] = {}
    for stream, ids in asked.items():
        for remote_id, link in uow.links.by_remote(stream, ids).items():
            records[stream, remote_id] = link.base.remote
        for parked in uow.inbox.parked(stream, remote_ids=ids):
            records[stream, parked.record.remote_id] = parked.record.values
    return records, load_captions(uow, wanted)


def _row(school: School, case: MatchCase, records: _Records, captions: Captions) -> dict[str, Any]:
    person = case.remote_id.startswith(PERSON_PREFIX)
    values = records.get((case.stream, case.remote_id))
    if person:
        caption = f"Человек из списка доступных для зачисления: {captions.of(case.stream, _first(case))}"
    else:
        caption = person_name(values) if values else words.NOTHING
    return {
        "id": case.case_id,
        "school": school.code,
        "stream": case.stream.value,
        "about": "person" if person else "record",
        "remote_id": case.remote_id.removeprefix(PERSON_PREFIX),
        "caption": caption or words.NOTHING,
        "state": case.state.value,
        "chosen": case.chosen,
        "candidates": tuple(_candidate(case.stream, candidate, captions) for candidate in case.candidates),
        "opened_at": case.opened_at.isoformat() if case.opened_at else None,
        "decided_at": case.decided_at.isoformat() if case.decided_at else None,
        "decided_by": case.decided_by,
    }


def _first(case: MatchCase) -> Scalar:
    return case.candidates[0].local_id if case.candidates else None


def _candidate(stream: Stream, candidate: Candidate, captions: Captions) -> CandidateRow:
    pupil = stream is Stream.STUDENTS
    return CandidateRow(
        local_id=candidate.local_id,
        caption=captions.pupil(candidate.local_id) if pupil else captions.of(stream, candidate.local_id),
        score=candidate.score,
        reasons=candidate.reasons,
        why=tuple(words.reason(code) for code in candidate.reasons),
    )


def _compared(case: MatchCase, records: _Records, captions: Captions) -> tuple[ComparedField, ...]:
    """Every field that somebody has a value for; references are left to the captions."""
    values = records.get((case.stream, case.remote_id), {})
    cards = [captions.row(case.stream, c.local_id) for c in case.candidates]
    spec = SPECS[case.stream]
    return tuple(
        ComparedField(
            field=name,
            title=words.FIELDS[name],
            gis=words.value(case.stream, name, values.get(name)),
            cards=tuple(words.value(case.stream, name, card.get(name)) for card in cards),
        )
        for name in spec.fields
        if name not in spec.references and name != "person_id" and any(row.get(name) for row in (values, *cards))
    )
