"""Values in miniature: links, regional records and pages as the tests of decisions need them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mappings import load_mappings
from sync_service.domain.actions import Incoming
from sync_service.domain.conflicts import Conflict, ConflictKind, ConflictState, FieldClash
from sync_service.domain.links import Link, LinkId, LocalId, RemoteId, Snapshot
from sync_service.domain.records import Values
from sync_service.domain.streams import RemoteRecord, Stream

POLICIES = {stream: mapping.policy for stream, mapping in load_mappings().items()}

PUPIL: Values = {
    "last_name": "Семёнов",
    "first_name": "Илья",
    "patronymic": "Петрович",
    "sex": "М",
    "birth_date": "2015-03-14",
    "snils": None,
    "document_series": None,
    "document_number": None,
}


def pupil(**changes: str | None) -> Values:
    """A pupil's card; fields that are not named are those of one Илья Семёнов."""
    return {**PUPIL, **changes}


def local(number: int) -> LocalId:
    return LocalId(number)


def remote(name: str) -> RemoteId:
    return RemoteId(name)


def linked(
    values: Values,
    *,
    local_id: int = 1,
    remote_id: str = "r1",
    there: Values | None = None,
    version: int | None = 3,
    change_version: int | None = 10,
) -> Link:
    """A live link whose sides agreed on ``values``; ``there`` where the region keeps something else."""
    return Link(
        link_id=LinkId(local_id + 1000),
        local_id=LocalId(local_id),
        remote_id=RemoteId(remote_id),
        base=Snapshot(values, values if there is None else there),
        version=version,
        change_version=change_version,
    )


def seen(
    stream: Stream,
    values: Values,
    *,
    remote_id: str = "r1",
    change_version: int | None = 20,
    version: int | None = 4,
    deleted: bool = False,
    client_ref: str | None = None,
    missing: str | None = None,
) -> Incoming:
    """A regional record as a page brings it, its references already local."""
    record = RemoteRecord(
        stream=stream,
        remote_id=RemoteId(remote_id),
        values=values,
        version=version,
        change_version=change_version,
        deleted=deleted,
        client_ref=client_ref,
    )
    return Incoming(record, values, missing)


def case(
    link: Link,
    stream: Stream,
    clashes: Iterable[FieldClash],
    *,
    kind: ConflictKind = ConflictKind.EDIT,
    state: ConflictState = ConflictState.OPEN,
) -> Conflict:
    """An undecided case about the record of ``link``."""
    return Conflict(
        conflict_id=77,
        stream=stream,
        link_id=link.link_id,
        local_id=link.local_id,
        kind=kind,
        clashes=tuple(clashes),
        state=state,
    )


def by_local(*links: Link) -> dict[LocalId, Link]:
    return {link.local_id: link for link in links}


def by_remote(*links: Link) -> dict[RemoteId, Link]:
    return {link.remote_id: link for link in links}


def open_cases(*conflicts: Conflict) -> Mapping[LinkId, Conflict]:
    return {conflict.link_id: conflict for conflict in conflicts}
