"""Every fault of the simulator in the middle of a busy day: what was missed is never green, and once the fault is
over both sides agree, with nothing lost and nothing doubled.

The kinds are the simulator's own list, so that a new one is tested from the day it exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connectors.ecp.simulator.faults import KINDS
from sync_service.cli.exit_codes import ExitCode
from sync_service.domain.reports import RunReport
from tests.acceptance.agreement import Portrait, disagreements
from tests.acceptance.office import Office, office, region
from tests.acceptance.working_day import (
    PAGE_SIZE,
    assert_everything_arrived,
    copied,
    edit_both_sides,
    import_files,
    write_files,
)

Rule = dict[str, Any]

# How each kind is set for a whole run; waits are the program's, which pass at once here.
FAULTS: dict[str, Rule] = {
    "rate_limited-seconds": {"kind": "rate_limited", "params": {"retryAfter": 600}},
    "rate_limited-date": {"kind": "rate_limited", "params": {"retryAfter": "Fri, 20 Nov 2026 06:00:00 GMT"}},
    "rate_limited-silent": {"kind": "rate_limited", "params": {"retryAfter": None}},
    "server_error": {"kind": "server_error"},
    "bad_gateway": {"kind": "server_error", "params": {"status": 502}},
    "unavailable": {"kind": "unavailable"},
    "unavailable-later": {"kind": "unavailable", "params": {"retryAfter": 1800}},
    "html_ok": {"kind": "html_ok"},
    "unauthorized": {"kind": "unauthorized"},
    "forbidden": {"kind": "forbidden"},
    "not_found": {"kind": "not_found"},
    "reset_before_commit": {"kind": "reset_before_commit"},
    "raw-no-json": {"kind": "raw", "params": {"status": 200, "body": '{"items": ['}},
    "raw-other-shape": {"kind": "raw", "params": {"status": 200, "body": '{"items": {}, "results": []}'}},
    "raw-teapot": {"kind": "raw", "params": {"status": 418, "contentType": "text/plain", "body": "no"}},
    "commit_then_drop": {"kind": "commit_then_drop"},
    "truncated_body": {"kind": "truncated_body"},
    "drip": {"kind": "drip", "params": {"seconds": 0.05}},
    "gzip_bomb": {"kind": "gzip_bomb", "params": {"bytes": 11_000_000}},
    "slow": {"kind": "slow", "params": {"seconds": 0.05}},
    "repeated_items": {"kind": "repeated_items"},
    "reordered_items": {"kind": "reordered_items"},
    "short_page": {"kind": "short_page"},
    "short_page-honest": {"kind": "short_page", "params": {"honestTotal": True}},
    "empty_list": {"kind": "empty_list"},
    "unknown_fields": {"kind": "unknown_fields"},
    "no_versions": {"kind": "no_versions"},
    "item_error_500": {"kind": "item_error_500"},
    "item_error_500-some": {"kind": "item_error_500", "params": {"indexes": [0, 2]}},
    "redirect": {"kind": "redirect"},
    "token_expired": {"kind": "token_expired"},
    "token_expired-once": {"kind": "token_expired", "times": 1},
    "reset_at": {"kind": "reset_at", "params": {"bytes": 100}},
    "malformed": {"kind": "malformed", "params": {"level": "text"}},
    "clock_skew": {"kind": "clock_skew", "params": {"seconds": -600}},
    "next_link": {"kind": "next_link", "params": {"to": "link_local"}},
    "wrong_total": {"kind": "wrong_total", "params": {"by": 1}},
    "stale": {"kind": "stale", "params": {"versions": 500}},
    "schema_drift": {"kind": "schema_drift", "params": {"drift": "renamed_list"}},
    "flaky_versions": {"kind": "flaky_versions"},
}
HARMLESS = {
    *("drip", "slow", "repeated_items", "reordered_items", "unknown_fields", "next_link", "clock_skew"),
    *("token_expired-once", "flaky_versions"),
}
OF_LISTS = {
    *("repeated_items", "reordered_items", "short_page", "short_page-honest", "empty_list", "unknown_fields"),
    *("no_versions", "flaky_versions", "wrong_total", "next_link", "stale"),
    *("clock_skew", "token_expired"),  # of a batch they are like other refusals, or like nothing at all
}
ANSWER_LOST = {"commit_then_drop", "truncated_body", "gzip_bomb", "reset_at", "malformed", "schema_drift"}
OF_BATCHES = {"item_error_500", "item_error_500-some"}
# These have tests of their own: the region changes what it stores, or has forgotten what it deleted.
ELSEWHERE = {"normalise", "page_drift", "gone"}
TYPICAL = ("server_error", "html_ok", "truncated_body", "commit_then_drop", "rate_limited-silent")

OFTEN = ("reset_before_commit", "forbidden", "short_page", "empty_list", "no_versions")


@contextmanager
def busy(agreed: Path, folder: Path) -> Iterator[Office]:
    """The day's work is done on both sides and not synchronised yet; the region pays no heed to Idempotency-Key."""
    with region() as door, office(door, folder, url=copied(agreed, folder), page_size=PAGE_SIZE) as made:
        made.region.admin("POST", "settings", {"idempotency": "ignored"})
        files = write_files(made)
        edit_both_sides(made)
        import_files(made, files)
        yield made


