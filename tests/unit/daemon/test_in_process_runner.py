"""Runs in threads: one per school at a time, several schools at once, requests merged."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from sync_service.domain.errors import TransientError
from sync_service.domain.streams import Stream
from sync_service.runner.in_process import InProcessRunner, RunRequest

WAIT = 20.0  # a limit for a broken runner, not a pace


class Work:
    """Records what is executed; runs wait at the gate while it is closed."""

    def __init__(self) -> None:
        self.done: list[RunRequest] = []
        self.gate = threading.Event()
        self.gate.set()
        self.errors: list[Exception] = []
        self.running: Counter[str] = Counter()
        self.most_of_a_school = 0
        self.most = 0
        self._changed = threading.Condition()

    def execute(self, request: RunRequest) -> None:
        with self._changed:
            self.running[request.school] += 1
            self.most_of_a_school = max(self.most_of_a_school, self.running[request.school])
            self.most = max(self.most, self.running.total())
            self._changed.notify_all()
        self.gate.wait(WAIT)
        with self._changed:
            self.running[request.school] -= 1
            self.done.append(request)
            self._changed.notify_all()
        if self.errors:
            raise self.errors.pop()

    def until_running(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.running.total() == count, WAIT)

    def until_done(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.done) == count, WAIT)

    def until_all_ran(self, schools: str, streams: list[Stream]) -> None:
        wanted = {(school, stream) for school in schools for stream in streams}
        with self._changed:
            assert self._changed.wait_for(
                lambda: {(request.school, stream) for request in self.done for stream in request.streams} == wanted,
                WAIT,
            )


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def runner(work: Work) -> Iterator[InProcessRunner]:
    made = InProcessRunner(work.execute, workers=3)
    yield made
    work.gate.set()
    assert made.end(WAIT)


def test_a_request_is_executed(work: Work, runner: InProcessRunner) -> None:
    """With its school, streams and trigger."""
    runner.request("a", [Stream.MARKS], trigger="schedule")
    work.until_done(1)
    assert work.done == [RunRequest(school="a", streams=frozenset({Stream.MARKS}), trigger="schedule")]


def test_a_request_for_nothing_is_none(work: Work, runner: InProcessRunner) -> None:
    """A tick that finds nothing due starts no run."""
    runner.request("a", [], trigger="schedule")
    assert runner.end(WAIT)
    assert work.done == []


def test_schools_run_side_by_side_and_a_school_one_run_at_a_time(work: Work, runner: InProcessRunner) -> None:
    """Two requests for a running school wait and become one run of both their streams."""
    work.gate.clear()
    runner.request("a", [Stream.MARKS], trigger="schedule")
    runner.request("b", [Stream.MARKS], trigger="schedule")
    work.until_running(2)
    runner.request("a", [Stream.CLASSES], trigger="schedule")
    runner.request("a", [Stream.LESSONS], trigger="catch_up")
    work.gate.set()
    work.until_done(3)
    assert (work.most, work.most_of_a_school) == (2, 1)
    of_a = [request for request in work.done if request.school == "a"]
    assert [request.streams for request in of_a] == [{Stream.MARKS}, {Stream.CLASSES, Stream.LESSONS}]


def test_requests_from_many_threads_leave_one_run_a_school_at_a_time(work: Work, runner: InProcessRunner) -> None:
    """However they interleave, no school has two runs and every stream gets its turn."""
    streams = list(Stream)

    def ask(stream: Stream) -> None:
        for school in "abcd":
            runner.request(school, [stream], trigger="schedule")

    askers = [threading.Thread(target=ask, args=(stream,)) for stream in streams]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    work.until_all_ran("abcd", streams)
    assert work.most_of_a_school == 1


@pytest.mark.parametrize("error", [TransientError("the region is away"), ValueError("Иванов Пётр")])
def test_a_failed_run_does_not_end_its_thread(work: Work, runner: InProcessRunner, error: Exception) -> None:
    """The error is logged, without the words of an error that is not ours, and the next request runs."""
    work.errors = [error]
    with capture_logs() as logs:
        runner.request("a", [Stream.MARKS], trigger="schedule")
        work.until_done(1)
        runner.request("a", [Stream.MARKS], trigger="schedule")
        work.until_done(2)
    assert [entry["error"] for entry in logs] == [type(error).__name__]
    assert "Иванов" not in str(logs)


def test_the_end_waits_for_what_runs_and_begins_nothing(work: Work) -> None:
    """A request that has not begun is dropped; its streams are due again at the next start."""
    runner = InProcessRunner(work.execute, workers=1)
    work.gate.clear()
    runner.request("a", [Stream.MARKS], trigger="schedule")
    work.until_running(1)
    runner.request("b", [Stream.MARKS], trigger="schedule")
    assert not runner.end(0.01)
    runner.request("c", [Stream.MARKS], trigger="schedule")
    work.gate.set()
    assert runner.end(WAIT)
    assert [request.school for request in work.done] == ["a"]
