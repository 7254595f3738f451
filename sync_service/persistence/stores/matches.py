"""Match cases: candidates a person must tell apart, and the pairs a person told apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.matches import Candidate, MatchCase, MatchState
from sync_service.domain.streams import Stream
from sync_service.persistence.json_text import dump, load
from sync_service.persistence.moments import moment, moment_or_none, stamp, stamp_or_none
from sync_service.persistence.schema import state
from sync_service.persistence.transactions import Transaction

_CASES = (
    "SELECT t.id, t.stream, t.remote_id, t.candidates, t.key_digest, t.state, t.chosen, t.opened_at, t.decided_at,"
    " t.decided_by FROM match_cases AS t WHERE t.school_id = ? {conditions} ORDER BY t.id {limit} {lock}"
)
_CHANGING = ("candidates", "key_digest", "state", "chosen", "opened_at", "decided_at", "decided_by")


def _case(row: Sequence[Any]) -> MatchCase:
    case_id, stream, remote_id, candidates, digest, case_state, chosen, opened, decided, by = row
    return MatchCase(
        case_id=case_id,
        stream=Stream(stream),
        remote_id=remote_id,
        candidates=tuple(
            Candidate(local_id=local_id, reasons=tuple(reasons), score=score)
            for local_id, reasons, score in load(candidates)
        ),
        key_digest=digest,
        state=MatchState(case_state),
        chosen=chosen,
        opened_at=moment(opened),
        decided_at=moment_or_none(decided),
        decided_by=by,
    )


class Matches:
    """Cases; the remembered «not the same child» pairs are those of the rejected ones."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def open_for(self, stream: Stream, remote_ids: Iterable[RemoteId]) -> dict[RemoteId, MatchCase]:
        wanted = list(remote_ids)
        if not wanted:
            return {}
        found = self._select(stream, MatchState.OPEN, ("t.remote_id {texts}", wanted))
        return {case.remote_id: case for case in found}

    def _select(self, stream: Stream, case_state: MatchState, *more: tuple[str, Any]) -> list[MatchCase]:
        rows = self._tx.search(_CASES, ("t.stream = ?", stream.value), ("t.state = ?", case_state.value), *more)
        return [_case(row) for row in rows]

    def save(self, cases: Sequence[MatchCase]) -> list[int]:
        now = self._tx.now()
        new: list[tuple[Any, ...]] = []
        known: list[tuple[Any, ...]] = []
        for case in cases:
            changing = (
                dump([[c.local_id, c.reasons, c.score] for c in case.candidates]),
                case.key_digest,
                case.state.value,
                case.chosen,
                stamp(case.opened_at or now),
                stamp_or_none(case.decided_at),
                case.decided_by,
            )
            if case.case_id:
                known.append((case.case_id, *changing))
            else:
                new.append((case.stream.value, case.remote_id, *changing))
        self._tx.update(state.match_cases, _CHANGING, known)
        fresh = iter(self._tx.insert_new(state.match_cases, ("stream", "remote_id", *_CHANGING), new))
        return [case.case_id or next(fresh) for case in cases]

    def get(self, case_id: int) -> MatchCase | None:
        return next(map(_case, self._tx.search(_CASES, ("t.id = ?", case_id))), None)

    def cases(self, *, state: str | None = "open", decided_since: datetime | None = None) -> list[MatchCase]:
        since = stamp_or_none(decided_since)
        return [_case(row) for row in self._tx.search(_CASES, ("t.state = ?", state), ("t.decided_at >= ?", since))]

    def rejected_pairs(self, stream: Stream) -> dict[tuple[RemoteId, LocalId], str]:
        return {
            (case.remote_id, candidate.local_id): case.key_digest
            for case in self._select(stream, MatchState.REJECTED)  # in order: the latest decision stays
            for candidate in case.candidates
        }

    def open_locals(self, stream: Stream) -> set[LocalId]:
        return {c.local_id for case in self._select(stream, MatchState.OPEN) for c in case.candidates}
