"""Parents of a pupil list: the existing card is attached, never a second one made (regulation 3.5).

A parent is looked for among the pupil's own parents first, then in the whole school by full name together with
a common phone or a child at the same address. The rule joins siblings of one file in the same way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sync_service.domain.links import LocalId
from sync_service.domain.records import Values
from sync_service.domain.rules import phones
from sync_service.domain.rules.names import full_name_key
from sync_service.domain.rules.outcome import Accepted
from sync_service.domain.rules.text import plain_hyphens, squeeze
from sync_service.domain.school_files import ParsedGuardian, ParsedPupil
from sync_service.domain.streams import Stream
from sync_service.engine.import_changes import Change, Changes
from sync_service.engine.import_identity import NameKey, row_name_key
from sync_service.engine.import_movements import Placed
from sync_service.engine.import_report import in_row
from sync_service.engine.stores import UnitOfWork

CONTACTS = ("phone", "home_phone", "email")


def write_guardians(
    uow: UnitOfWork, changes: Changes, placed: Sequence[Placed], students: Mapping[LocalId, Values]
) -> None:
    """Attach, add and complete the parents of these pupils; at most seven statements.

    ``students`` are all cards of the school as they are after the import.
    """
    if not any(p.pupil.guardians for p in placed):
        return
    families = _load(uow, placed, students)
    for p in placed:
        for guardian in p.pupil.guardians:
            families.attach(p, guardian, changes)
    families.write(changes)


def plain_phone(text: object) -> str | None:
    """+7XXXXXXXXXX where the text is a number in any notation, else the text; None for nothing."""
    if not text:
        return None
    read = phones.normalise(str(text))
    return read.value.number if isinstance(read, Accepted) else str(text)


def address_key(text: object) -> str:
    """Equal for spellings of one address that differ in case, ё, spaces or the kind of hyphen."""
    return plain_hyphens(squeeze(str(text or ""))).casefold().replace("ё", "е")


@dataclass(slots=True, kw_only=True)
class _Card:
    """A parent's card, stored (``local_id``) or to be added, with what the file brings for it."""

    row: Values
    local_id: LocalId | None = None
    phones: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    brought: dict[str, str] = field(default_factory=dict)
    first_child: LocalId | None = None

    @property
    def stored_id(self) -> LocalId:
        """The id of a card that is in staging by now."""
        if self.local_id is None:
            raise RuntimeError("a guardian's card must be written before it is referred to")
        return self.local_id

    def take(self, pupil: ParsedPupil, guardian: ParsedGuardian, changes: Changes) -> None:
        """Contacts of this row; the first row of the file that names one wins."""
        for name in CONTACTS:
            value = getattr(guardian, name)
            if value is None or self.brought.setdefault(name, value) == value:
                continue
            changes.report_problem(
                in_row(
                    pupil.rows[0],
                    column=f"guardian.1.{name}",
                    code="guardian_differs",
                    reason="у этого родителя в строках другого ребёнка другие телефон или почта; загружены первые",
                    remedy="Проверьте карточку родителя.",
                    severity="warning",
                )
            )
        self.phones |= {number for number in (guardian.phone, guardian.home_phone) if number}

    def improvements(self) -> Values:
        """Contacts to write. A number that the card has already, in either place, is left where it is."""
        numbers = {plain_phone(self.row.get("phone")), plain_phone(self.row.get("home_phone"))}
        return {
            name: value
            for name, value in self.brought.items()
            if value != self.row.get(name) and not (name != "email" and value in numbers)
        }


@dataclass(slots=True, kw_only=True)
class _Tie:
    """A guardianship the file names."""

    student_id: LocalId
    card: _Card
    guardian: ParsedGuardian


