"""A school in the region: its card, its twelve streams and the one sequence that numbers their changes."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.shapes import SHAPES
from connectors.ecp.simulator.shelf import Entry, Shelf


@dataclass(slots=True)
class Standing:
    """Where a pupil's movements have led: in the school or gone, and in which class."""

    enrolled: bool = True
    class_id: str | None = None


class Organization:
    """All the regional system keeps for one school."""

    def __init__(self, organization_id: str, inn: str, card: Json) -> None:
        self.id = organization_id
        self.inn = inn
        self.card = card
        self.change_version = 0
        self.shelves: dict[str, Shelf] = {name: Shelf(shape) for name, shape in SHAPES.items()}
        self.standings: dict[str, Standing] = {}

    def create(self, stream: str, fields: Json, *, item_id: str, at: str, client_ref: str | None = None) -> Entry:
        """Store a new item; absent fields get their defaults."""
        shelf = self.shelves[stream]
        self.change_version += 1
        return shelf.write(
            None,
            shelf.shape.filled(fields),
            item_id=item_id,
            change_version=self.change_version,
            changed_at=at,
            client_ref=client_ref,
        )

    def replace(self, stream: str, entry: Entry, fields: Json, *, at: str, deleted: bool = False) -> Entry:
        """Store a new state of an item, or its tombstone."""
        self.change_version += 1
        return self.shelves[stream].write(
            entry,
            fields,
            item_id=entry.id,
            change_version=self.change_version,
            changed_at=at,
            deleted=deleted,
        )
