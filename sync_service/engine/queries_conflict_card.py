"""What stands on a conflict card beside the values in dispute: the rest of the record, and a suggestion in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sync_service.domain.actions import DELETION_FIELD
from sync_service.domain.conflicts import Conflict, Side
from sync_service.domain.links import LocalId
from sync_service.domain.policies import StreamPolicy
from sync_service.domain.records import Scalar
from sync_service.domain.streams import SPECS, Stream
from sync_service.domain.suggesting import suggest
from sync_service.engine import queries_words as words
from sync_service.engine.context import School
from sync_service.engine.queries_captions import Captions, load_captions
from sync_service.engine.queries_masks import masked
from sync_service.engine.stores import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class RestOfRecord:
    """A field nobody disputes. ``gis`` is what the region held when it was last read, None for a field that does
    not travel. СНИЛС, phones and numbers of documents are masked."""

    title: str
    school: str
    gis: str | None
    equal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionView:
    """``side`` is «school» or «gis»."""

    side: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardExtras:
    """``suggestions`` by group."""

    rest: tuple[RestOfRecord, ...]
    suggestions: Mapping[str, SuggestionView]

    @property
    def equal(self) -> int:
        return sum(one.equal for one in self.rest)


def card_extras(
    db: Database, school: School, policies: Mapping[Stream, StreamPolicy], conflict_id: int
) -> CardExtras:
    """A constant number of statements; nothing for a case that is gone."""
    with db.read(school.school_id) as uow:
        case = uow.conflicts.get(conflict_id)
        if case is None:
            return CardExtras(rest=(), suggestions={})
        link = uow.links.by_local(case.stream, [case.local_id]).get(case.local_id)
        captions = load_captions(uow, {case.stream: {case.local_id}})
        there = link.base.remote if link else {}
        parents = _named(case.stream, there)
        named = load_captions(uow, parents) if parents else captions
    found = suggest(case.clashes, policies[case.stream])
    return CardExtras(
        rest=_rest(case, captions, named, there),
        suggestions={
            one.group: SuggestionView(
                side="school" if one.side is Side.LOCAL else "gis", why=words.SUGGESTIONS[one.reason]
            )
            for one in found
        },
    )


def _named(stream: Stream, values: Mapping[str, Scalar]) -> dict[Stream, set[LocalId]]:
    """The records the region's values refer to."""
    found: dict[Stream, set[LocalId]] = {}
    for field, parent in SPECS[stream].references.items():
        value = values.get(field)
        if isinstance(value, int):
            found.setdefault(parent, set()).add(LocalId(value))
    return found


def _rest(
    case: Conflict, captions: Captions, named: Captions, there: Mapping[str, Scalar]
) -> tuple[RestOfRecord, ...]:
    disputed = {clash.field for clash in case.clashes}
    if DELETION_FIELD in disputed:
        return ()  # there is only one side to show
    row = captions.row(case.stream, case.local_id)
    found = []
    for name in SPECS[case.stream].fields:
        if name in disputed or name == "person_id" or (row.get(name) is None and there.get(name) is None):
            continue
        here, gis = captions.value(case.stream, name, row.get(name)), None
        if name in there:
            gis = named.value(case.stream, name, there[name])
        equal = gis is not None and here == gis
        found.append(
            RestOfRecord(
                title=words.FIELDS.get(name, name),
                school=masked(name, here),
                gis=None if gis is None else masked(name, gis),
                equal=equal,
            )
        )
    return tuple(found)
