"""The connector over a simulator that misbehaves: nothing is lost, nothing is done twice, nothing is believed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sync_service.domain.errors import (
    ContractError,
    LoginNeeded,
    OutcomeUnknown,
    RateLimited,
    SyncError,
    TransientError,
    Unreachable,
)
from sync_service.domain.streams import Stream
from sync_service.engine.ports import Op, WriteItem, WriteStatus
from tests.contract.worlds import EcpWorld


@pytest.fixture
def world() -> Iterator[EcpWorld]:
    made = EcpWorld()
    yield made
    made.close()


def rule(kind: str, route: str, times: int | None = 1, **params: Any) -> dict[str, Any]:
    return {"kind": kind, "match": {"route": route}, "times": times, "params": params}


def lessons(world: EcpWorld) -> set[str]:
    return {record.remote_id for page in world.pages(Stream.LESSONS) for record in page.records}


def mark(world: EcpWorld, ref: str = "a") -> WriteItem:
    return WriteItem(client_ref=ref, op=Op.CREATE, values=world.mark())


class TestReading:
    @pytest.mark.parametrize(
        ("kind", "params"),
        [
            ("rate_limited", {"retryAfter": 3}),
            ("rate_limited", {"retryAfter": None}),
            ("server_error", {}),
            ("unavailable", {}),
            ("html_ok", {}),
            ("unauthorized", {}),
            ("reset_before_commit", {}),
            ("truncated_body", {}),
            ("unknown_fields", {}),
            ("no_versions", {}),
            ("repeated_items", {}),
            ("reordered_items", {}),
            ("short_page", {"keep": 0.4, "honestTotal": True}),
        ],
    )
    def test_a_passing_fault_is_survived(self, world: EcpWorld, kind: str, params: dict[str, Any]) -> None:
        """One such answer on the way, and everything arrives all the same."""
        world.faults(rule(kind, "page", **params))
        assert lessons(world) == world.live(Stream.LESSONS).keys()

    @pytest.mark.parametrize(
        ("kind", "error", "params"),
        [
            ("rate_limited", RateLimited, {"retryAfter": 3600}),
            ("server_error", TransientError, {}),
            ("unavailable", Unreachable, {}),
            ("html_ok", TransientError, {}),
            ("unauthorized", LoginNeeded, {}),
            ("forbidden", ContractError, {}),
            ("not_found", ContractError, {}),
            ("reset_before_commit", Unreachable, {}),
            ("truncated_body", Unreachable, {}),
            ("gzip_bomb", ContractError, {}),
            ("raw", ContractError, {"status": 200, "contentType": "application/json", "body": "{"}),
            ("raw", ContractError, {"status": 200, "contentType": "application/json", "body": '{"items": []}'}),
        ],
    )
    def test_a_lasting_fault_is_an_error_and_never_an_empty_list(
        self, world: EcpWorld, kind: str, error: type[SyncError], params: dict[str, Any]
    ) -> None:
        world.faults(rule(kind, "page", None, **params))
        with pytest.raises(error):
            world.pages(Stream.LESSONS)
        world.faults()
        if kind != "rate_limited":
            assert lessons(world) == world.live(Stream.LESSONS).keys()

    @pytest.mark.parametrize("kind", ["empty_list", "short_page"])
    def test_a_shortened_delta_does_not_move_the_position(self, world: EcpWorld, kind: str) -> None:
        """200 with fewer records than there are: read again later, complete then."""
        cursor = world.cursor(Stream.LESSONS)
        world.bump(Stream.LESSONS)
        world.faults(rule(kind, "page", None))
        with pytest.raises(TransientError):
            world.pages(Stream.LESSONS, cursor)
        world.faults()
        pages = world.pages(Stream.LESSONS, cursor)
        assert {r.remote_id for page in pages for r in page.records} == world.live(Stream.LESSONS).keys()
        assert pages[-1].complete


class TestWriting:
    @pytest.mark.parametrize("kind", ["rate_limited", "unavailable", "unauthorized"])
    def test_what_was_surely_not_done_is_sent_again(self, world: EcpWorld, kind: str) -> None:
        world.faults(rule(kind, "batch"))
        (result,) = world.write(Stream.MARKS, mark(world))
        assert result.status is WriteStatus.DONE
        assert len(world.live(Stream.MARKS)) == 1

    @pytest.mark.parametrize(
        ("kind", "stored"),
        [
            ("commit_then_drop", 1),
            ("truncated_body", 1),
            ("reset_before_commit", 0),
            ("server_error", 0),
            ("html_ok", 0),
        ],
    )
    def test_what_may_have_been_done_is_sent_once(self, world: EcpWorld, kind: str, stored: int) -> None:
        """Unknown until read back; then the look-up tells the truth, and the same key does nothing twice."""
        world.faults(rule(kind, "batch"))
        with pytest.raises(OutcomeUnknown):
            world.write(Stream.MARKS, mark(world), key="k")
        assert len(world.remote.find(Stream.MARKS, client_refs=["a"]).records) == stored
        assert len(world.live(Stream.MARKS)) == stored
        (result,) = world.write(Stream.MARKS, mark(world), key="k")
        assert result.status is WriteStatus.DONE
        assert len(world.live(Stream.MARKS)) == 1

    def test_an_item_that_failed_alone_is_to_be_tried_later(self, world: EcpWorld) -> None:
        (made,) = world.write(Stream.MARKS, mark(world))
        again = WriteItem(
            client_ref="c", op=Op.UPDATE, remote_id=made.remote_id, version=made.version, values={"value": "4"}
        )
        world.faults(rule("item_error_500", "batch", indexes=[1]))
        other = WriteItem(client_ref="b", op=Op.CREATE, values=world.mark("2026-11-19"))
        assert [result.status for result in world.write(Stream.MARKS, other, again, key="k-2")] == [
            WriteStatus.DONE,
            WriteStatus.FAILED,
        ]

    def test_a_create_that_failed_alone_is_read_back_first(self, world: EcpWorld) -> None:
        world.faults(rule("item_error_500", "batch", indexes=[1]))
        items = [mark(world), WriteItem(client_ref="b", op=Op.CREATE, values=world.mark("2026-11-19"))]
        with pytest.raises(OutcomeUnknown):
            world.write(Stream.MARKS, *items)

    def test_a_normalising_region_tells_what_it_stored(self, world: EcpWorld) -> None:
        world.faults(rule("normalise", "batch"))
        result = world.create_by_write(Stream.MARKS, world.mark(comment="за диктант"))
        assert result.stored is not None
        assert result.stored.values["comment"] == "ЗА ДИКТАНТ"

    def test_a_key_answered_from_memory_for_another_batch_proves_nothing(self, world: EcpWorld) -> None:
        """A region that replays the stored answer whatever is sent: the results belong to other records."""
        world.settings(idempotency="replay_any")
        world.write(Stream.MARKS, mark(world), key="k")
        other = WriteItem(client_ref="b", op=Op.CREATE, values=world.mark("2026-11-19"))
        with pytest.raises(OutcomeUnknown):
            world.write(Stream.MARKS, other, key="k")


class TestTokens:
    def test_expired_tokens_are_renewed_in_passing(self, world: EcpWorld) -> None:
        before = len(world.tokens.saved)
        world.admin("tokens/expire", {})
        assert lessons(world) == world.live(Stream.LESSONS).keys()
        assert len(world.tokens.saved) == before + 1

    def test_a_rejected_refresh_stops_the_school_until_a_person_acts(self, world: EcpWorld) -> None:
        world.reject_tokens()
        for _ in range(2):
            with pytest.raises(LoginNeeded):
                world.remote.change_versions()
        assert world.remote.connection_state() == "login_needed"
        world.log_in_again()
        world.remote.change_versions()
        assert world.remote.connection_state() == "ok"

    def test_another_school_s_data_is_refused(self, world: EcpWorld) -> None:
        with pytest.raises(ContractError):
            world.as_another_school().change_versions()


class TestLookUps:
    @pytest.mark.parametrize(
        ("route", "kind"), [("search", "html_ok"), ("available", "html_ok"), ("available", "raw")]
    )
    def test_a_failed_look_up_is_never_not_found(self, world: EcpWorld, route: str, kind: str) -> None:
        """Otherwise a failed look-up could create a pupil."""
        broken = {"status": 200, "contentType": "application/json", "body": "{}"}
        world.faults(rule(kind, route, None, **(broken if kind == "raw" else {})))
        with pytest.raises(SyncError):
            world.look_up(route)
