"""The state file: the region as it was, so that a restarted simulator goes on where it stopped.

JSON lines: a header, then every item by organization and stream in the order of change. Written beside the
file and moved over it, so that a reader finds the old state or the new one, never half of either.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from connectors.ecp.simulator.clock import SchoolClock, stamp
from connectors.ecp.simulator.enrolment import follow_movements
from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.organization import Organization
from connectors.ecp.simulator.persons import Person
from connectors.ecp.simulator.shelf import Entry
from connectors.ecp.simulator.world import World

FORMAT = 1
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def save(world: World, path: Path) -> None:
    """Write the whole world to ``path`` atomically."""
    with world.lock:
        lines = [_encode(_header(world)), *_items(world)]
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(b"\n".join(lines) + b"\n")
    beside.replace(path)


def load(path: Path) -> World:
    """The world a state file holds; ValueError when it is not one."""
    lines = iter(path.read_bytes().splitlines())
    try:
        return _world(_decode(next(lines)), lines)
    except (StopIteration, msgspec.DecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} is not a state file of this simulator: remove it") from error


def _header(world: World) -> Json:
    return {
        "format": FORMAT,
        "seed": world.seed,
        "now": stamp(world.clock.now()),
        "frozen": world.clock.frozen,
        "guids": world.guids.given,
        "tokens": world.tokens.snapshot(),
        "idempotency": world.answers.mode,
        "idempotencyLife": None if world.answers.life is None else world.answers.life.total_seconds(),
        "organizations": [
            {
                "id": organization.id,
                "inn": organization.inn,
                "card": organization.card,
                "changeVersion": organization.change_version,
                "streams": {
                    name: {"oldest": shelf.oldest, "newest": shelf.newest}
                    for name, shelf in organization.shelves.items()
                },
            }
            for organization in world.organizations.values()
        ],
        "persons": [
            {
                "id": person.id,
                "card": person.card,
                "organization_id": person.organization_id,
                "student_id": person.student_id,
                "last_organization_id": person.last_organization_id,
            }
            for person in world.persons
        ],
    }


def _items(world: World) -> Iterator[bytes]:
    for organization in world.organizations.values():
        for name, shelf in organization.shelves.items():
            for entry in shelf.entries.values():  # in the order of creation, which dumps keep
                yield b'["%b","%b",%d,%b]' % (organization.id.encode(), name.encode(), entry.created, entry.body)


def _world(header: Json, lines: Iterator[bytes]) -> World:
    if header["format"] != FORMAT:
        raise KeyError("format")
    world = World.empty(seed=header["seed"], clock=SchoolClock(datetime.fromisoformat(header["now"])))
    world.clock.freeze(header["frozen"])
    world.guids.given = header["guids"]
    world.tokens.restore(header["tokens"])
    world.answers.mode = header["idempotency"]
    if header.get("idempotencyLife") is not None:
        world.answers.life = timedelta(seconds=header["idempotencyLife"])
    for kept in header["organizations"]:
        organization = Organization(kept["id"], kept["inn"], kept["card"])
        organization.change_version = kept["changeVersion"]
        world.organizations[organization.id] = organization
    for kept in header["persons"]:
        world.persons.add(Person(**kept))
    for line in lines:
        organization_id, stream, created, item = _decode(line)
        world.organizations[organization_id].shelves[stream].restore(_entry(item, created))
    for kept in header["organizations"]:
        organization = world.organizations[kept["id"]]
        for name, bounds in kept["streams"].items():
            organization.shelves[name].settle(newest=bounds["newest"], oldest=bounds["oldest"])
        for student_id in organization.shelves["students"].entries:
            follow_movements(world, organization, student_id)
    return world


def _entry(item: Json, created: int) -> Entry:
    return Entry(
        id=item["id"],
        version=item["version"],
        change_version=item["changeVersion"],
        created=created,
        deleted=item["deleted"],
        client_ref=item["clientRef"],
        body=_encode(item),
    )


class StateKeeper:
    """Saves a world at most once a second while it changes, and once more at the end."""

    def __init__(self, world: World, path: Path) -> None:
        self._world = world
        self._path = path
        self._saved = -1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ecp-simulator-state", daemon=True)

    def start(self) -> None:
        """Save now and then whenever something has changed."""
        self.save_if_changed()
        self._thread.start()

    def stop(self) -> None:
        """Save what is not saved yet."""
        self._stop.set()
        self._thread.join()
        self.save_if_changed()

    def save_if_changed(self) -> None:
        """Write the file unless it already says what is so."""
        seen = self._world.writes
        if seen != self._saved:
            save(self._world, self._path)
            self._saved = seen

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            with contextlib.suppress(OSError):  # tried again a second later, and loudly at the end
                self.save_if_changed()
