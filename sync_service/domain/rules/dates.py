"""Dates as people and Excel write them → ISO text «YYYY-MM-DD».

Dates are days and have no zone. Sources: DOMAIN.md section 5. Written decisions:

- Accepted: ДД.ММ.ГГГГ and ДД.ММ.ГГ with «.», «/» or «-», also with one-digit day or month; ISO, also with a
  time of midnight after it; «5 мая 2012 г.»; Excel serial numbers from 1930 to 2099 in the workbook's system.
- Two digits of the year mean the latest year that does not lie after `latest` (give today for past events);
  without it 00–49 are 20xx and 50–99 are 19xx.
- Day comes before month, always: 05/12/2012 is the fifth of December. 12/31/2012 is refused, not turned.
- A serial number is accepted only as five digits: «2012» and «20120511» merely look like dates.
- Excel's own 29 February 1900 (serial 60) lies outside the range and cannot occur.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from sync_service.domain.rules.outcome import Accepted, Outcome, Refused
from sync_service.domain.rules.text import ascii_digits, plain_hyphens, squeeze

_EPOCH_1900 = date(1899, 12, 30)
_EPOCH_1904 = date(1904, 1, 1)
_FIRST, _LAST = date(1900, 1, 1), date(2099, 12, 31)
_FIRST_SERIAL = date(1930, 1, 1)

_MONTHS = (
    "январь января",
    "февраль февраля",
    "март марта",
    "апрель апреля",
    "май мая",
    "июнь июня",
    "июль июля",
    "август августа",
    "сентябрь сентября",
    "октябрь октября",
    "ноябрь ноября",
    "декабрь декабря",
)
_NUMERIC = re.compile(r"(\d{1,2})([./\-])(\d{1,2})\2(\d{4}|\d{2})(?: ?г\.?)?")
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?")
_WORDS = re.compile(r"(\d{1,2}) ([а-я]+)\.? (\d{4})(?: ?г\.?| года)?")
_SERIAL = re.compile(r"(\d{5})(?:[.,]0+)?")

_EMPTY = Refused(code="empty", reason="дата не заполнена")
_SHAPE = Refused(code="shape", reason="это не дата вида ДД.ММ.ГГГГ")
_NO_SUCH_DAY = Refused(code="no_such_day", reason="такого дня в календаре нет")
_RANGE = Refused(code="range", reason="год вне разумных пределов")


def normalise(text: str | None, *, latest: date | None = None, date1904: bool = False) -> Outcome[str]:
    """The ISO date of the text; refused as empty, shape, no_such_day or range."""
    typed = plain_hyphens(ascii_digits(squeeze(text or "")))
    if not typed:
        return _EMPTY
    if iso := _ISO.fullmatch(typed):
        return _day(int(iso[1]), int(iso[2]), int(iso[3]))
    if numeric := _NUMERIC.fullmatch(typed):
        day, month, year = int(numeric[1]), int(numeric[3]), numeric[4]
        if len(year) == 4:
            return _day(int(year), month, day)
        return _day(_century(int(year), month, day, latest), month, day)
    if words := _WORDS.fullmatch(typed.casefold()):
        named = _month(words[2])
        return _SHAPE if named is None else _day(int(words[3]), named, int(words[1]))
    if serial := _SERIAL.fullmatch(typed):
        return from_serial(int(serial[1]), date1904=date1904)
    return _SHAPE


def from_serial(days: int, *, date1904: bool = False) -> Outcome[str]:
    """The ISO date of an Excel serial number in the 1900 or the 1904 system, 1930–2099."""
    try:
        day = (_EPOCH_1904 if date1904 else _EPOCH_1900) + timedelta(days=days)
    except OverflowError:
        return _RANGE
    return Accepted(value=day.isoformat()) if _FIRST_SERIAL <= day <= _LAST else _RANGE


def month_number(word: str) -> int | None:
    """1–12 of a Russian month in any case («Сентябрь», «сентября», «сент.»), None for other words."""
    return _month(squeeze(word).casefold().rstrip("."))


def _month(word: str) -> int | None:
    if len(word) < 3:
        return None
    for number, spellings in enumerate(_MONTHS, start=1):
        if any(spelling.startswith(word) for spelling in spellings.split()):
            return number
    return None


def _century(year: int, month: int, day: int, latest: date | None) -> int:
    if latest is None:
        return 2000 + year if year < 50 else 1900 + year
    this_century = latest.year - latest.year % 100 + year
    is_past = (this_century, month, day) <= (latest.year, latest.month, latest.day)
    return this_century if is_past else this_century - 100


def _day(year: int, month: int, day: int) -> Outcome[str]:
    try:
        found = date(year, month, day)
    except ValueError:
        return _NO_SUCH_DAY
    return Accepted(value=found.isoformat()) if _FIRST <= found <= _LAST else _RANGE
