"""One word per stream, and its cause: what the state page says, decided from plain figures.

Trouble comes first, and age alone is the least of it: a stream is late only when nothing says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine import queries_words as words
from sync_service.engine.failure_words import ADMIN, WORDS, FailureWords, Origin, set_aside, words_of
from sync_service.engine.queries import StreamStatus
from sync_service.engine.stores import SignatureCount

TARGET_INTERVALS = 3  # one missed run is no delay
SHORTEST_TARGET = 900.0


class Word(StrEnum):
    """How a stream stands; the order is that of urgency."""

    STOPPED = "Остановлен"
    LOGIN = "Нужен вход"
    HELD = "Задержано"
    LATE = "Опаздывает"
    WORKS = "Работает"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a stream does not simply work. ``path`` is the page where one acts (empty: nowhere), ``since`` the
    first failure of an unbroken row, ``detail`` the technical words."""

    words: FailureWords
    path: str = ""
    verb: str = ""
    since: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    word: Word
    late: bool
    cause: Cause | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """The error a stream ended with when it was last tried, and since when."""

    error: str
    since: str


def target_of(interval: float) -> float:
    """How old, in seconds, a stream may be that is read every ``interval`` seconds."""
    return max(SHORTEST_TARGET, TARGET_INTERVALS * interval)


def failing(reports: Iterable[RunReport], stream: Stream) -> Failing | None:
    """What the newest runs say of a stream; runs that are under way or were asked to stop say nothing."""
    found: Failing | None = None
    for report in reports:
        entry = report.streams.get(stream)
        if entry is None or report.status in (RunStatus.RUNNING, RunStatus.INTERRUPTED, RunStatus.LOGIN_NEEDED):
            continue
        error = entry.error or (report.error if report.status is RunStatus.FAILED else None)
        if error is None:
            return found
        found = Failing(error=found.error if found else error, since=report.finished_at or report.started_at)
    return found


def judge(
    status: StreamStatus,
    *,
    target: float,
    interval: float,
    now: datetime,
    needs_login: bool,
    scheduled: bool,
    trouble: Failing | None,
    refused: SignatureCount | None,
) -> Verdict:
    """``scheduled``: somebody keeps the schedule of the school; ``refused`` is the largest group of records in
    quarantine. A pause the schedule itself has planned makes nothing late."""
    late = (status.lag_seconds is None or status.lag_seconds > target) and not _pauses(status, interval, now)
    if needs_login:
        enter = Cause(words=WORDS["LoginNeeded"], path="/connection", verb="Ввести ключ")
        return Verdict(word=Word.LOGIN, late=late, cause=enter)
    if trouble is not None:
        what = words_of(trouble.error)
        word = Word.STOPPED if not what.heals else Word.LATE if late else Word.WORKS
        return Verdict(word=word, late=late, cause=Cause(words=what, since=trouble.since, detail=trouble.error))
    if status.held:
        return Verdict(word=Word.HELD, late=late, cause=_held(status.held))
    if late and not scheduled:
        return Verdict(word=Word.STOPPED, late=True, cause=Cause(words=_UNSCHEDULED))
    cause = None if refused is None else _refused(refused)
    if late:
        return Verdict(word=Word.LATE, late=True, cause=cause or Cause(words=_BEHIND))
    return Verdict(word=Word.WORKS, late=False, cause=cause)


def _pauses(status: StreamStatus, interval: float, now: datetime) -> bool:
    """Whether the next run is further away than an interval: a blackout."""
    if status.next_run_at is None:
        return False
    return (datetime.fromisoformat(status.next_run_at) - now).total_seconds() > interval


_UNSCHEDULED = FailureWords(
    origin=Origin.OURS,
    what="Следующая сверка не назначена: служба не запущена.",
    todo="Запустите службу или сверьте сейчас кнопкой вверху.",
    who=ADMIN,
)
_BEHIND = FailureWords(
    origin=Origin.OURS,
    what="Давно не сверялось.",
    todo="Ничего делать не нужно: догоним сами при следующей сверке.",
    who="никто",
    heals=True,
)


def _held(count: int) -> Cause:
    return Cause(
        words=FailureWords(
            origin=Origin.SCHOOL,
            what=f"Изменений больше, чем бывает обычно: {count}. Ни одно из них не выполнено.",
            todo="Посмотрите их и решите: пропустить или отказаться.",
            who="секретарь или директор",
        ),
        path="/holds",
        verb="Посмотреть задержанное",
    )


def _refused(group: SignatureCount) -> Cause:
    remedy = words.remedy(group.direction, group.code)
    return Cause(
        words=set_aside(group.count, remedy, pulled=group.direction == "pull"),
        path="/quarantine",
        verb="Разобрать",
        detail=group.reason,
    )
