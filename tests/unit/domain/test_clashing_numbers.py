"""Which fields of a case take a number for a third value."""

from __future__ import annotations

import pytest

from sync_service.domain.conflicts import FieldClash
from sync_service.domain.records import Scalar


@pytest.mark.parametrize(
    ("local", "remote", "number"),
    [(0, None, True), (None, 3, True), (2, 3, True), (0, "", True), ("5", None, False), (None, "", False)],
)
def test_a_field_is_of_the_kind_its_sides_hold(local: Scalar, remote: Scalar, number: bool) -> None:
    assert FieldClash(field="weight", group="mark", local=local, remote=remote).is_number is number
