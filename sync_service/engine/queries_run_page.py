"""One run as people read it: where a failure lies first, then stages, then counts that add up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sync_service.domain.reports import PullCounts, PushCounts, RunReport, RunStatus, Stage, StreamReport
from sync_service.domain.streams import BOTH_WAYS, Stream
from sync_service.engine import queries_words as words
from sync_service.engine.context import School
from sync_service.engine.failure_words import FailureWords, of_run, words_of
from sync_service.engine.queries_runs import run_report, seen_now
from sync_service.engine.stores import Database

PULLED: dict[str, str] = {
    "applied": "записано",
    "unchanged": "без изменений",
    "conflicts": "расхождений",
    "waiting": "ждут",
    "held": "задержано",
    "rejected": "не принято",
    "erased": "уничтожено ранее",
}
PUSHED: dict[str, str] = {
    "acked": "принято ГИС",
    "unchanged": "уже совпадает",
    "conflicts": "расхождений",
    "waiting": "ждут",
    "retrying": "повторим",
    "unknown": "проверим, дошло ли",
    "held": "задержано",
    "rejected": "не принято",
}
STAGES: dict[Stage, str] = {
    Stage.READING: "Читаем ГИС",
    Stage.COMPARING: "Сравниваем целиком",
    Stage.SENDING: "Отправляем в ГИС",
}
STATUS_KIND: dict[RunStatus, str] = {
    RunStatus.RUNNING: "info",
    RunStatus.SUCCEEDED: "ok",
    RunStatus.COMPLETED_WITH_ERRORS: "warn",
    RunStatus.HELD: "warn",
    RunStatus.LOGIN_NEEDED: "danger",
    RunStatus.INTERRUPTED: "warn",
    RunStatus.FAILED: "danger",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """``total`` is the sum of ``parts`` (outcome, count) exactly when ``balances``."""

    total: int
    parts: tuple[tuple[str, int], ...]
    balances: bool

    @property
    def shown(self) -> tuple[tuple[str, int], ...]:
        return tuple(part for part in self.parts if part[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One stream of a run; ``sent`` is None for a stream that is only read."""

    stream: str
    title: str
    read: Sum
    sent: Sum | None
    waiting: tuple[tuple[str, int], ...]
    failure: FailureWords | None
    detail: str

    @property
    def idle(self) -> bool:
        return not (self.read.total or (self.sent and self.sent.total) or self.failure)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailure:
    """Why a run or streams of it did not come to an end; ``titles`` are the streams (none: the whole run)."""

    words: FailureWords
    titles: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """Moments are ISO 8601 in UTC; ``steps`` are (title, done | now | ahead), empty when nobody can tell."""

    id: str
    status: str
    status_text: str
    kind: str
    running: bool
    started_at: str
    finished_at: str | None
    seconds: int | None
    steps: tuple[tuple[str, str], ...]
    at: str | None
    failures: tuple[RunFailure, ...]
    read: Sum
    sent: Sum
    lines: tuple[RunLine, ...]
    idle: tuple[str, ...]
    waiting: tuple[tuple[str, int], ...]
    not_released: int
    enrolled: int

    @property
    def rejected(self) -> int:
        return sum(dict(total.parts)["rejected"] for total in (self.read, self.sent))

    @property
    def failed(self) -> int:
        """What may be tried again: set aside, or the region was too busy for it."""
        return self.rejected + dict(self.sent.parts)["retrying"]

    @property
    def held(self) -> int:
        return sum(dict(total.parts)["held"] for total in (self.read, self.sent))


def run_page(db: Database, school: School, run_id: str) -> RunView | None:
    """One run as it is known now; None when there is none."""
    report = run_report(db, school, run_id)
    return None if report is None else view_of(report)


def run_pages(db: Database, school: School, *, limit: int) -> list[RunView]:
    """The latest runs, newest first."""
    reports = seen_now(db, school.school_id, db.runs.latest(school.school_id, limit))
    return [view_of(report) for report in reports]


