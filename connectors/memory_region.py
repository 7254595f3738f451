"""The state behind :mod:`connectors.memory`: records of one school and who is enrolled where.

Values are canonical, references are regional ids. Ids are counted, so that a history replays identically.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from sync_service.domain.links import RemoteId
from sync_service.domain.policies import folded
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import SPECS, RemoteRecord, Stream

CARD: Final = (
    "last_name",
    "first_name",
    "patronymic",
    "sex",
    "birth_date",
    "snils",
    "document_series",
    "document_number",
    "address",
    "phone",
)
UNIQUE: Final[dict[Stream, tuple[str, ...]]] = {
    Stream.GUARDIANS: ("last_name", "first_name", "patronymic", "phone"),
    Stream.GUARDIANSHIPS: ("student_id", "guardian_id"),
    Stream.MOVEMENTS: ("student_id", "kind", "order_number", "date"),
    Stream.MARKS: ("student_id", "lesson_id", "position"),
    Stream.FINAL_MARKS: ("student_id", "subject_id", "period_id", "kind"),
    Stream.ATTENDANCE: ("student_id", "lesson_id"),
}
TOMBSTONE: Final = (
    {stream: spec.key for stream, spec in SPECS.items()}
    | UNIQUE
    | {Stream.STUDENTS: ("person_id", "last_name", "first_name", "patronymic", "birth_date", "snils")}
)
EMPTY: Final[dict[Stream, Values]] = {
    stream: {f.name: f.default if f.default in (1, True) else None for f in fields(spec.record)}
    for stream, spec in SPECS.items()
}


class Refusal(Exception):
    """The region refuses one item: the status of the contract, its code, and the field."""

    def __init__(self, status: int, code: str, path: str = "", *, existing: RemoteId | None = None) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.path, self.existing = status, code, path, existing


@dataclass(slots=True)
class Item:
    values: Values
    version: int
    change_version: int
    deleted: bool = False
    client_ref: str | None = None

    def copy(self) -> Item:
        return Item(dict(self.values), self.version, self.change_version, self.deleted, self.client_ref)


@dataclass(slots=True)
class Person:
    """``organization_id`` is where the person studies now, None when free to be enrolled."""

    card: Values
    organization_id: RemoteId | None = None
    student_id: RemoteId | None = None
    last_organization_id: RemoteId | None = None


@dataclass(slots=True)
class Region:
    """Everything one school sees; ``here`` is its organization id."""

    here: RemoteId
    items: dict[Stream, dict[RemoteId, Item]] = field(default_factory=lambda: {stream: {} for stream in Stream})
    persons: dict[str, Person] = field(default_factory=dict)
    newest: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))
    oldest: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))
    changes: int = 0
    ids: int = 0

    def clone(self) -> Region:
        return Region(
            here=self.here,
            items={stream: {rid: item.copy() for rid, item in kept.items()} for stream, kept in self.items.items()},
            persons={
                pid: Person(dict(p.card), p.organization_id, p.student_id, p.last_organization_id)
                for pid, p in self.persons.items()
            },
            newest=dict(self.newest),
            oldest=dict(self.oldest),
            changes=self.changes,
            ids=self.ids,
        )

    # Storing, without rules.

    def new_id(self, kind: str) -> str:
        self.ids += 1
        return f"{kind}-{self.ids}"

    def insert(
        self, stream: Stream, values: Values, *, remote_id: RemoteId | None = None, client_ref: str | None = None
    ) -> RemoteId:
        remote_id = remote_id or RemoteId(self.new_id(stream.value))
        item = Item(self.filled(stream, values), 0, 0, client_ref=client_ref)
        self.items[stream][remote_id] = item
        self.touch(stream, item)
        self._follow(stream, item)
        return remote_id

    def filled(self, stream: Stream, values: Values) -> Values:
        """Every field of the stream; null means the default, as the contract has it for weight and place."""
        given = {name: value for name, value in values.items() if value is not None}
        return {**EMPTY[stream], **given}

    def touch(self, stream: Stream, item: Item) -> None:
        """A new version of the item, with the next change version of the school."""
        self.changes += 1
        item.version += 1
        item.change_version = self.newest[stream] = self.changes

    def replace(self, stream: Stream, item: Item, values: Values, *, deleted: bool = False) -> None:
        item.values, item.deleted = values, deleted
        self.touch(stream, item)
        self._follow(stream, item)

    def live(self, stream: Stream, remote_id: Scalar) -> Item | None:
        item = self.items[stream].get(RemoteId(str(remote_id)))
        return None if item is None or item.deleted else item

    def record(self, stream: Stream, remote_id: RemoteId, item: Item) -> RemoteRecord:
        """The record as the region shows it; a tombstone keeps only its natural key."""
        kept = {name: item.values[name] for name in TOMBSTONE[stream]} if item.deleted else dict(item.values)
        return RemoteRecord(
            stream=stream,
            remote_id=remote_id,
            values=kept,
            version=item.version,
            change_version=item.change_version,
            deleted=item.deleted,
            client_ref=item.client_ref,
        )

    # Enrolment: cards enrol, movements drive, a departure releases.

    def _follow(self, stream: Stream, item: Item) -> None:
        if stream is Stream.MOVEMENTS:
            self._follow_movements(RemoteId(str(item.values["student_id"])))
        elif stream is Stream.STUDENTS and (person := self.persons.get(str(item.values["person_id"]))):
            person.card = {name: item.values[name] for name in CARD}

    def _moves(self, student_id: RemoteId) -> list[Values]:
        found = [
            item.values
            for item in self.items[Stream.MOVEMENTS].values()
            if not item.deleted and item.values["student_id"] == student_id
        ]
        return sorted(found, key=lambda values: str(values["date"]))  # stable: entry order within a day

    def _follow_movements(self, student_id: RemoteId) -> None:
        card = self.items[Stream.STUDENTS].get(student_id)
        person = self.persons.get(str(card.values["person_id"])) if card else None
        if person is None:
            return
        left = [move["kind"] in ("departure", "graduation") for move in self._moves(student_id)]
        if left and left[-1]:
            if person.student_id == student_id:
                person.last_organization_id, person.organization_id = person.organization_id, None
                person.student_id = None
        elif person.organization_id is None:
            person.organization_id, person.student_id = self.here, student_id

    def class_of(self, student_id: Scalar) -> Scalar:
        """The pupil's class of today, None when there is none."""
        current: Scalar = None
        for move in self._moves(RemoteId(str(student_id))):
            left = move["kind"] in ("departure", "graduation")
            current = None if left else move["class_to_id"] or current
        return current

    def persons_like(self, wanted: Mapping[str, Scalar]) -> list[tuple[str, Person]]:
        """СНИЛС decides when it is given and found, else full name and birth date."""
        snils = wanted.get("snils")
        found = [(pid, p) for pid, p in self.persons.items() if snils and p.card.get("snils") == snils]
        names = ("last_name", "first_name", "patronymic", "birth_date")
        if found or not all(wanted.get(name) for name in ("last_name", "first_name", "birth_date")):
            return found
        key = [folded(wanted.get(name)) for name in names]
        return [(pid, p) for pid, p in self.persons.items() if [folded(p.card.get(n)) for n in names] == key]

    def enrol(self, values: Values, *, client_ref: str | None) -> RemoteId:
        """A new card, of the named person or of a new one; Refusal when the person may not be enrolled."""
        person_id = values.get("person_id")
        if person_id is not None:
            person = self.persons.get(str(person_id))
            if person is None:
                raise Refusal(422, "unknown_reference", "data.person_id")
            self._refuse_enrolled(person)
            values = {**person.card, **{name: value for name, value in values.items() if value is not None}}
        else:
            known = [person for _, person in self.persons_like(values)]
            for person in sorted(known, key=lambda one: one.organization_id != self.here):
                self._refuse_enrolled(person)
            if known:
                raise Refusal(409, "person_has_card")
        return self.add_card(values, client_ref=client_ref)

    def add_card(
        self, values: Values, *, remote_id: RemoteId | None = None, client_ref: str | None = None
    ) -> RemoteId:
        """A card and its person, enrolled here, no questions asked; the person is made when not known."""
        person_id = str(values.get("person_id") or self.new_id("person"))
        person = self.persons.setdefault(person_id, Person({}))
        values = {**values, "person_id": person_id}
        remote_id = self.insert(Stream.STUDENTS, values, remote_id=remote_id, client_ref=client_ref)
        person.organization_id, person.student_id = self.here, remote_id
        return remote_id

    def _refuse_enrolled(self, person: Person) -> None:
        if person.organization_id == self.here:
            raise Refusal(409, "person_has_card", existing=person.student_id)
        if person.organization_id is not None:
            raise Refusal(409, "not_released")

    def compact(self, streams: tuple[Stream, ...]) -> None:
        """Forget the history of these streams: positions before now are expired, tombstones are gone."""
        for stream in streams:
            self.oldest[stream] = self.newest[stream]
            self.items[stream] = {rid: item for rid, item in self.items[stream].items() if not item.deleted}

    def window(self, stream: Stream, low: int, high: int) -> list[tuple[RemoteId, Item]]:
        """Items with low < change version <= high in the region's order; a low below 0 asks for everything
        and gets no tombstones."""
        found = [
            (remote_id, item)
            for remote_id, item in self.items[stream].items()
            if low < item.change_version <= high and not (low < 0 and item.deleted)
        ]
        found.sort(key=lambda pair: (pair[1].change_version, pair[0]))
        return found
