"""The whole simulated region in memory; every request works on it under one lock."""

from __future__ import annotations

import hashlib
import threading
import uuid
from dataclasses import dataclass, field

from connectors.ecp.simulator.auth import TokenDesk
from connectors.ecp.simulator.clock import SchoolClock, stamp
from connectors.ecp.simulator.counters import Counters
from connectors.ecp.simulator.faults import FaultProfile
from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.idempotency import AnswerCache
from connectors.ecp.simulator.organization import Organization
from connectors.ecp.simulator.persons import Person, Register
from connectors.ecp.simulator.problems import RequestRefused


class GuidSource:
    """GUIDs that follow from the seed: the n-th one is always the same."""

    def __init__(self, seed: int) -> None:
        self._prefix = f"{seed}:".encode()
        self.given = 0

    def __call__(self) -> str:
        self.given += 1
        digest = hashlib.blake2b(self._prefix + str(self.given).encode(), digest_size=16).digest()
        return str(uuid.UUID(bytes=digest, version=4))


@dataclass(slots=True, eq=False)
class World:
    """Organizations, persons, tokens and time of one region; the first organization is «our» school."""

    seed: int
    clock: SchoolClock
    guids: GuidSource
    tokens: TokenDesk
    organizations: dict[str, Organization] = field(default_factory=dict)
    persons: Register = field(default_factory=Register)
    counters: Counters = field(default_factory=Counters)
    faults: FaultProfile = field(default_factory=FaultProfile)
    answers: AnswerCache = field(default_factory=AnswerCache)
    lock: threading.RLock = field(default_factory=threading.RLock)
    writes: int = 0  # grows with every change; the state file is behind when it differs

    @classmethod
    def empty(cls, *, seed: int, clock: SchoolClock) -> World:
        """A region without schools."""
        return cls(seed, clock, GuidSource(seed), TokenDesk(seed))

    @property
    def first(self) -> Organization:
        """«Our» school."""
        return next(iter(self.organizations.values()))

    def organization(self, organization_id: str) -> Organization:
        """The school with this id; 404 otherwise."""
        found = self.organizations.get(organization_id)
        if found is None:
            raise RequestRefused(404, "not_found", "Такой организации нет")
        return found

    def now(self) -> str:
        """The present moment as items carry it."""
        return stamp(self.clock.now())

    def add_organization(self, card: Json) -> Organization:
        """A new school with a refresh token; it appears in everybody's directory."""
        organization = Organization(self.guids(), f"66{58000000 + len(self.organizations) * 7919:08d}", card)
        known = list(self.organizations.values())
        self.organizations[organization.id] = organization
        self.tokens.issue(organization.id)
        at = self.now()
        for other in known:
            organization.create("organizations", other.card, item_id=other.id, at=at)
        for everyone in self.organizations.values():
            everyone.create("organizations", card, item_id=organization.id, at=at)
        return organization

    def release(self, person: Person) -> None:
        """Make ``person`` available for enrolment."""
        person.last_organization_id = person.organization_id or person.last_organization_id
        person.organization_id = person.student_id = None

    def credentials(self) -> list[Json]:
        """What an operator needs to connect each school."""
        return [
            {
                "id": organization.id,
                "name": organization.card["name"],
                "inn": organization.inn,
                "refreshToken": self.tokens.refresh_tokens[organization.id],
            }
            for organization in self.organizations.values()
        ]
