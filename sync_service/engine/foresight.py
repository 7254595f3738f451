"""What a plan so far would have made known, laid over what the database knows.

A new class, its lesson and the mark of that lesson can then be planned in one go, without a write: records that
the plan creates get negative ids that no row has, records it sends get names that no region gives.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import count
from typing import Any, cast

from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.plans import PlanAct, PlanItem
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import SPECS, Stream
from sync_service.engine.stores import LinkStore, StagingStore, UnitOfWork


class Foresight:
    """Pairs that the items planned so far would form."""

    def __init__(self) -> None:
        self._here: dict[Stream, dict[RemoteId, LocalId]] = defaultdict(dict)
        self._there: dict[Stream, dict[LocalId, RemoteId]] = defaultdict(dict)
        self._names: dict[int, str] = {}
        self._numbers = count(-1, -1)

    def note(self, items: Iterable[PlanItem]) -> None:
        """Remember what these items would create, link or send."""
        for item in items:
            if PlanAct.CREATE_HERE in item.acts and item.remote_id is not None:
                number = LocalId(next(self._numbers))
                self._pair(item.stream, number, item.remote_id)
                self._names[number] = f"{item.stream.value}:{item.remote_id}"
            elif PlanAct.LINK in item.acts and item.local_id is not None and item.remote_id is not None:
                self._pair(item.stream, item.local_id, item.remote_id)
            elif PlanAct.SEND_CREATE in item.acts and item.local_id is not None:
                self._there[item.stream][item.local_id] = RemoteId(f"planned:{item.local_id}")

    def _pair(self, stream: Stream, local_id: LocalId, remote_id: RemoteId) -> None:
        self._here[stream][remote_id] = local_id
        self._there[stream][local_id] = remote_id

    def linked(self, stream: Stream) -> set[LocalId]:
        """Rows of the school that would have a counterpart."""
        return {local_id for local_id in self._here[stream].values() if local_id > 0}

    def named(self, stream: Stream, field: str, value: Scalar) -> Scalar:
        """The value; of a reference to a record that only the plan creates the name of that record."""
        if field in SPECS[stream].references and isinstance(value, int) and value < 0:
            return self._names[value]
        return value

    def over(self, uow: UnitOfWork) -> UnitOfWork:
        """The unit of work as it would look."""
        return cast(UnitOfWork, _Unit(uow, self._here, self._there))


class _Unit:
    def __init__(
        self,
        uow: UnitOfWork,
        here: dict[Stream, dict[RemoteId, LocalId]],
        there: dict[Stream, dict[LocalId, RemoteId]],
    ) -> None:
        self._uow = uow
        self.links = cast(LinkStore, _Links(uow.links, here, there))
        self.staging = cast(StagingStore, _Staging(uow.staging, here))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._uow, name)


class _Links:
    def __init__(
        self,
        links: LinkStore,
        here: dict[Stream, dict[RemoteId, LocalId]],
        there: dict[Stream, dict[LocalId, RemoteId]],
    ) -> None:
        self._links, self._here, self._there = links, here, there

    def local_ids(self, stream: Stream, remote_ids: Iterable[RemoteId]) -> dict[RemoteId, LocalId]:
        wanted = list(remote_ids)
        foreseen = self._here[stream]
        return {**{i: foreseen[i] for i in wanted if i in foreseen}, **self._links.local_ids(stream, wanted)}

    def remote_ids(self, stream: Stream, local_ids: Iterable[LocalId]) -> dict[LocalId, RemoteId]:
        wanted = list(local_ids)
        foreseen = self._there[stream]
        return {**{i: foreseen[i] for i in wanted if i in foreseen}, **self._links.remote_ids(stream, wanted)}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._links, name)


class _Staging:
    def __init__(self, staging: StagingStore, here: dict[Stream, dict[RemoteId, LocalId]]) -> None:
        self._staging, self._here = staging, here

    def unlinked(self, stream: Stream, field: str | None = None, values: Iterable[Any] = ()) -> dict[LocalId, Values]:
        taken = set(self._here[stream].values())
        found = self._staging.unlinked(stream, field, values)
        return {local_id: row for local_id, row in found.items() if local_id not in taken}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._staging, name)
