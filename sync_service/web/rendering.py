"""Templates with everything they may use: words, dates, sides, the navigation, the token of the form.

Autoescape is on for every template; nothing that came from a record is ever marked safe.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse

from sync_service.domain.people import Permission, Role
from sync_service.domain.rules.text import spelling_key
from sync_service.engine import queries_words as words
from sync_service.engine.queries_page import Pulse, Waiting
from sync_service.engine.queries_state import Day
from sync_service.web.i18n import LANGUAGES, RUSSIAN, pluralizer, spans, translator

if TYPE_CHECKING:
    from sync_service.web.visits import Visit

LANGUAGE_COOKIE = "ecp_language"
_NUMBER = re.compile(r"[\d+(][\d() .-]{4,18}\d")
ROLE_NAMES = {
    Role.SECRETARY: "секретарь",
    Role.ADMIN: "администратор",
    Role.DIRECTOR: "директор",
    Role.VIEWER: "наблюдатель",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A line of the navigation; ``count`` names a figure of :class:`Waiting`."""

    path: str
    title: str
    icon: str
    permission: Permission
    count: str | None = None


NAVIGATION: tuple[tuple[str, tuple[Section, ...]], ...] = (
    (
        "Ждут решения",
        (
            Section("", "Сегодня", "inbox", Permission.SEE, "total"),
            Section("/conflicts", "Расхождения", "clash", Permission.SEE_PUPILS, "conflicts"),
            Section("/matches", "Возможные двойники", "twins", Permission.SEE_PUPILS, "matches"),
            Section("/releases", "Не отчислены", "phone", Permission.WATCH_RELEASES, "releases"),
            Section("/holds", "Задержанные изменения", "hold", Permission.SEE_PUPILS, "holds"),
            Section("/quarantine", "Карантин", "warn", Permission.SEE_PUPILS, "quarantined"),
        ),
    ),
    (
        "Школа",
        (
            Section("/movements", "Движение", "move", Permission.SEE_PUPILS),
            Section("/import", "Импорт", "permit", Permission.IMPORT),
        ),
    ),
    (
        "Служба",
        (
            Section("/state", "Состояние", "pulse", Permission.SEE),
            Section("/runs", "Запуски", "clock", Permission.SEE),
            Section("/resync", "Пересверка", "resync", Permission.RESYNC),
            Section("/connection", "Подключение", "gis", Permission.CONNECT),
            Section("/journal", "Журнал", "book", Permission.READ_JOURNAL),
            Section("/people", "Пользователи", "user", Permission.MANAGE_PEOPLE),
            Section("/contacts", "Кому сообщать", "mail", Permission.MANAGE_PEOPLE),
        ),
    ),
)


