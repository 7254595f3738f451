"""The list of conflicts a person goes through: its shelf and its filter stay in the addresses of the cards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends

from sync_service.domain.cases import Shelf
from sync_service.domain.streams import Stream
from sync_service.engine.queries_shelves import open_conflicts
from sync_service.web.visits import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    shelf: Shelf = Shelf.DUE
    stream: Stream | None = None

    @property
    def query(self) -> str:
        """«?shelf=passed&stream=marks»; empty for everything that is due."""
        named = {
            "shelf": "" if self.shelf is Shelf.DUE else self.shelf.value,
            "stream": self.stream.value if self.stream else "",
        }
        found = urlencode({name: value for name, value in named.items() if value})
        return f"?{found}" if found else ""

    def ids(self, visit: Visit) -> list[int]:
        """Its cases, oldest first."""
        today = visit.service.clock.today(visit.school.zone)
        return open_conflicts(visit.service.db, visit.school, today, visit.role, stream=self.stream, shelf=self.shelf)


def _walk(shelf: str = "", stream: str = "") -> Walk:
    return Walk(
        shelf=next((one for one in Shelf if one.value == shelf), Shelf.DUE),
        stream=next((one for one in Stream if one.value == stream), None),
    )


Walking = Annotated[Walk, Depends(_walk)]