def sync_honestly(made: Office) -> tuple[RunReport, ExitCode]:
    """One cycle; what it did not bring about it does not call done."""
    report, code = made.sync_with_code()
    assert code is not ExitCode.DONE or disagreements(made) == []
    return report, code


def fired(made: Office) -> int:
    return sum(rule["fired"] for rule in made.region.admin("GET", "faults")["rules"])


def end_faults(made: Office) -> None:
    made.region.admin("DELETE", "faults")


def test_every_kind_is_here() -> None:
    """A new fault of the simulator needs a line in the table."""
    assert {rule["kind"] for rule in FAULTS.values()} | ELSEWHERE == KINDS


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in OF_BATCHES])
def test_reading_under_a_fault(name: str, agreed: Path, expected: Portrait, tmp_path: Path) -> None:
    """From the third page of the run on: harmless kinds change nothing at all, others are told."""
    with busy(agreed, tmp_path) as made:
        made.faults({**FAULTS[name], "match": {"route": "page"}, "skip": 2})
        _, code = sync_honestly(made)
        assert fired(made)
        assert (code is ExitCode.DONE) == (name in HARMLESS | {"no_versions"}), code
        end_faults(made)
        made.settle()
        assert_everything_arrived(made, expected)


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in OF_LISTS])
def test_sending_under_a_fault(name: str, agreed: Path, expected: Portrait, tmp_path: Path) -> None:
    """From the third batch of the run on, twice an hour apart."""
    with busy(agreed, tmp_path) as made:
        made.faults({**FAULTS[name], "match": {"route": "batch"}, "skip": 2})
        codes = []
        for _ in range(2):
            codes.append(sync_honestly(made)[1])
            made.clock.sleep(3600)
        assert fired(made)
        # A batch that was worked on is read back in the same run: the region has it, only the answer was lost.
        assert (codes[0] is ExitCode.DONE) == (name in HARMLESS | ANSWER_LOST)
        end_faults(made)
        made.settle()
        assert_everything_arrived(made, expected)
        keys = made.region.admin("GET", "counters")["idempotencyKeys"]
        assert {one["executed"] for one in keys.values()} == {1}, "what may have been done is not asked for again"


@pytest.mark.parametrize("route", ["changeVersion", "available", "search"])
@pytest.mark.parametrize("name", TYPICAL)
def test_asking_under_a_fault(name: str, route: str, agreed: Path, expected: Portrait, tmp_path: Path) -> None:
    """What is in force, who is free, what became of a lost answer: not being told is an error, never a «no»."""
    lost_answer = {"kind": "commit_then_drop", "match": {"route": "batch", "stream": "marks"}, "times": 1}
    with busy(agreed, tmp_path) as made:
        made.faults({**FAULTS[name], "match": {"route": route}}, lost_answer)
        _, code = sync_honestly(made)
        assert made.region.admin("GET", "faults")["rules"][0]["fired"]
        assert code is not ExitCode.DONE
        end_faults(made)
        made.settle()
        assert_everything_arrived(made, expected)