def environment(language: str) -> Environment:
    """The templates in one language; as globals its words reach the macros of imported templates as well."""
    made = Environment(
        loader=PackageLoader("sync_service.web"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        _=translator(language),
        plural=pluralizer(language),
        language=language,
        words=words,
        Permission=Permission,
        ROLE_NAMES=ROLE_NAMES,
    )
    made.filters.update(
        translated=translator(language),
        span=spans(language),
        inside=inside,
        outside=words.first_capital,
        figure=figure,
        bars=bars,
        day=words.value_day,
        phone=words.phone,
        marked=marked,
        spelling=differs_in_spelling_only,
    )
    made.tests["number"] = is_number
    return made


class Renderer:
    """Turns views into pages."""

    def __init__(self) -> None:
        self._environments = {language: environment(language) for language in LANGUAGES}

    def page(self, visit: Visit, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A page of a signed-in person, with the navigation."""
        from sync_service.engine.queries_page import pulse, waiting

        zone = visit.school.zone
        today = visit.service.clock.today(zone)
        figures = waiting(visit.service.db, visit.school, today, visit.role)
        beat = pulse(visit.service.db, visit.school, needs_login=visit.service.needs_login(visit.school))
        word, _, undo = visit.session.flash.partition("\n")
        if word:
            visit.parts.door.leave_word(visit.secret, "")
        shared = {
            "visit": visit,
            "csrf": visit.session.csrf,
            "navigation": self._navigation(visit, figures),
            "waiting": figures,
            "pulse": beat,
            "word": word,
            "undo": undo if visit.may(Permission.DECIDE) else "",
            "link": visit.link,
            "may": visit.may,
            "time": Clockface(zone, today, language_of(visit.request)),
        }
        return self._html(visit.request, template, status, {**shared, **values})

    def bare(self, request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A page of nobody in particular: the door, an error."""
        return self._html(request, template, status, values)

    def _html(self, request: Request, template: str, status: int, values: dict[str, Any]) -> HTMLResponse:
        language = language_of(request)
        text = self._environments[language].get_template(template).render(path=request.url.path, **values)
        return HTMLResponse(text, status_code=status)

    def fragment(self, request: Request, template: str, **values: Any) -> str:
        """A part of a page, for live updates."""
        language = language_of(request)
        return self._environments[language].get_template(template).render(path=request.url.path, **values)

    @staticmethod
    def _navigation(visit: Visit, figures: Waiting) -> list[tuple[str, list[dict[str, Any]]]]:
        here = visit.request.url.path
        shown = []
        for title, sections in NAVIGATION:
            lines = [
                {
                    "href": visit.link(section.path),
                    "title": section.title,
                    "icon": section.icon,
                    "count": None if section.count is None else getattr(figures, section.count),
                    "current": here == visit.link(section.path)
                    or (bool(section.path) and here.startswith(visit.link(section.path) + "/")),
                }
                for section in sections
                if visit.may(section.permission)
            ]
            if lines:
                shown.append((title, lines))
        return shown


def language_of(request: Request) -> str:
    chosen = request.cookies.get(LANGUAGE_COOKIE, RUSSIAN)
    return chosen if chosen in LANGUAGES else RUSSIAN


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


def figure(number: int) -> str:
    """«22 596», with a space that does not break."""
    return f"{number:,}".replace(",", "\u00a0")


def inside(sentence: str) -> str:
    """A sentence as it stands after a colon: its first letter small, «ГИС» as it is."""
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart 160 wide and 30 high. ``failed`` are y and height of its red part, 0 high for none."""

    x: float
    y: float
    height: float
    failed_y: float
    failed_height: float


BAR_STEP, BAR_BASE, BAR_TOP = 11.4, 30.0, 7.0


def bars(days: Sequence[Day]) -> list[Bar]:
    """One bar for each day; the highest fills the chart, the smallest can still be seen."""
    counts = [(one.done, one.failed) for one in days]
    most = max((done + failed for done, failed in counts), default=0) or 1
    room = BAR_BASE - BAR_TOP
    found = []
    for place, (done, failed) in enumerate(counts):
        height = max(2.3, room * done / most) if done else 0.0
        red = max(3.0, room * failed / most) if failed else 0.0
        height = min(height, room - red)
        top = BAR_BASE - height
        gap = 1.0 if red and height else 0.0
        found.append(
            Bar(round(place * BAR_STEP, 1), round(top, 1), round(height, 1), round(top - gap - red, 1), round(red, 1))
        )
    return found


def marked(text: str, other: str) -> Sequence[tuple[str, bool]]:
    """The text in pieces; True marks what the other side has differently."""
    if not text or not other or text == words.NOTHING or other == words.NOTHING:
        return [(text, False)]
    matcher = SequenceMatcher(None, text, other, autojunk=False)
    if matcher.ratio() < 0.5:
        return [(text, False)]  # nearly nothing is alike: highlighting everything would say nothing
    pieces = [(text[start:end], tag != "equal") for tag, start, end, _, _ in matcher.get_opcodes() if end > start]
    return pieces or [(text, False)]


def is_number(text: str) -> bool:
    """Phones, СНИЛС and dates: broken over two lines they are hard to read out and to compare."""
    return _NUMBER.fullmatch(text) is not None


def differs_in_spelling_only(one: str, other: str) -> bool:
    """ё/е, case, spaces and hyphens: labelled, not highlighted as a difference of fact."""
    return one != other and spelling_key(one) == spelling_key(other)


__all__ = ["Clockface", "Pulse", "Renderer", "differs_in_spelling_only", "language_of", "marked"]
