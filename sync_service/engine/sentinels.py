"""Before anything is deleted: are the school and a few records we know still readable (invariant 7)?

A region that was restored from an old copy, answers for another school or has lost a stream tells of deletions
that nobody made.
"""

from __future__ import annotations

from collections.abc import Iterable

from sync_service.domain.errors import ContractError
from sync_service.domain.links import RemoteId
from sync_service.domain.streams import Stream
from sync_service.engine.context import Cycle

ASKED = 3


def check_sentinels(cycle: Cycle, stream: Stream, *, besides: Iterable[RemoteId]) -> None:
    """Raise ContractError when the school or one of a few known records cannot be read; a record that the region
    knows as deleted can be. Raises what the look-up raises: no answer is no proof either."""
    with cycle.read() as uow:
        known = {stream: uow.links.some(stream, ASKED, besides=besides)}
        if uow.links.local_ids(Stream.ORGANIZATIONS, [cycle.school.organization_id]):
            own = known.setdefault(Stream.ORGANIZATIONS, [])
            known[Stream.ORGANIZATIONS] = [*own, cycle.school.organization_id]
    cycle.remote.change_versions()  # the school itself, in every region
    for asked, ids in known.items():
        if not ids:
            continue
        found = {record.remote_id for record in cycle.remote.get(asked, ids).records}
        lost = len(set(ids) - found)
        if lost:
            raise ContractError(
                f"{stream.value}: {lost} of {len(set(ids))} records of {asked.value} that we share with the region "
                "cannot be read there; no deletion is carried out, check the regional system"
            )
