"""The navigation: which pages there are, in which groups, and who gets to see them there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync_service.domain.people import Permission
from sync_service.engine.queries_page import Waiting

if TYPE_CHECKING:
    from sync_service.web.visits import Visit


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


def navigation(visit: Visit, figures: Waiting) -> list[tuple[str, list[dict[str, Any]]]]:
    """What this visitor may open, group by group, with what waits there."""
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
