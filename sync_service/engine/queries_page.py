"""What every screen of the page shows at its edge: how much waits for a person, and whether the line stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sync_service.domain.people import Role
from sync_service.domain.releases import ReleaseState
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.engine.queries import next_runs
from sync_service.engine.queries_runs import last_successes
from sync_service.engine.queries_shelves import shelf_counts
from sync_service.engine.stores import Database

AWAITED = (ReleaseState.CLAIMED, ReleaseState.NOT_RELEASED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Open cases per queue whose turn has come, for the people of one role; conflicts ``passed`` on to a role
    and put off to a ``later`` day beside them."""

    conflicts: int
    passed: int
    later: int
    matches: int
    releases: int
    holds: int
    quarantined: int

    @property
    def total(self) -> int:
        return self.conflicts + self.matches + self.releases + self.holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """``word`` is ok, login_needed or silent (never agreed yet); moments are ISO 8601 in UTC."""

    word: str
    last_success_at: str | None
    next_run_at: str | None


def waiting(db: Database, school: School, today: date, role: Role) -> Waiting:
    """A constant number of statements, none of them over records."""
    shelves = shelf_counts(db, school, today, role)
    with db.read(school.school_id) as uow:
        releases = uow.releases.counts()
        return Waiting(
            conflicts=shelves.due,
            passed=shelves.passed,
            later=shelves.later,
            matches=len(uow.matches.cases()),
            releases=sum(releases.get(state.value, 0) for state in AWAITED),
            holds=len(uow.holds.undecided()),
            quarantined=sum(uow.quarantine.counts().values()),
        )


def pulse(db: Database, school: School, *, needs_login: bool) -> Pulse:
    """When the school's pupils were last compared, and when they will be next."""
    found = last_successes(db, school.school_id, (Stream.STUDENTS,)).get(Stream.STUDENTS)
    with db.read(school.school_id) as uow:
        planned = next_runs(uow).get(Stream.STUDENTS)
    word = "login_needed" if needs_login else "ok" if found else "silent"
    return Pulse(word=word, last_success_at=found, next_run_at=planned)
