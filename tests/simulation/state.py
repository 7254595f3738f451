"""A running history: the world, its random numbers, its ledger and its log. Steps act through it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import text

from sync_service.domain.links import RemoteId
from sync_service.domain.records import Values
from sync_service.domain.reports import RunReport
from sync_service.domain.streams import Stream
from tests.simulation.ledger import GIS, LOCAL, Ledger
from tests.simulation.listening import ListeningRemote
from tests.unit.engine.world import Timetable, World, normalise

T = TypeVar("T")


class Crash(BaseException):
    """The process dies here: nothing in the code under test may catch it."""


@dataclass(slots=True)
class History:
    """``log`` tells what happened, for the one who replays it; ``reopen`` starts the process anew."""

    seed: int
    world: World
    remote: ListeningRemote
    timetable: Timetable
    random: random.Random
    reopen: Callable[[], None]
    ledger: Ledger
    log: list[str] = field(default_factory=list)
    reports: list[RunReport] = field(default_factory=list)
    serial: int = 0
    normalising: bool = False  # the region spells addresses its own way
    attended: bool = False  # a person starts the runs and sees what they say
    unnoticed: bool = False  # something was changed that only a full comparison can find
    plan: int | None = None  # the latest plan of a resync

    def say(self, text: str) -> None:
        self.log.append(text)

    def number(self) -> int:
        self.serial += 1
        return self.serial

    def one(self, of: Sequence[T]) -> T | None:
        return self.random.choice(of) if of else None

    def rewritten(self, value: Any) -> Any:
        """The value as this region stores it."""
        return value.replace("ул.", "улица") if self.normalising and isinstance(value, str) else value

    def stored(self, stream: Stream, values: Values) -> Values:
        return {name: self.rewritten(value) for name, value in values.items()}

    def _alone(self, end: str, stream: Stream, record: object) -> bool:
        """Whether no live link has this record at its end."""
        with self.world.db.engine.connect() as connection:
            found = connection.execute(
                text(f"SELECT 1 FROM links WHERE stream = :stream AND {end} = :record AND state = 'live'"),
                {"stream": stream.value, "record": record},
            )
            return found.first() is None

    def dies(self) -> None:
        """The process is gone, and started anew."""
        self.remote.process_dies()
        self.reopen()

    # the school: another program that writes SQL

    def row(self, stream: Stream) -> dict[str, Any] | None:
        return self.one(self.world.rows(stream.value))

    def insert(self, stream: Stream, **values: Any) -> int:
        row = self.world.insert(stream.value, **values)
        self.inserted(stream, row, values)
        return row

    def inserted(self, stream: Stream, row: int, values: dict[str, Any]) -> None:
        self.ledger.create(LOCAL, stream, row, values)
        self.say(f"school adds {stream.value} {row}")

    def update(self, stream: Stream, row: dict[str, Any], **values: Any) -> None:
        self.world.update(stream.value, row["id"], **values)
        self.updated(stream, row, values)

    def updated(self, stream: Stream, row: dict[str, Any], values: dict[str, Any]) -> None:
        alone = self._alone("local_id", stream, row["id"])
        self.ledger.change(LOCAL, stream, row["id"], values, normalise(stream, row), alone=alone)
        self.say(f"school sets {values} of {stream.value} {row['id']}")

    def delete(self, stream: Stream, row: dict[str, Any]) -> None:
        self.world.delete(stream.value, row["id"])
        self.deleted(stream, row)

    def deleted(self, stream: Stream, row: dict[str, Any]) -> None:
        self.ledger.remove(LOCAL, stream, row["id"], normalise(stream, row))
        self.say(f"school deletes {stream.value} {row['id']}")

    # the region: a person at its page

    def item(self, stream: Stream) -> RemoteId | None:
        return self.one(list(self.world.remote.records(stream)))

    def region_create(self, stream: Stream, **values: Any) -> RemoteId:
        made = self.world.remote.create(stream, values)
        self.ledger.create(GIS, stream, made, values)
        self.say(f"region adds {made}")
        return made

    def region_edit(self, stream: Stream, record: RemoteId, **values: Any) -> None:
        before = dict(self.world.remote.region.items[stream][record].values)
        self.world.remote.edit(stream, record, **values)
        self.ledger.change(GIS, stream, record, values, before, alone=self._alone("remote_id", stream, record))
        self.say(f"region sets {values} of {record}")

    def region_delete(self, stream: Stream, record: RemoteId) -> None:
        self.ledger.remove(GIS, stream, record, self.world.remote.region.items[stream][record].values)
        self.world.remote.delete(stream, record)
        self.say(f"region deletes {record}")