def view_of(report: RunReport) -> RunView:
    pulled = _pulled(report)
    lines = [_line(stream, report.streams[stream], pulled) for stream in Stream if stream in report.streams]
    waiting: dict[str, int] = {}
    for entry in report.streams.values():
        for why, count in entry.waiting.items():
            waiting[why] = waiting.get(why, 0) + count
    running = report.status is RunStatus.RUNNING
    return RunView(
        id=report.run_id,
        status=report.status.value,
        status_text=words.RUN_STATUS[report.status],
        kind=STATUS_KIND[report.status],
        running=running,
        started_at=report.started_at,
        finished_at=report.finished_at,
        seconds=_seconds(report),
        steps=_steps(report),
        at=words.STREAMS[report.at] if running and report.at else None,
        failures=_failures(report, lines),
        read=_add([line.read for line in lines], pulled),
        sent=_add([line.sent for line in lines if line.sent], PUSHED),
        lines=tuple(line for line in lines if not line.idle),
        idle=tuple(line.title for line in lines if line.idle),
        waiting=_waiting(waiting),
        not_released=report.releases.not_released,
        enrolled=report.releases.enrolled,
    )


def _pulled(report: RunReport) -> dict[str, str]:
    """The outcomes that are shown; what was destroyed here only where the region still sends some of it."""
    erased = any(entry.pull.erased for entry in report.streams.values())
    return {name: text for name, text in PULLED.items() if erased or name != "erased"}


def _line(stream: Stream, entry: StreamReport, pulled: dict[str, str]) -> RunLine:
    return RunLine(
        stream=stream.value,
        title=words.STREAMS[stream],
        read=_sum(entry.pull, entry.pull.received, pulled),
        sent=_sum(entry.push, entry.push.queued, PUSHED) if stream in BOTH_WAYS else None,
        waiting=_waiting(entry.waiting),
        failure=words_of(entry.error) if entry.error else None,
        detail=entry.error or "",
    )


def _sum(counts: PullCounts | PushCounts, total: int, names: dict[str, str]) -> Sum:
    parts = tuple((name, getattr(counts, name)) for name in names)
    return Sum(total=total, parts=parts, balances=counts.balances)


def _add(sums: list[Sum], names: dict[str, str]) -> Sum:
    parts = tuple((name, sum(dict(one.parts)[name] for one in sums)) for name in names)
    return Sum(total=sum(one.total for one in sums), parts=parts, balances=all(one.balances for one in sums))


def _waiting(found: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((words.WAITING[why], count) for why, count in sorted(found.items()) if count)


def _failures(report: RunReport, lines: list[RunLine]) -> tuple[RunFailure, ...]:
    """What ended the run, then what ended streams, equal words once; what a person must mend before what heals."""
    found: dict[FailureWords, list[RunLine]] = {}
    for line in lines:
        if line.failure is not None:
            found.setdefault(line.failure, []).append(line)
    rows = [
        RunFailure(words=what, titles=tuple(line.title for line in failed), detail=failed[0].detail)
        for what, failed in found.items()
    ]
    rows.sort(key=lambda row: row.words.heals)
    ended = of_run(report)
    if ended is not None:
        rows.insert(0, RunFailure(words=ended, titles=(), detail=report.error or ""))
    return tuple(rows)


def _steps(report: RunReport) -> tuple[tuple[str, str], ...]:
    if report.status is RunStatus.RUNNING:
        order = list(STAGES)
        here = order.index(report.stage) if report.stage else 0
        return tuple(
            (title, "done" if place < here else "now" if place == here else "ahead")
            for place, title in enumerate([*STAGES.values(), "Готово"])
        )
    if report.status in (RunStatus.SUCCEEDED, RunStatus.COMPLETED_WITH_ERRORS, RunStatus.HELD):
        return tuple((title, "done") for title in (*STAGES.values(), "Готово"))
    return ()


def _seconds(report: RunReport) -> int | None:
    if report.finished_at is None:
        return None
    passed = datetime.fromisoformat(report.finished_at) - datetime.fromisoformat(report.started_at)
    return max(0, round(passed.total_seconds()))