@pytest.mark.parametrize("name", sorted(OF_LISTS - {"no_versions"}))
def test_a_lost_answer_is_looked_for_in_a_spoilt_list(
    name: str, agreed: Path, expected: Portrait, tmp_path: Path
) -> None:
    """The region has stored the marks, and lists them wrongly when asked what it has stored."""
    lost_answer = {"kind": "commit_then_drop", "match": {"route": "batch"}, "times": 5}
    with busy(agreed, tmp_path) as made:
        made.faults({**FAULTS[name], "match": {"route": "search"}}, lost_answer)
        sync_honestly(made)
        assert made.region.admin("GET", "faults")["rules"][0]["fired"]
        end_faults(made)
        made.settle()
        assert_everything_arrived(made, expected)


@pytest.mark.parametrize(
    "name", [*TYPICAL, "reset_before_commit", "forbidden", "short_page", "empty_list", "no_versions"]
)
def test_a_day_of_random_faults(name: str, agreed: Path, expected: Portrait, tmp_path: Path) -> None:
    """A third of all requests, on every route but the login, during three runs."""
    routes = ("changeVersion", "page", "search", "available", "batch")
    with busy(agreed, tmp_path) as made:
        rules = [{**FAULTS[name], "match": {"route": route}, "probability": 0.34} for route in routes]
        made.region.admin("POST", "faults", {"rules": rules, "seed": 11})
        for _ in range(3):
            sync_honestly(made)
            made.clock.sleep(2 * 3600)
        end_faults(made)
        made.settle()
        assert_everything_arrived(made, expected)


def test_a_region_that_changes_what_it_stores(at_rest: Office) -> None:
    """The near miss is left alone: nobody sends it again, neither side is overwritten, later changes still travel."""
    made = at_rest
    made.faults({"kind": "normalise", "match": {"route": "batch"}})
    card = made.dump("students")[0]
    row = made.local_id("students", card["id"])

    def both() -> tuple[str, str]:
        (ours,) = made.sql("SELECT address FROM students WHERE id = :id", id=row)
        (theirs,) = [one for one in made.dump("students") if one["id"] == card["id"]]
        return ours["address"], theirs["address"]

    made.sql("UPDATE students SET address = 'ул. Тихая, 5', phone = '+79120000005' WHERE id = :id", id=row)
    assert made.sync_with_code()[1] is ExitCode.DONE
    assert both() == ("ул. Тихая, 5", "УЛ. ТИХАЯ, 5")
    made.region.admin("POST", "reset-counters")
    for _ in range(2):
        made.clock.sleep(3600)
        assert made.sync_with_code()[1] is ExitCode.DONE
    assert made.counted("POST batch") == 0
    assert both() == ("ул. Тихая, 5", "УЛ. ТИХАЯ, 5")
    made.sql("UPDATE students SET address = 'ул. Тихая, 6' WHERE id = :id", id=row)
    made.sync()
    assert both() == ("ул. Тихая, 6", "УЛ. ТИХАЯ, 6")
    edited = [{"id": card["id"], "changes": {"address": "ул. Громкая, 1"}}]
    made.region.admin("POST", "edit", {"stream": "students", "items": edited})
    made.sync()
    assert both() == ("ул. Громкая, 1", "ул. Громкая, 1")
    assert disagreements(made) == []


def test_history_forgotten_by_the_region(at_rest: Office) -> None:
    """Our position is older than what the region keeps: everything is compared, nothing is deleted, nothing is sent
    back; what was changed meanwhile on both sides arrives."""
    made = at_rest
    card = made.dump("students")[0]
    edited = [{"id": card["id"], "changes": {"email": "new@example.ru"}}]
    made.region.admin("POST", "edit", {"stream": "students", "items": edited})
    made.sql("UPDATE students SET phone = '+79120000005' WHERE id = :id", id=made.local_id("students", card["id"]))
    made.region.admin("POST", "compact")
    before = {stream: len(made.dump(stream)) for stream in ("students", "guardians", "marks", "attendance")}
    _, code = made.sync_with_code()
    assert code is ExitCode.DONE
    made.settle()
    assert disagreements(made) == []
    assert {stream: len(made.dump(stream)) for stream in before} == before
    (stored,) = [one for one in made.dump("students") if one["id"] == card["id"]]
    assert (stored["email"], stored["phone"]) == ("new@example.ru", "+79120000005")
