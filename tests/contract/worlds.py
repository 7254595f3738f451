"""Two regions that must look alike to the engine: one in memory, one behind real HTTP.

A world is a school with one class, one subject, six lessons around 20 November 2026, two quarters and three
pupils, with the levers of a regional user beside it. Its pages hold three records.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.auth import Tokens
from connectors.ecp.connector import EcpConnector
from connectors.ecp.settings import EcpSettings
from connectors.ecp.simulator import build_world, start_in_thread
from connectors.memory import MemoryRemote
from mappings import load_mappings
from sync_service.domain.errors import OutcomeUnknown, TransientError
from sync_service.domain.links import RemoteId
from sync_service.domain.records import Values
from sync_service.domain.streams import Page, RemoteRecord, Stream
from sync_service.engine.ports import Op, PersonQuery, RemoteSystem, WriteItem, WriteResult

TODAY = "2026-11-20"
PAGE_SIZE = 3
MAPPINGS = load_mappings()
PUPILS: tuple[Values, ...] = (
    {"last_name": "Иванов", "first_name": "Пётр", "patronymic": "Ильич", "birth_date": "2012-03-04"},
    {"last_name": "Сидорова", "first_name": "Анна", "patronymic": None, "birth_date": "2012-05-06"},
    {"last_name": "Алиев", "first_name": "Рамиль", "patronymic": "Вагиф оглы", "birth_date": "2012-07-08"},
)
LESSONS = ("2026-11-20", "2026-11-19", "2026-11-06", "2026-11-05", "2026-12-03", "2026-12-04")


class StillClock:
    """20 November 2026, ten o'clock in Yekaterinburg; sleeping moves the monotonic seconds only."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []
        self.moment = datetime(2026, 11, 20, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def today(self, zone: str) -> date:
        return self.moment.astimezone(ZoneInfo(zone)).date()

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


class MemoryTokens:
    """A token store that remembers every pair it was given."""

    def __init__(self, refresh: str) -> None:
        self.tokens: Tokens | None = Tokens(access=None, refresh=refresh)
        self.saved: list[Tokens] = []

    def load(self) -> Tokens | None:
        return self.tokens

    def save(self, tokens: Tokens, *, made_from: str) -> bool:
        if self.tokens is None or self.tokens.refresh != made_from:
            return False
        self.saved.append(tokens)
        self.tokens = tokens
        return True


class World(ABC):
    """A school of the region and the levers of a regional user; values are canonical."""

    remote: RemoteSystem

    def furnish(self) -> None:
        self.class_id = self.create(Stream.CLASSES, {"school_year": 2026, "name": "8А", "grade": 8})
        self.subject_id = self.create(Stream.SUBJECTS, {"name": "Алгебра"})
        self.lessons = {
            day: self.create(
                Stream.LESSONS,
                {"class_id": self.class_id, "subject_id": self.subject_id, "date": day, "number": 2},
            )
            for day in LESSONS
        }
        self.periods = {
            end: self.create(
                Stream.PERIODS,
                {"school_year": 2026, "name": name, "kind": "quarter", "starts_on": start, "ends_on": end},
            )
            for name, start, end in (
                ("1 четверть", "2026-09-01", "2026-10-28"),
                ("2 четверть", "2026-11-05", "2026-11-25"),
            )
        }
        self.pupils = [self.create(Stream.STUDENTS, dict(pupil)) for pupil in PUPILS]

    @abstractmethod
    def create(self, stream: Stream, values: Values) -> RemoteId: ...

    @abstractmethod
    def edit(self, stream: Stream, remote_id: RemoteId, values: Values) -> None: ...

    @abstractmethod
    def delete(self, stream: Stream, remote_id: RemoteId) -> None: ...

    @abstractmethod
    def bump(self, stream: Stream) -> None: ...

    @abstractmethod
    def compact(self) -> None: ...

    @abstractmethod
    def person(self, card: Values, *, enrolled: bool) -> str:
        """A person of the region, enrolled at another school or free."""

    @abstractmethod
    def release(self, person_id: str) -> None: ...

    @abstractmethod
    def lose_next_answer(self) -> None:
        """The next batch is committed and its answer lost."""

    @abstractmethod
    def break_page(self, *, skip: int) -> None:
        """One page fails for good, after ``skip`` that do not."""

    @abstractmethod
    def repeat_and_reorder(self) -> None: ...

    @abstractmethod
    def refuse(self, stream: Stream) -> None: ...

    @abstractmethod
    def live(self, stream: Stream) -> dict[str, Values]:
        """What the region holds, by id, past the connector."""

    @abstractmethod
    def close(self) -> None: ...

    # What every test needs

    def pages(self, stream: Stream, cursor: str | None = None) -> list[Page]:
        return list(self.remote.pages(stream, cursor, None))

    def cursor(self, stream: Stream) -> str | None:
        """The position after everything there is now."""
        pages = self.pages(stream)
        return pages[-1].cursor if pages else None

    def write(self, stream: Stream, *items: WriteItem, key: str = "k-1") -> list[WriteResult]:
        return self.remote.write(stream, items, key=key)

    def create_by_write(self, stream: Stream, values: Values, *, ref: str = "ref-1") -> WriteResult:
        return self.write(stream, WriteItem(client_ref=ref, op=Op.CREATE, values=values), key=f"key-{ref}")[0]

    def mark(self, day: str = TODAY, **changes: Any) -> Values:
        return {
            "student_id": self.pupils[0],
            "lesson_id": self.lessons[day],
            "value": "5",
            "weight": 1,
            "position": 1,
            "comment": None,
            **changes,
        }

    def get(self, stream: Stream, remote_id: RemoteId) -> RemoteRecord:
        (record,) = self.remote.get(stream, [remote_id]).records
        return record


class MemoryWorld(World):
    def __init__(self) -> None:
        self.system = MemoryRemote(StillClock(), page_size=PAGE_SIZE)
        self.remote = self.system
        self.furnish()

    def create(self, stream: Stream, values: Values) -> RemoteId:
        return self.system.create(stream, values)

    def edit(self, stream: Stream, remote_id: RemoteId, values: Values) -> None:
        self.system.edit(stream, remote_id, **values)

    def delete(self, stream: Stream, remote_id: RemoteId) -> None:
        self.system.delete(stream, remote_id)

    def bump(self, stream: Stream) -> None:
        self.system.bump(stream)

    def compact(self) -> None:
        self.system.compact()

    def person(self, card: Values, *, enrolled: bool) -> str:
        return self.system.add_person(card, organization_id="school-2" if enrolled else None)

    def release(self, person_id: str) -> None:
        self.system.release(person_id)

    def lose_next_answer(self) -> None:
        self.system.fail_next(OutcomeUnknown("the answer was lost"), after_commit=True)

    def break_page(self, *, skip: int) -> None:
        self.system.fail_next(TransientError("the page failed"), call="page", skip=skip)

    def repeat_and_reorder(self) -> None:
        self.system.repeat = self.system.reorder = True

    def refuse(self, stream: Stream) -> None:
        self.system.refused.add(stream)

    def live(self, stream: Stream) -> dict[str, Values]:
        return dict(self.system.records(stream).items())

    def close(self) -> None:
        self.system.close()


class EcpWorld(World):
    """The connector over the simulator: real sockets, real JSON."""

    def __init__(self) -> None:
        self._handle = start_in_thread(
            build_world(seed=1, date=TODAY, population="small", empty_school=True), host="127.0.0.1", port=0
        )
        self.admin("clock", {"set": f"{TODAY}T10:00:00+05:00", "frozen": True})
        school = self.admin("organizations", {"name": "Школа № 1", "population": "none"})
        self._here: str = school["id"]
        self._elsewhere: str = self._handle.organizations[1]["id"]
        self.clock = StillClock()
        self._others: list[EcpConnector] = []
        self.tokens = MemoryTokens(school["refreshToken"])
        self.remote = EcpConnector(
            EcpSettings(base_url=self._handle.url, organization_id=self._here, page_size=PAGE_SIZE),
            tokens=self.tokens,
            mappings=MAPPINGS,
            clock=self.clock,
        )
        self.furnish()

    def admin(self, call: str, body: dict[str, Any]) -> Any:
        return self._handle.admin("POST", f"/simulator/{call}", body)

    def faults(self, *rules: dict[str, Any]) -> None:
        """These faults and no others."""
        self.admin("faults", {"rules": list(rules)})

    def settings(self, **settings: Any) -> None:
        self.admin("settings", settings)

    def reject_tokens(self) -> None:
        """The access token expires and the region rejects the refresh token."""
        self.admin("tokens/expire", {})
        self.admin("tokens/reject-refresh", {"organizationId": self._here, "reject": True})

    def log_in_again(self) -> None:
        """A person enters a new refresh token."""
        issued = self.admin("tokens/issue", {"organizationId": self._here})
        self.tokens.tokens = Tokens(access=None, refresh=issued["refreshToken"])

    def as_another_school(self) -> EcpConnector:
        """Our tokens with the organization of somebody else."""
        settings = EcpSettings(base_url=self._handle.url, organization_id=self._elsewhere)
        other = EcpConnector(settings, tokens=self.tokens, mappings=MAPPINGS, clock=self.clock)
        self._others.append(other)
        return other

    def look_up(self, route: str) -> None:
        """A look-up that the simulator's faults know as ``search`` or ``available``."""
        if route == "search":
            self.remote.find(Stream.STUDENTS, client_refs=["x"])
        else:
            query = PersonQuery(ref="p", last_name="Никто", first_name="Никак", birth_date="2012-01-02")
            self.remote.find_available([query])

    def _at(self, stream: Stream) -> dict[str, Any]:
        return {"organizationId": self._here, "stream": _url(stream)}

    def create(self, stream: Stream, values: Values) -> RemoteId:
        item = MAPPINGS[stream].to_remote(values)
        return RemoteId(self.admin("create", {**self._at(stream), "items": [item]})["items"][0]["id"])

    def edit(self, stream: Stream, remote_id: RemoteId, values: Values) -> None:
        item = {"id": remote_id, "changes": MAPPINGS[stream].to_remote(values)}
        self.admin("edit", {**self._at(stream), "items": [item]})

    def delete(self, stream: Stream, remote_id: RemoteId) -> None:
        self.admin("delete", {**self._at(stream), "ids": [remote_id]})

    def bump(self, stream: Stream) -> None:
        self.admin("bump", self._at(stream))

    def compact(self) -> None:
        self.admin("compact", {"organizationId": self._here})

    def person(self, card: Values, *, enrolled: bool) -> str:
        status = {"status": "enrolled" if enrolled else "available", "organizationId": self._elsewhere}
        person = {**status, **MAPPINGS[Stream.STUDENTS].to_remote(card)}
        return str(self.admin("persons", {"persons": [person]})["persons"][0]["personId"])

    def release(self, person_id: str) -> None:
        self.admin("release", {"personId": person_id, "destinationOrganizationId": self._here})

    def lose_next_answer(self) -> None:
        self.faults({"kind": "commit_then_drop", "match": {"route": "batch"}, "times": 1})

    def break_page(self, *, skip: int) -> None:
        # The connector tries a page three times before it gives up.
        self.faults({"kind": "server_error", "match": {"route": "page"}, "times": 3, "skip": skip})

    def repeat_and_reorder(self) -> None:
        self.faults(
            {"kind": "repeated_items", "match": {"route": "page"}},
            {"kind": "reordered_items", "match": {"route": "page"}},
        )

    def refuse(self, stream: Stream) -> None:
        self.faults({"kind": "forbidden", "match": {"stream": _url(stream)}})

    def live(self, stream: Stream) -> dict[str, Values]:
        query = {**self._at(stream), "deleted": "false"}
        items = self._handle.admin("GET", "/simulator/dump", query)["items"]
        records = [MAPPINGS[stream].to_canonical(item) for item in items]
        return {record.remote_id: record.values for record in records if isinstance(record, RemoteRecord)}

    def close(self) -> None:
        for connector in (self.remote, *self._others):
            connector.close()
        self._handle.stop()


def _url(stream: Stream) -> str:
    return stream.value.replace("_", "-")


WORLDS: dict[str, type[MemoryWorld | EcpWorld]] = {"memory": MemoryWorld, "ecp": EcpWorld}
