"""A region in memory that tells the ledger which of its answers nobody has heard."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.memory import MemoryRemote
from sync_service.domain.errors import OutcomeUnknown
from sync_service.domain.streams import Stream
from sync_service.engine.ports import Clock, WriteItem, WriteResult
from tests.simulation.ledger import Ledger

SETTLED = "push.settle.after_commit"


class ListeningRemote(MemoryRemote):
    """Notes every update whose answer was lost: on its way, or because the process died before it was settled."""

    def __init__(self, clock: Clock, ledger: Ledger, *, page_size: int) -> None:
        super().__init__(clock, page_size=page_size)
        self._ledger = ledger
        self._open: list[tuple[Stream, str]] = []  # answered, and not settled yet

    def write(self, stream: Stream, items: Sequence[WriteItem], *, key: str) -> list[WriteResult]:
        self._open = [(stream, item.remote_id) for item in items if item.remote_id is not None]
        try:
            return super().write(stream, items, key=key)
        except OutcomeUnknown:
            self.process_dies()
            raise

    def passes(self, point: str) -> None:
        if point == SETTLED:
            self._open = []

    def process_dies(self) -> None:
        """What was answered last and not settled is lost."""
        for stream, record in self._open:
            self._ledger.lose_answer(stream, record)
        self._open = []
