"""Templates with everything they may use: words, dates, sides, the navigation, the token of the form.

Autoescape is on for every template; nothing that came from a record is ever marked safe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse

from sync_service.domain.people import Permission, Role
from sync_service.engine import queries_words as words
from sync_service.engine.queries_page import pulse, waiting
from sync_service.web.clockface import Clockface
from sync_service.web.filters import bars, differs_in_spelling_only, figure, inside, is_number, marked
from sync_service.web.i18n import LANGUAGES, RUSSIAN, pluralizer, spans, translator
from sync_service.web.navigation import navigation

if TYPE_CHECKING:
    from sync_service.web.visits import Visit

LANGUAGE_COOKIE = "ecp_language"
ROLE_NAMES = {
    Role.SECRETARY: "секретарь",
    Role.ADMIN: "администратор",
    Role.DIRECTOR: "директор",
    Role.VIEWER: "наблюдатель",
}


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
            "navigation": navigation(visit, figures),
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


def language_of(request: Request) -> str:
    chosen = request.cookies.get(LANGUAGE_COOKIE, RUSSIAN)
    return chosen if chosen in LANGUAGES else RUSSIAN
