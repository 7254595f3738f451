"""Dates become ISO text or say why not."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.rules import dates
from sync_service.domain.rules.outcome import Accepted, Refused

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("11.05.2012", "2012-05-11"),
        ("1.9.2019", "2019-09-01"),
        ("11/05/2012", "2012-05-11"),
        ("11-05-2012", "2012-05-11"),
        ("10.06.17", "2017-06-10"),
        ("2012-05-11", "2012-05-11"),
        ("2012-05-11 00:00:00", "2012-05-11"),
        ("2012-05-11T00:00", "2012-05-11"),
        ("11.05.2012 г.", "2012-05-11"),
        ("5 мая 2012", "2012-05-05"),
        ("5 сент. 2012 г.", "2012-09-05"),
        ("5\u00a0декабря 2012 года", "2012-12-05"),
        ("29.02.2012", "2012-02-29"),
        ("41040", "2012-05-11"),
        ("41040,0", "2012-05-11"),
    ],
)
def test_typed_dates(text: str, iso: str) -> None:
    """The usual Russian, ISO and Excel forms are read, the day always before the month."""
    assert dates.normalise(text) == Accepted(value=iso)


def test_a_serial_number_counts_from_the_workbooks_epoch() -> None:
    """The same number is four years and a day later in a workbook of the 1904 system."""
    assert dates.normalise("41040", date1904=True) == Accepted(value="2016-05-12")
    assert dates.from_serial(1) == dates.from_serial(10_000_000) == dates.from_serial(10**12)
    assert isinstance(dates.from_serial(1), Refused)


@pytest.mark.parametrize(
    ("text", "latest", "iso"),
    [
        ("10.06.17", TODAY, "2017-06-10"),
        ("20.11.26", TODAY, "2026-11-20"),
        ("21.11.26", TODAY, "1926-11-21"),
        ("01.01.49", None, "2049-01-01"),
        ("01.01.50", None, "1950-01-01"),
    ],
)
def test_two_digits_of_the_year(text: str, latest: date | None, iso: str) -> None:
    """Two digits mean the latest year that does not lie after the given day, else a pivot of 50."""
    assert dates.normalise(text, latest=latest) == Accepted(value=iso)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        (None, "empty"),
        ("31.02.2012", "no_such_day"),
        ("29.02.2011", "no_such_day"),
        ("12/31/2012", "no_such_day"),
        ("2012", "shape"),
        ("20120511", "shape"),
        ("05.2012", "shape"),
        ("май 2012", "shape"),
        ("5 мрт 2012", "shape"),
        ("11.05-2012", "shape"),
        ("11.05.201", "shape"),
        ("2012-05-11 10:30", "shape"),
        ("1/2", "shape"),
        ("не помню", "shape"),
        ("11.05.0012", "range"),
        ("11.05.2112", "range"),
        ("00001", "range"),
    ],
)
def test_what_only_looks_like_a_date_is_refused(text: str | None, code: str) -> None:
    """No part of a date is invented, and a day that does not exist is told apart from other text."""
    outcome = dates.normalise(text)
    assert isinstance(outcome, Refused)
    assert outcome.code == code


@pytest.mark.parametrize(
    ("word", "number"),
    [("Сентябрь", 9), ("сентября", 9), ("Май", 5), ("мая", 5), ("март", 3), ("ма", None), ("Марс", None)],
)
def test_months_by_name(word: str, number: int | None) -> None:
    """Russian months are known in both cases and by their beginnings."""
    assert dates.month_number(word) == number


@given(st.dates(min_value=date(1930, 1, 1), max_value=date(2099, 12, 31)))
def test_every_form_of_one_day_is_the_same_day(day: date) -> None:
    """The Russian form, ISO and the serial number of a day agree."""
    expected = Accepted(value=day.isoformat())
    assert dates.normalise(f"{day:%d.%m.%Y}") == expected
    assert dates.normalise(day.isoformat()) == expected
    assert dates.from_serial((day - date(1899, 12, 30)).days) == expected
