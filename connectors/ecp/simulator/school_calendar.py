"""The school year of a day: quarters, holidays, and the days on which lessons are given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from connectors.ecp.simulator.fields import Json

_PUBLIC = ((11, 4), (2, 23), (3, 8), (5, 1), (5, 9))  # month, day: no lessons
_DAY = timedelta(days=1)


def school_year_of(day: date) -> int:
    """The year the school year of ``day`` starts in; August belongs to the year to come."""
    return day.year if day.month >= 8 else day.year - 1


def _monday_on_or_after(day: date) -> date:
    return day + timedelta(days=-day.weekday() % 7)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A named period of the year, both days included."""

    name: str
    kind: str
    begin: date
    end: date


class SchoolYear:
    """The periods of one school year, laid out as schools of the region do: four quarters and holidays."""

    def __init__(self, year: int) -> None:
        self.year = year
        autumn = _monday_on_or_after(date(year, 10, 26)) - timedelta(days=2)  # nine days from a Saturday
        spring = _monday_on_or_after(date(year + 1, 3, 26)) - timedelta(days=2)
        winter = date(year, 12, 31)
        after_winter = _monday_on_or_after(date(year + 1, 1, 9))
        nine = timedelta(days=9)
        self.stretches = (
            Stretch("1 четверть", "QUARTER", date(year, 9, 1), autumn - _DAY),
            Stretch("2 четверть", "QUARTER", autumn + nine, winter - _DAY),
            Stretch("3 четверть", "QUARTER", after_winter, spring - _DAY),
            Stretch("4 четверть", "QUARTER", spring + nine, date(year + 1, 5, 31)),
            Stretch("Учебный год", "YEAR", date(year, 9, 1), date(year + 1, 5, 31)),
            Stretch("Осенние каникулы", "HOLIDAY", autumn, autumn + nine - _DAY),
            Stretch("Зимние каникулы", "HOLIDAY", winter, after_winter - _DAY),
            Stretch("Весенние каникулы", "HOLIDAY", spring, spring + nine - _DAY),
            Stretch("Летние каникулы", "HOLIDAY", date(year + 1, 6, 1), date(year + 1, 8, 31)),
        )

    def periods(self) -> list[Json]:
        """The periods as regional items."""
        return [
            {
                "schoolYear": str(self.year),
                "name": stretch.name,
                "periodType": stretch.kind,
                "dateBegin": stretch.begin.isoformat(),
                "dateEnd": stretch.end.isoformat(),
            }
            for stretch in self.stretches
        ]

    def lesson_days(self, first: date, last: date) -> Iterator[date]:
        """Mondays to Fridays of the quarters between the two days, public holidays left out."""
        quarters = [stretch for stretch in self.stretches if stretch.kind == "QUARTER"]
        day = max(first, date(self.year, 9, 1))
        while day <= min(last, date(self.year + 1, 5, 31)):
            taught = any(stretch.begin <= day <= stretch.end for stretch in quarters)
            if taught and day.weekday() < 5 and (day.month, day.day) not in _PUBLIC:
                yield day
            day += _DAY
