"""The clock's words: moments and days as people of one zone write them, in the language of the page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date

from sync_service.engine import queries_words as words
from sync_service.web.i18n import RUSSIAN, translator

SINCE = {"waits": "ждёт с", "wait": "ждут с", "so": "Так с"}
SINCE_YESTERDAY = {
    "waits": "ждёт со вчерашнего дня",
    "wait": "ждут со вчерашнего дня",
    "so": "Так со вчерашнего дня",
}


@dataclass(frozen=True, slots=True)
class Clockface:
    """Moments as people of one zone write them."""

    zone: str
    today: date
    language: str = RUSSIAN

    def local(self, at: str) -> datetime:
        return datetime.fromisoformat(at).astimezone(ZoneInfo(self.zone))

    def _word(self, text: str) -> str:
        return translator(self.language)(text)

    def clock(self, at: str) -> str:
        """«11:05»."""
        return f"{self.local(at):%H:%M}"

    def brief(self, at: str) -> str:
        """«11:05» of today, else as ``short``."""
        return self.clock(at) if self.local(at).date() == self.today else self.short(at)

    def short(self, at: str | None) -> str:
        """«сегодня в 11:05», «вчера в 11:05», «11.09 в 10:14», «11.09.2025»."""
        if at is None:
            return words.NOTHING
        local = self.local(at)
        days = (self.today - local.date()).days
        if days in (0, 1):
            return f"{self._word(('сегодня в', 'вчера в')[days])}\u00a0{local:%H:%M}"
        if local.year == self.today.year:
            return f"{local:%d.%m} {self._word('в')}\u00a0{local:%H:%M}"
        return f"{local:%d.%m.%Y}"

    def since(self, at: str, saying: str = "waits") -> str:
        """«ждёт с 11:05», «ждёт со вчерашнего дня», «ждёт с 11 сентября», «ждёт с 11.09.2025»."""
        local = self.local(at)
        days = (self.today - local.date()).days
        if days == 1:
            return self._word(SINCE_YESTERDAY[saying])
        day = f"{local:%H:%M}" if days == 0 else f"{local:%d.%m.%Y}"
        if days and local.year == self.today.year:
            day = self.day_of(at)
        return f"{self._word(SINCE[saying])}\u00a0{day}"

    def long_day(self, day: date | None = None) -> str:
        """«Понедельник, 14 сентября 2026»."""
        text = format_date(day or self.today, "EEEE, d MMMM y", locale=self.language)
        return text[:1].upper() + text[1:]

    def weekday(self, day: date) -> str:
        """«завтра», «среда, 16.09»."""
        if (day - self.today).days == 1:
            return self._word("завтра")
        return f"{format_date(day, 'EEEE', locale=self.language)}, {day:%d.%m}"

    def day_of(self, at: str) -> str:
        """«11 сентября»."""
        return format_date(self.local(at).date(), "d MMMM", locale=self.language)
