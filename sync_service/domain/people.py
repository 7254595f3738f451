"""People who use the page and programs that use the API: who they are and what they may do.

Roles are those of the regulation on access (152-ФЗ, article 19: access is accounted for, nobody shares an
account). A person has one role in one school; an administrator of the installation is a member of every school.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sync_service.domain.links import SchoolId

# Actors of the journal that are no person: the service, other programs.
RESERVED = frozenset({"system", "school"})


class Role(StrEnum):
    SECRETARY = "secretary"
    ADMIN = "admin"
    DIRECTOR = "director"
    VIEWER = "viewer"


class Permission(StrEnum):
    """What a route or a program asks for; each is granted to roles by :data:`GRANTS`."""

    SEE = "see"  # the state of the service, counts, queues with masked numbers
    SEE_PUPILS = "see_pupils"  # names and values of records
    UNMASK = "unmask"  # СНИЛС and phones in full; every look is journalled
    DECIDE = "decide"  # conflicts, doubles, quarantine
    WATCH_RELEASES = "watch_releases"  # calls, the director's step, closing a case
    MOVE = "move"  # enter arrivals and departures
    IMPORT = "import"
    RELEASE_HOLD = "release_hold"
    RUN = "run"  # start a run
    RESYNC = "resync"
    CONNECT = "connect"  # enter the regional token
    READ_JOURNAL = "read_journal"
    EXPORT_JOURNAL = "export_journal"  # a file of it, for an incident
    MANAGE_PEOPLE = "manage_people"
    ERASE = "erase"  # export and erasure of one person's data


_EVERYBODY = frozenset(Role)
_OFFICE = frozenset({Role.SECRETARY, Role.ADMIN})
GRANTS: dict[Permission, frozenset[Role]] = {
    Permission.SEE: _EVERYBODY,
    Permission.SEE_PUPILS: frozenset({Role.SECRETARY, Role.ADMIN, Role.DIRECTOR}),
    Permission.UNMASK: frozenset({Role.SECRETARY, Role.ADMIN, Role.DIRECTOR}),
    Permission.DECIDE: _OFFICE,
    Permission.WATCH_RELEASES: frozenset({Role.SECRETARY, Role.ADMIN, Role.DIRECTOR}),
    Permission.MOVE: _OFFICE,
    Permission.IMPORT: _OFFICE,
    Permission.RELEASE_HOLD: frozenset({Role.SECRETARY, Role.ADMIN, Role.DIRECTOR}),
    Permission.RUN: _OFFICE,
    Permission.RESYNC: frozenset({Role.ADMIN}),
    Permission.CONNECT: _OFFICE,
    Permission.READ_JOURNAL: frozenset({Role.ADMIN, Role.DIRECTOR}),
    Permission.EXPORT_JOURNAL: frozenset({Role.ADMIN}),
    Permission.MANAGE_PEOPLE: frozenset({Role.ADMIN}),
    Permission.ERASE: frozenset({Role.ADMIN}),
}


def may(role: Role, permission: Permission) -> bool:
    return role in GRANTS[permission]


LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
SHORTEST_PASSWORD = 12  # ASVS 5.0, 6.2.1 asks for 8; these accounts see children's documents


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An account. ``roles`` names the schools it may enter; moments are aware, in UTC."""

    person_id: int
    login: str
    name: str
    roles: dict[SchoolId, Role] = field(default_factory=dict)
    disabled: bool = False
    has_totp: bool = False
    must_change_password: bool = False
    created_at: datetime | None = None

    @property
    def needs_totp(self) -> bool:
        """An administrator signs in with a second factor."""
        return Role.ADMIN in self.roles.values()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in browser. ``csrf`` goes into every form; a session that still has to prove its second factor,
    or to choose a password, reaches nothing but those two pages."""

    person: Person
    csrf: str
    proven: bool
    signed_in_at: datetime
    seen_at: datetime
    flash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A program's way in: one school, one role, shown once."""

    token_id: int
    name: str
    school_id: SchoolId
    role: Role
    created_at: datetime
    created_by: str
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
