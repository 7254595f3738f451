"""Replaying the audit journal gives the current base of every live link (domain/audit.py)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import text

from sync_service.domain.audit import Act
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from tests.unit.engine.world import World

_ITEMS = (
    "SELECT stream, act, local_id, remote_id, payload FROM audit_items"
    " WHERE payload IS NOT NULL AND remote_id IS NOT NULL ORDER BY id"
)


def journal_problems(world: World) -> Iterator[str]:
    """Every live link whose base the journal does not replay to."""
    replayed = _replay(world)
    staging = {stream: [LocalId(row["id"]) for row in world.rows(stream.value)] for stream in Stream}
    with world.db.read(world.school.school_id) as uow:
        for stream, rows in staging.items():
            for link in uow.links.by_local(stream, rows).values():
                local, remote = replayed[stream.value, link.local_id, link.remote_id]
                for side, wanted, found in (("local", link.base.local, local), ("remote", link.base.remote, remote)):
                    different = sorted(n for n in {*wanted, *found} if wanted.get(n) != found.get(n))
                    if different:
                        yield f"{stream.value} {link.local_id}: not the {side} base the journal tells: {different}"


def _replay(world: World) -> dict[tuple[str, int, str], tuple[dict[str, Any], dict[str, Any]]]:
    replayed: dict[tuple[str, int, str], tuple[dict[str, Any], dict[str, Any]]] = defaultdict(lambda: ({}, {}))
    with world.db.engine.connect() as connection:
        items = connection.execute(text(_ITEMS)).mappings().all()
    for item in items:
        base_local, base_remote, _ = json.loads(bytes(item["payload"]))
        if base_local is None:
            continue
        local, remote = replayed[item["stream"], item["local_id"], item["remote_id"]]
        if item["act"] in (Act.LINK, Act.CREATE, Act.UNDO):  # a new link begins anew, an undo tells the whole base
            local.clear()
            remote.clear()
        local.update(base_local)
        remote.update(base_local if base_remote is None else base_remote)
    return replayed
