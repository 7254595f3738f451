"""What was done to an account or a token at the command line, in the journal of every school it opens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sync_service.cli.shell import actor_named

if TYPE_CHECKING:
    from sync_service.bootstrap import Service
    from sync_service.domain.links import SchoolId
    from sync_service.domain.people import Person


def note_account(service: Service, person: Person, what: str) -> None:
    """In each school the person has a role in."""
    note(service, person.roles, f"person:{person.login}", what)


def note(service: Service, schools: Iterable[SchoolId], cause: str, what: str) -> None:
    """Under the login of the operating system: whoever runs commands has no account to be asked for."""
    from sync_service.domain.audit import Act
    from sync_service.engine.record_acts import record_act_of

    for school in schools:
        record_act_of(service.db, school, actor_named(None), Act.CONFIGURE, cause, note=what)
