"""A batch the region refuses as a whole: one bad record never stops the feed, many alike are the stream's error."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from sync_service.domain.errors import ContractError
from sync_service.domain.reports import RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.ports import WriteItem, WriteResult
from tests.unit.engine.test_both_ways import seeded
from tests.unit.engine.world import World

MARKS = 40
TOO_LARGE = "marks: the region answered 413; the contract does not foresee this, compare it with openapi.yaml"


def many_marks(world: World, *bad: int) -> list[int]:
    """Marks of one lesson; those at the positions ``bad`` make a batch one that the region refuses."""
    seeded(world)
    student, lesson = world.rows("students")[0]["id"], world.rows("lessons")[1]["id"]
    return [
        world.insert(
            "marks",
            student_id=student,
            lesson_id=lesson,
            value="4",
            weight=1,
            position=position,
            comment="яд" if position in bad else None,
        )
        for position in range(1, MARKS + 1)
    ]


def refusing(world: World, monkeypatch: pytest.MonkeyPatch, refuses: Callable[[Sequence[WriteItem]], bool]) -> None:
    write = world.remote.write

    def strict(stream: Stream, items: Sequence[WriteItem], *, key: str) -> list[WriteResult]:
        if refuses(items):
            world.remote.calls["write"] += 1
            raise ContractError(TOO_LARGE)
        return write(stream, items, key=key)

    monkeypatch.setattr(world.remote, "write", strict)


def poisoned(items: Sequence[WriteItem]) -> bool:
    return any(item.values.get("comment") == "яд" for item in items)


def test_what_is_refused_by_itself_is_set_aside_and_the_rest_arrives(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = many_marks(world, 7, 8, 31)
    refusing(world, monkeypatch, poisoned)
    report = world.sync()
    assert report.status is RunStatus.COMPLETED_WITH_ERRORS
    counts = report.streams[Stream.MARKS].push
    assert (counts.acked, counts.rejected, counts.balances) == (MARKS - 3, 3, True)
    assert report.streams[Stream.MARKS].error is None
    assert {(item["code"], item["local_id"]) for item in world.rows("quarantine")} == {
        ("refused_whole", rows[position - 1]) for position in (7, 8, 31)
    }
    sent = world.remote.calls["write"]
    assert sent <= 30  # three times a way down from forty, not a request for each record
    assert world.sync().status is RunStatus.SUCCEEDED
    assert world.remote.calls["write"] == sent
    world.update("marks", rows[6], comment=None)
    assert world.sync().streams[Stream.MARKS].push.acked == 1
    assert len(world.rows("quarantine")) == 2


def test_when_nothing_passes_no_record_is_at_fault(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream has the error, a few requests were made, and everything stays due."""
    many_marks(world)
    refusing(world, monkeypatch, lambda _: True)
    before = world.remote.calls["write"]
    report = world.sync()
    assert report.streams[Stream.MARKS].error == f"ContractError: {TOO_LARGE}"
    assert world.remote.calls["write"] - before <= 20
    assert world.rows("quarantine") == []
    assert {entry["state"] for entry in world.rows("outbox")} == {"pending"}
    monkeypatch.undo()
    assert world.sync().streams[Stream.MARKS].push.acked == MARKS


def test_batches_that_are_too_large_leave_in_smaller_ones(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    many_marks(world)
    refusing(world, monkeypatch, lambda items: len(items) > 12)
    report = world.sync()
    assert report.status is RunStatus.SUCCEEDED
    assert report.streams[Stream.MARKS].push.acked == MARKS
    assert world.rows("quarantine") == []
