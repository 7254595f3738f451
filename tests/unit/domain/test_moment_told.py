"""When the region says a record was changed: read for people, and never able to stop a page of records."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync_service.domain.conflicts import moment_told
from sync_service.persistence.moments import moment, stamp


def test_a_moment_with_a_zone_is_told_in_utc() -> None:
    told = moment_told("2026-09-01T16:40:00+05:00")
    assert told == datetime(2026, 9, 1, 11, 40, tzinfo=UTC)
    assert told is not None
    assert moment(stamp(told)) == told


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        "вчера",
        "2026-09-01T16:40:00",
        "0001-01-01T00:00:00+05:00",  # before every calendar, once in UTC
        "9999-12-31T23:59:59-05:00",
        "0999-01-01T00:00:00Z",  # SQLite's text of it could not be read again
    ],
)
def test_what_no_database_could_keep_is_no_moment(sent: str | None) -> None:
    assert moment_told(sent) is None
