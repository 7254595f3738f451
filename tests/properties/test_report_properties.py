"""Honest green: a run succeeds exactly when everything balances and nothing failed or is held (invariant 11)."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.reports import Outcome, PullCounts, PushCounts, RunReport, RunStatus, StreamReport
from sync_service.domain.streams import BOTH_WAYS, Stream

FEW = st.sampled_from([0, 0, 0, 0, 1, 2])
PULL = tuple(outcome.value for outcome in Outcome)
PUSH = tuple(f.name for f in fields(PushCounts) if f.name != "queued")


@st.composite
def pulls(draw: st.DrawFn) -> PullCounts:
    counts = PullCounts()
    for outcome in Outcome:
        counts.add(outcome, draw(FEW))
    counts.received += draw(st.sampled_from([0, 0, 0, 0, 0, 1, -1]))
    return counts


@st.composite
def pushes(draw: st.DrawFn) -> PushCounts:
    counts = PushCounts()
    for name in PUSH:
        counts.add(name, draw(FEW))
    counts.queued += draw(st.sampled_from([0, 0, 0, 0, 0, 1, -1]))
    return counts


ERRORS = st.sampled_from([None, None, None, "marks: the region does not answer"])
STREAMS = st.builds(StreamReport, pull=pulls(), push=pushes(), error=ERRORS)
REPORTS = st.builds(
    RunReport,
    run_id=st.just("run"),
    school=st.just("12"),
    streams=st.dictionaries(st.sampled_from(list(Stream)), STREAMS, max_size=2),
    error=ERRORS,
)


@given(REPORTS)
def test_a_run_is_green_exactly_when_everything_balances(report: RunReport) -> None:
    status = report.conclude()
    balanced, failed, held = True, report.error is not None, False
    for stream in report.streams.values():
        balanced &= stream.pull.received == sum(getattr(stream.pull, name) for name in PULL)
        balanced &= stream.push.queued == sum(getattr(stream.push, name) for name in PUSH)
        failed |= stream.error is not None
        failed |= stream.pull.rejected + stream.push.rejected + stream.push.retrying + stream.push.unknown > 0
        held |= stream.pull.held + stream.push.held > 0
    assert (status is RunStatus.SUCCEEDED) == (balanced and not failed and not held)
    assert (status is RunStatus.HELD) == held
    assert status in (RunStatus.SUCCEEDED, RunStatus.HELD, RunStatus.COMPLETED_WITH_ERRORS)


@given(st.lists(st.tuples(st.sampled_from(Outcome), st.integers(0, 5))))
def test_received_records_are_the_sum_of_their_outcomes(counted: list[tuple[Outcome, int]]) -> None:
    counts = PullCounts()
    for outcome, count in counted:
        counts.add(outcome, count)
    assert counts.balances
    assert counts.received == sum(count for _, count in counted)
    assert all(getattr(counts, o.value) == sum(n for other, n in counted if other is o) for o in Outcome)


@given(st.lists(st.tuples(st.sampled_from(PUSH), st.integers(0, 5))))
def test_queued_records_are_the_sum_of_their_outcomes(counted: list[tuple[str, int]]) -> None:
    counts = PushCounts()
    for outcome, count in counted:
        counts.add(outcome, count)
    assert counts.balances
    assert counts.queued == sum(count for _, count in counted)


@given(REPORTS)
def test_the_report_is_a_json_document_of_the_documented_shape(report: RunReport) -> None:
    """Pull for every stream, push only for those that travel both ways; the numbers are those of the counts."""
    document = json.loads(json.dumps(report.to_json()))
    assert set(document) == {
        "run_id", "school", "status", "started_at", "finished_at", "streams", "releases", "error"
    }  # fmt: skip
    assert set(document["streams"]) == {stream.value for stream in report.streams}
    for stream, counts in report.streams.items():
        entry = document["streams"][stream.value]
        assert ("push" in entry) == (stream in BOTH_WAYS)
        assert {name: entry["pull"].get(name, 0) for name in PULL} == {
            name: getattr(counts.pull, name) for name in PULL
        }
        assert ("erased" in entry["pull"]) == bool(counts.pull.erased)
        assert entry["error"] == counts.error


def test_a_report_that_is_being_counted_on_is_copied_in_balance() -> None:
    """Whatever another thread is adding at the moment; what it added before is in the copy."""
    report = RunReport(run_id="r", school="s")
    report.stream(Stream.MARKS)
    ended = threading.Event()

    def count() -> None:
        for number in range(20_000):
            report.stream(Stream.MARKS).pull.add(Outcome.APPLIED)
            report.stream(Stream.MARKS).push.add("acked")
            report.stream(Stream.MARKS).waiting[f"reason {number % 50}"] = number
        ended.set()

    worker = threading.Thread(target=count)
    worker.start()
    copies = 0
    while not ended.is_set():
        with suppress(RuntimeError):  # a reason was being added: the next try succeeds
            entry = report.so_far().streams[Stream.MARKS]
            assert entry.pull.balances
            assert entry.push.balances
            copies += 1
    worker.join()
    assert copies
    assert report.so_far().streams[Stream.MARKS].pull.applied == 20_000
