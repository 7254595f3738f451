"""The limits of the mass-change guard as the settings state them."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import Field, field_validator

from sync_service.config.strict import Strict
from sync_service.domain import guards

_AtLeast = Annotated[int, Field(ge=0, le=1_000_000)]
_Percent = Annotated[float, Field(ge=0, le=1000)]
_DAYS = re.compile(r"(\d\d)\.(\d\d)-(\d\d)\.(\d\d)")


class Guard(Strict):
    """Limits of the mass-change guard: max(figure, percent of the stream) pass within 24 hours unasked; a figure of
    0 lets nothing pass. ``rollover`` is «25.08-15.09», days and months; empty: no such weeks."""

    deletes: _AtLeast = guards.DELETES_AT_LEAST
    deletes_percent: _Percent = guards.DELETES_PERCENT
    creates: _AtLeast = guards.CREATES_AT_LEAST
    creates_percent: _Percent = guards.CREATES_PERCENT
    updates: _AtLeast = guards.UPDATES_AT_LEAST
    updates_percent: _Percent = guards.UPDATES_PERCENT
    rollover: str = "25.08-15.09"
    rollover_creates: _AtLeast = guards.RollOver().creates.at_least
    rollover_creates_percent: _Percent = guards.RollOver().creates.percent
    rollover_updates: _AtLeast = guards.RollOver().updates.at_least
    rollover_updates_percent: _Percent = guards.RollOver().updates.percent

    @field_validator("rollover")
    @classmethod
    def _weeks(cls, value: str) -> str:
        if value:
            try:
                _month_and_day(value)
            except ValueError:
                raise ValueError("weeks are written as '25.08-15.09', or '' for none") from None
        return value

    def limits(self) -> guards.Limits:
        """The same as the guard reads it."""
        weeks = None
        if self.rollover:
            first, last = _month_and_day(self.rollover)
            weeks = guards.RollOver(
                first=first,
                last=last,
                creates=guards.Limit(self.rollover_creates, self.rollover_creates_percent),
                updates=guards.Limit(self.rollover_updates, self.rollover_updates_percent),
            )
        return guards.Limits(
            deletes=guards.Limit(self.deletes, self.deletes_percent),
            creates=guards.Limit(self.creates, self.creates_percent),
            updates=guards.Limit(self.updates, self.updates_percent),
            rollover=weeks,
        )


def _month_and_day(weeks: str) -> tuple[tuple[int, int], tuple[int, int]]:
    found = _DAYS.fullmatch(weeks)
    if found is None:
        raise ValueError(weeks)
    first, second = (date(2024, int(found[m]), int(found[d])) for d, m in ((1, 2), (3, 4)))  # a leap year
    return (first.month, first.day), (second.month, second.day)
