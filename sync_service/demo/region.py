"""The stand-in regional system of the demo, and what the story asks of it over its scenario endpoints.

Everything goes through the loopback interface; nothing here is part of the synchronisation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import httpx

from connectors.ecp.simulator import Handle, build_world, start_in_thread

SEED = 1
LOOPBACK = "127.0.0.1"
SECONDS = 30.0

Item = Mapping[str, Any]


class Region:
    """A running simulator with our school in it; ``close`` ends it."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self.url = handle.url
        ours = handle.organizations[0]
        self.organization_id = str(ours["id"])
        self.name = str(ours["name"])
        self.refresh_token = str(ours["refreshToken"])
        # A proxy of the environment has no way to our loopback interface.
        self._client = httpx.Client(base_url=handle.url, timeout=SECONDS, trust_env=False)

    @classmethod
    def start(cls, today: date, *, population: str) -> Region:
        """The region as ``today``, a day of the school, finds it; ``set_clock`` brings it to the minute."""
        world = build_world(seed=SEED, date=opening_day(today).isoformat(), population=population)
        return cls(start_in_thread(world, host=LOOPBACK, port=0))

    def close(self) -> None:
        self._client.close()
        self._handle.stop()

    def __enter__(self) -> Region:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def set_clock(self, now: datetime) -> None:
        """Let the region's clock show the moment ``now`` and go on from there."""
        self._post("clock", {"set": now.isoformat()})

    def dump(self, stream: str) -> list[Item]:
        """All live records of our school in one stream."""
        items: list[Item] = self._get("dump", stream=stream, deleted="false")["items"]
        return items

    def neighbours(self) -> list[Item]:
        """The other schools of the region."""
        everyone: list[Item] = self._get("state")["organizations"]
        return [one for one in everyone if one["id"] != self.organization_id]

    def add_persons(self, persons: Iterable[Item]) -> list[Item]:
        """Children the region knows (available, enrolled) or has never heard of (unknown), as they stand there."""
        added: list[Item] = self._post("persons", {"persons": list(persons)})["persons"]
        return added

    def release(self, person_id: str) -> None:
        """The previous school enters the departure."""
        self._post("release", {"personId": person_id, "destinationOrganizationId": self.organization_id})

    def edit(self, stream: str, item_id: str, changes: Item) -> None:
        """Somebody changes a record at the regional side."""
        self._post("edit", {"stream": stream, "items": [{"id": item_id, "changes": changes}]})

    def open_late_entry(self, class_ids: Iterable[str], until: date) -> None:
        """The region opens journals for late entry up to a day, that day included."""
        self._post("late-entry", {"classIds": list(class_ids), "until": until.isoformat()})

    def add_lessons(self, lessons: Iterable[Item]) -> None:
        """Lessons beside the weekly plan, by names of class and subject."""
        self._post("timetable", {"lessons": list(lessons)})

    def _get(self, name: str, **query: str) -> Any:
        return self._client.get(f"/simulator/{name}", params=query).raise_for_status().json()

    def _post(self, name: str, body: Item) -> Any:
        return self._client.post(f"/simulator/{name}", json=body).raise_for_status().json()


def opening_day(today: date) -> date:
    """The day whose school year the region shows: in August still the one that has been taught, since the new
    one begins on 1 September and has no lessons yet."""
    return today.replace(month=7, day=31) if today.month == 8 else today
