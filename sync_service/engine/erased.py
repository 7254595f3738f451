"""Whose data was destroyed stays away: their records are recognised as they come in, counted, and looked at no
further, for as long as the region lists them (152-ФЗ, article 21).

A link always wins: who was entered anew by a person, and so has a link again, is a pupil like any other, and what
belongs to that pupil comes in with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sync_service.domain.actions import Incoming
from sync_service.domain.links import Link, RemoteId
from sync_service.domain.streams import Reject, Stream
from sync_service.engine.context import Cycle
from sync_service.engine.due import mark_due
from sync_service.engine.stores import UnitOfWork

PERSONS = (Stream.STUDENTS, Stream.GUARDIANS)
_TOKENS = re.compile(r"[^\s\"',:;{}\[\]()<>=\\]{4,64}")  # what an id may be, in a payload nobody could read


def erased_among(uow: UnitOfWork, incoming: Sequence[Incoming], links: Mapping[RemoteId, Link]) -> set[RemoteId]:
    """Records of persons who were erased, and of pupils who were. Only those without a link are asked about."""
    fresh = [item for item in incoming if item.record.remote_id not in links]
    if not fresh or not uow.erasures.any():
        return set()
    stream = fresh[0].record.stream
    if stream in PERSONS:
        return uow.erasures.marked(stream, [item.record.remote_id for item in fresh])
    # References of an incoming record are local ids; one that found no link is empty there, and a regional id here.
    pupils = {
        item.record.remote_id: RemoteId(str(item.record.values["student_id"]))
        for item in fresh
        if item.record.values.get("student_id") is not None and item.values.get("student_id") is None
    }
    marked = uow.erasures.marked(Stream.STUDENTS, set(pupils.values()))
    return {remote_id for remote_id, pupil in pupils.items() if pupil in marked}


def without_erased(uow: UnitOfWork, rejects: Sequence[Reject]) -> list[Reject]:
    """Rejects that may be set aside; what nobody could read of an erased person is not kept either."""
    if not rejects or not uow.erasures.any():
        return list(rejects)
    names = {
        reject: {RemoteId(token) for token in _TOKENS.findall(reject.payload)} | {reject.remote_id or RemoteId("")}
        for reject in rejects
    }
    everything = set().union(*names.values())
    marked: set[RemoteId] = set()
    for stream in PERSONS:
        found = uow.erasures.marked(stream, everything)
        marked |= found - uow.links.local_ids(stream, found).keys() if found else found
    return [reject for reject in rejects if not names[reject] & marked]


def welcome_parents(cycle: Cycle) -> None:
    """A parent whose card went with one child may come with another: a tie of a pupil we have lifts the parent's
    mark, and the parents are read anew in this cycle."""
    with cycle.read() as uow:
        wanted = _awaited(uow)
    if not wanted:
        return
    with cycle.write() as uow:
        if uow.erasures.let_in(Stream.GUARDIANS, _awaited(uow)):
            mark_due(uow, (Stream.GUARDIANS, Stream.GUARDIANSHIPS), cycle.clock.now())
        uow.commit()


def _awaited(uow: UnitOfWork) -> set[RemoteId]:
    """Marked parents that ties of present pupils wait for."""
    prefix = f"{Stream.GUARDIANS.value}:"
    waiting = uow.inbox.parked(Stream.GUARDIANSHIPS, reason="parent") if uow.erasures.any() else []
    names = [one.waits_for for one in waiting if one.waits_for is not None and one.waits_for.startswith(prefix)]
    return uow.erasures.marked(Stream.GUARDIANS, [RemoteId(name.removeprefix(prefix)) for name in names])
