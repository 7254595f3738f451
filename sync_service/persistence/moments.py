"""Moments as the database keeps them: UTC, fixed width, so that text order is time order on SQLite."""

from __future__ import annotations

from datetime import UTC, datetime

_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


def stamp(moment: datetime) -> str:
    """Text of an aware moment; the same text is understood by PostgreSQL as ``timestamptz``."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone cannot be stored")
    return moment.astimezone(UTC).strftime(_FORMAT)


def stamp_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else stamp(moment)


def moment(stored: str | datetime) -> datetime:
    """Aware, in UTC, whatever the driver returned."""
    if isinstance(stored, str):
        return datetime.fromisoformat(stored).astimezone(UTC)
    return stored.astimezone(UTC)


def moment_or_none(stored: str | datetime | None) -> datetime | None:
    return None if stored is None else moment(stored)
