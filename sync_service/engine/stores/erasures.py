"""Erasures as the engine sees them: the one store that destroys, and remembers by marks what was destroyed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from sync_service.domain.erasures import Erasure, Footprint, Reason
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.streams import Stream


class ErasureStore(Protocol):
    """Destroys one pupil's data, and knows by marks what was destroyed (:mod:`sync_service.domain.erasures`)."""

    def footprint(self, student_id: LocalId) -> Footprint | None:
        """What the database holds about the pupil; None when there is no such card."""
        ...

    def take_out(self, student_id: LocalId) -> Footprint | None:
        """Delete all of it, values in the audit journal included; the caller has looked at the obstacles."""
        ...

    def record(
        self,
        reason: Reason,
        *,
        actor: str,
        rows: int,
        remote_ids: Mapping[Stream, Iterable[RemoteId]],
        names: Iterable[str],
    ) -> int:
        """A new entry of the book with its marks; its number. ``names`` are texts of ``domain.erasures``."""
        ...

    def any(self) -> bool:
        """Whether anything is marked; one statement, once in a unit of work."""
        ...

    def marked(self, stream: Stream, remote_ids: Iterable[RemoteId]) -> set[RemoteId]:
        """Those whose record was erased; two statements, none when nothing is marked."""
        ...

    def named(self, texts: Iterable[str]) -> dict[str, int]:
        """Those of the texts that name somebody who was erased, with the number of the erasure."""
        ...

    def let_in(self, stream: Stream, remote_ids: Iterable[RemoteId]) -> int:
        """Forget the marks of these records; returns how many there were."""
        ...

    def lift(self, erasure_id: int, *, by: str) -> None:
        """Forget all marks of an erasure: who is listed comes in again."""
        ...

    def scrubbed(self, erasure_ids: Iterable[int]) -> None:
        """The freed space has been overwritten since."""
        ...

    def get(self, erasure_id: int) -> Erasure | None: ...

    def cases(self) -> list[Erasure]:
        """Oldest first."""
        ...
