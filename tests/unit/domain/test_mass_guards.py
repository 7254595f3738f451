"""The mass-change guard and the systemic brake at their exact boundaries (invariants 6, 7)."""

from __future__ import annotations

import pytest

from sync_service.domain.guards import deletions_pass, systemic_failure


@pytest.mark.parametrize(
    ("count", "of", "passes"),
    [
        (0, 0, True),
        (5, 5, True),
        (5, 250, True),
        (6, 250, False),
        (5, 251, True),
        (6, 299, False),
        (6, 300, True),
        (20, 1000, True),
        (21, 1000, False),
    ],
)
def test_deletions_over_five_and_two_percent_are_held(count: int, of: int, passes: bool) -> None:
    assert deletions_pass(count, of=of) is passes


@pytest.mark.parametrize(
    ("failures", "of", "stops"),
    [(20, 20, False), (21, 21, True), (21, 419, True), (21, 420, False), (50, 1000, False), (51, 1000, True)],
)
def test_more_than_twenty_and_five_percent_of_one_signature_stop_the_stream(
    failures: int, of: int, stops: bool
) -> None:
    found = systemic_failure(["marks:value:code"] * failures, of=of)
    assert found == ("marks:value:code" if stops else None)


def test_failures_of_different_kinds_do_not_add_up() -> None:
    signatures = [f"marks:{number % 3}" for number in range(60)]
    assert systemic_failure(signatures, of=60) is None
    assert systemic_failure([*signatures, "marks:1"], of=61) == "marks:1"
    assert systemic_failure([], of=0) is None