class _Families:
    """All parents of the school, and the ties between them and the pupils of the file."""

    def __init__(
        self, cards: Iterable[_Card], ties: Mapping[LocalId, Values], addresses: Mapping[LocalId, str]
    ) -> None:
        self._cards = list(cards)
        self._addresses = addresses
        by_id = {card.stored_id: card for card in self._cards}
        self._by_name: dict[NameKey, list[_Card]] = defaultdict(list)
        for card in self._cards:
            self._by_name[row_name_key(card.row)].append(card)
        self._stored: dict[tuple[LocalId, int], tuple[LocalId, Values]] = {}
        self._parents: dict[LocalId, list[_Card]] = defaultdict(list)
        for tie_id, row in ties.items():
            student_id, guardian_id = LocalId(int(row["student_id"] or 0)), LocalId(int(row["guardian_id"] or 0))
            card = by_id[guardian_id]
            self._stored.setdefault((student_id, guardian_id), (tie_id, row))
            self._parents[student_id].append(card)
            card.addresses.add(addresses.get(student_id, ""))
        self._ties: list[_Tie] = []

    def attach(self, placed: Placed, guardian: ParsedGuardian, changes: Changes) -> None:
        """Tie a parent of the file to the pupil; two cards that fit are a person's business."""
        key = full_name_key(guardian.last_name, guardian.first_name, guardian.patronymic)
        address = self._addresses.get(placed.student_id, "")
        numbers = {number for number in (guardian.phone, guardian.home_phone) if number}
        own = [card for card in self._parents[placed.student_id] if row_name_key(card.row) == key]
        bearers = self._by_name[key]
        by_phone = [card for card in own or bearers if card.phones & numbers]
        fitting = by_phone or own or [card for card in bearers if address and address in card.addresses]
        if len(fitting) > 1:
            changes.report_problem(
                in_row(
                    placed.pupil.rows[0],
                    column="guardian.1.name",
                    code="ambiguous_guardian",
                    reason="этому родителю подходят несколько карточек, родитель не загружен",
                    remedy="Прикрепите нужную карточку родителя вручную и удалите лишнюю.",
                    severity="warning",
                )
            )
            return
        if fitting:
            card = fitting[0]
        else:
            card = _Card(row={name: getattr(guardian, name) for name in ("last_name", "first_name", "patronymic")})
            self._cards.append(card)
            bearers.append(card)
        card.take(placed.pupil, guardian, changes)
        card.addresses.add(address)
        card.first_child = card.first_child or placed.student_id
        if card not in own:
            self._parents[placed.student_id].append(card)
        self._ties.append(_Tie(student_id=placed.student_id, card=card, guardian=guardian))

    def write(self, changes: Changes) -> None:
        """New cards, better contacts, then the ties."""
        new = [card for card in self._cards if card.local_id is None]
        rows: list[Values] = [{**card.row, **card.brought} for card in new]
        named = [(card, card.first_child) for card in self._cards if card.local_id and card.first_child]
        ids = changes.insert(Stream.GUARDIANS, rows, [card.first_child for card in new if card.first_child])
        for card, local_id in zip(new, ids, strict=True):
            card.local_id = local_id
        changes.update(
            Stream.GUARDIANS,
            [
                Change(local_id=card.stored_id, values=card.improvements(), row=card.row, student_id=child)
                for card, child in named
            ],
        )
        self._write_ties(changes)

    def _write_ties(self, changes: Changes) -> None:
        added: list[Values] = []
        students: list[LocalId] = []
        updates: list[Change] = []
        for tie in self._ties:
            guardian_id = tie.card.stored_id
            stored = self._stored.get((tie.student_id, guardian_id))
            if stored is None:
                added.append(
                    {
                        "student_id": tie.student_id,
                        "guardian_id": guardian_id,
                        "relation": tie.guardian.relation,
                        "relation_note": tie.guardian.relation_note,
                    }
                )
                students.append(tie.student_id)
            else:
                tie_id, row = stored
                values = _relation(row, tie.guardian)
                updates.append(Change(local_id=tie_id, values=values, row=row, student_id=tie.student_id))
        changes.insert(Stream.GUARDIANSHIPS, added, students)
        changes.update(Stream.GUARDIANSHIPS, updates)


def _relation(row: Values, guardian: ParsedGuardian) -> Values:
    """Relation and note where the file says something else. «иной» without a note is also what an empty cell
    is read as, and an empty cell changes nothing; a note belongs to its relation and goes with it."""
    relation, note = guardian.relation, guardian.relation_note
    if relation == "иной" and note is None:
        return {}
    if relation != row["relation"]:
        return {"relation": relation, "relation_note": note}
    return {"relation_note": note} if note is not None and note != row["relation_note"] else {}


def _load(uow: UnitOfWork, placed: Sequence[Placed], students: Mapping[LocalId, Values]) -> _Families:
    """The pupils' own parents, everybody of the parents' names, and the addresses of their children."""
    rows = uow.staging.all_rows(Stream.GUARDIANS)
    keys = {
        full_name_key(guardian.last_name, guardian.first_name, guardian.patronymic)
        for p in placed
        for guardian in p.pupil.guardians
    }
    candidates = {i: row for i, row in rows.items() if row_name_key(row) in keys}
    cards = [
        _Card(
            row=row,
            local_id=i,
            phones={number for name in ("phone", "home_phone") if (number := plain_phone(row.get(name)))},
        )
        for i, row in candidates.items()
    ]
    ties = uow.staging.where(Stream.GUARDIANSHIPS, "guardian_id", list(candidates)) if candidates else {}
    addresses = {i: address_key(row.get("address")) for i, row in students.items()}
    return _Families(cards, ties, addresses)
