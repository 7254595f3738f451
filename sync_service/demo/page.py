"""The page of the demo, with people who may enter it; their password is made anew each time."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sync_service.bootstrap import Service
from sync_service.config import Web
from sync_service.domain.errors import ConfigError
from sync_service.domain.people import Role
from sync_service.engine.context import School
from sync_service.web.server import PageServer, page_of

PEOPLE = (
    ("petrova", "Петрова А. В.", Role.SECRETARY, "секретарь"),
    ("smirnova", "Смирнова Е. А.", Role.DIRECTOR, "директор"),
    ("orlov", "Орлов Д. С.", Role.ADMIN, "администратор; при входе настроит код в приложении на телефоне"),
)
_SYLLABLES = ["ба", "ве", "ги", "до", "жу", "за", "ки", "ло", "ми", "ну", "ра", "со", "ту", "фе", "хо", "ши"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Where the page is, and the one password of its people."""

    url: str
    password: str


@contextmanager
def page_of_demo(service: Service, school: School) -> Iterator[Shown]:
    """The page on its usual port, or on any free one when that is taken."""
    password = "-".join("".join(secrets.choice(_SYLLABLES) for _ in range(3)) for _ in range(3))
    for login, name, role, _ in PEOPLE:
        service.accounts.add(
            login=login, name=name, roles={school.school_id: role}, password=password, must_change=False
        )
    page = _listening(service)
    page.start()
    try:
        yield Shown(url=page.url, password=password)
    finally:
        page.stop()


def _listening(service: Service) -> PageServer:
    try:
        return page_of(service, Web())
    except ConfigError:
        return page_of(service, Web(port=0))
