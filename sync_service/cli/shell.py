"""What a command stands on: its settings, its service, its schools and who is asking."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sync_service.cli import output
from sync_service.domain.people import RESERVED

if TYPE_CHECKING:
    from sync_service.bootstrap import Service
    from sync_service.config import Settings
    from sync_service.engine.context import School
    from sync_service.engine.decisions import Desk

CONFIG_VARIABLE = "ECP_SYNC_CONFIG"
DEFAULT_CONFIG = Path("config.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """Options of the command and of the program itself, joined: the command's own win. ``school`` is the code after
    ``--school``, ``actor`` the name after ``--as``."""

    config: Path
    as_json: bool
    school: str | None = None
    actor: str | None = None

    @classmethod
    def of(
        cls,
        ctx: typer.Context,
        config: Path | None,
        as_json: bool,
        *,
        school: str | None = None,
        actor: str | None = None,
    ) -> Shell:
        program: Shell | None = ctx.find_root().obj
        chosen = config or (program.config if program else None) or config_from_environment()
        return cls(config=chosen, as_json=as_json or bool(program and program.as_json), school=school, actor=actor)

    def settings(self) -> Settings:
        """Raises ConfigError with every problem of the file."""
        from sync_service.config import load_settings
        from sync_service.logs import configure_logging

        settings = load_settings(self.config)
        configure_logging("warning")
        return settings

    @contextmanager
    def service(self, *, create: bool = False) -> Iterator[Service]:
        """The service of these settings, closed at the end."""
        from sync_service.bootstrap import Service

        service = Service.open(self.settings(), create=create)
        try:
            yield service
        finally:
            service.close()

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """Where the person who is named, or logged in, decides."""
        with self.service() as service:
            yield service.desk(self.one_school(service), self.person())

    def one_school(self, service: Service) -> School:
        """The school meant. BadParameter (exit code 2) when the code is unknown, or left out among several."""
        return one_school(service, self.school)

    def schools(self, service: Service) -> list[School]:
        """The school meant; every school when none is named."""
        return chosen_schools(service, self.school)

    def person(self) -> str:
        """Who acts: :func:`actor_named`."""
        return actor_named(self.actor)

    def seen(self, service: Service, school: School, cause: str, students: Iterable[int | None]) -> None:
        """Write down who looks at which records, before they are shown: one pupil, or None, for each."""
        from sync_service.engine.queries_seen import record_seen

        record_seen(service.db, school, actor=self.person(), cause=cause, students=students)

    def show(self, document: Any, render: Callable[[], None]) -> None:
        """The result: the document with ``--json``, else what ``render`` prints."""
        if self.as_json:
            output.print_json(document)
        else:
            render()


def config_from_environment() -> Path:
    """ECP_SYNC_CONFIG, else config.toml in the current folder."""
    return Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)


def one_school(service: Service, code: str | None) -> School:
    """The school meant. BadParameter (exit code 2) when the code is unknown, or left out among several."""
    schools = {school.code: school for school in service.schools()}
    if code is None and len(schools) == 1:
        return next(iter(schools.values()))
    if code not in schools:
        known = ", ".join(schools)
        what = "укажите школу: --school КОД" if code is None else f"нет школы «{code}»"
        raise typer.BadParameter(f"{what}; есть: {known}")
    return schools[code]


def chosen_schools(service: Service, code: str | None) -> list[School]:
    """The school with ``code``; every school when none is named."""
    return service.schools() if code is None else [one_school(service, code)]


def connection_of(service: Service, school: School) -> str:
    """``ok``, ``login_needed`` (no token, or a rejected one) or ``unknown``; asks nobody."""
    return "login_needed" if service.needs_login(school) else service.db.connection(school.school_id).state()


def actor_named(name: str | None) -> str:
    """Who decides: the name after ``--as``, else the login of the operating system."""
    if name is not None:
        if not name.strip():
            raise typer.BadParameter("после --as нужно имя")
        if name.strip().lower() in RESERVED:
            raise typer.BadParameter(f"«{name.strip()}» в журнале значит не человека; назовите себя")
        return name.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a user database
        return f"uid-{os.getuid()}"
