"""Which card a pupil of a file is: never guessed (DESIGN.md 4, invariant 8). Pure; takes whole files.

A list is strong evidence (СНИЛС, or full name and birth date), a class report is weak evidence (a full name
within a class). Two answers, or evidence that contradicts itself, are a person's business.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sync_service.domain.links import LocalId
from sync_service.domain.records import Values
from sync_service.domain.rules import snils
from sync_service.domain.rules.names import full_name_key
from sync_service.domain.rules.outcome import Accepted
from sync_service.domain.school_files import ParsedPupil, ReportPupil

Key = TypeVar("Key", bound=Hashable)
NameKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """The card of this pupil."""

    local_id: LocalId


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody here is this pupil."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A person decides; ``code`` is ambiguous_pupil, snils_of_another, snils_differs or erased."""

    code: str


Identity = Known | Unknown | Doubt
AMBIGUOUS = Doubt("ambiguous_pupil")
ERASED = Doubt("erased")  # the data of a pupil of that name was destroyed here


def name_key(person: ParsedPupil | ReportPupil) -> NameKey:
    return full_name_key(person.last_name, person.first_name, person.patronymic)


def row_name_key(row: Values) -> NameKey:
    return full_name_key(*(_text(row, field) for field in ("last_name", "first_name", "patronymic")))


def plain_snils(text: str | None) -> str | None:
    """Eleven digits where the text is a СНИЛС in any notation, else the text: other programs write here, too."""
    read = snils.normalise(text)
    return read.value if isinstance(read, Accepted) else text


def identify_listed(
    pupils: Sequence[ParsedPupil], classes: Mapping[str, LocalId | None], students: Mapping[LocalId, Values]
) -> list[Identity]:
    """The card of each pupil of a list, in its order. ``classes`` are the known classes by the file's names."""
    search = _ListSearch(pupils, classes, students)
    found = [search.identify(pupil) for pupil in pupils]
    by_snils = {
        identity.local_id
        for pupil, identity in zip(pupils, found, strict=True)
        if isinstance(identity, Known) and search.has_snils_of(pupil, identity)
    }
    claims = Counter(identity.local_id for identity in found if isinstance(identity, Known))
    return [
        AMBIGUOUS
        if isinstance(identity, Known)
        and claims[identity.local_id] > 1
        and not (identity.local_id in by_snils and search.has_snils_of(pupil, identity))
        else identity
        for pupil, identity in zip(pupils, found, strict=True)
    ]


class _ListSearch:
    """Indexes of all cards of the school by what a list tells."""

    def __init__(
        self, pupils: Sequence[ParsedPupil], classes: Mapping[str, LocalId | None], students: Mapping[LocalId, Values]
    ) -> None:
        self._classes = classes
        self._students = students
        names = {local_id: row_name_key(row) for local_id, row in students.items()}
        self._names = names
        self._by_snils = _grouped((plain_snils(_text(row, "snils")), i) for i, row in students.items())
        self._by_birth = _grouped(((names[i], row.get("birth_date")), i) for i, row in students.items())
        self._incomplete = _grouped(
            ((names[i], row.get("listed_class_id")), i) for i, row in students.items() if row.get("incomplete")
        )
        self._listed_snils = Counter(pupil.snils for pupil in pupils)
        self._listed_in_class = Counter((name_key(pupil), pupil.class_name) for pupil in pupils)

    def has_snils_of(self, pupil: ParsedPupil, identity: Known) -> bool:
        return pupil.snils is not None and pupil.snils == plain_snils(
            _text(self._students[identity.local_id], "snils")
        )

    def identify(self, pupil: ParsedPupil) -> Identity:
        namesakes = self._by_birth.get((name_key(pupil), pupil.birth_date), [])
        if pupil.snils is not None:
            bearers = self._by_snils.get(pupil.snils, [])
            if len(bearers) > 1 or self._listed_snils[pupil.snils] > 1:
                return AMBIGUOUS
            if bearers:
                return self._by_bearer(pupil, bearers[0], namesakes)
        if namesakes:
            return self._among_namesakes(pupil, namesakes)
        return self._unfinished(pupil)

    def _by_bearer(self, pupil: ParsedPupil, bearer: LocalId, namesakes: Collection[LocalId]) -> Identity:
        row = self._students[bearer]
        if self._names[bearer] != name_key(pupil) and row.get("birth_date") != pupil.birth_date:
            return Doubt("snils_of_another")
        if namesakes and bearer not in namesakes:
            return AMBIGUOUS  # one card has the СНИЛС, another the name and birth date
        return Known(bearer)

    def _among_namesakes(self, pupil: ParsedPupil, namesakes: Sequence[LocalId]) -> Identity:
        """Full name and birth date are equal; the number of the personal file tells namesakes apart."""
        same_file = [i for i in namesakes if self._same_file(pupil, i)]
        if len(namesakes) > 1:
            return Known(same_file[0]) if len(same_file) == 1 else AMBIGUOUS
        card = self._students[namesakes[0]]
        other_snils = pupil.snils is not None and bool(card.get("snils"))  # an equal one was found before
        if same_file or not other_snils:
            return Known(namesakes[0])
        if pupil.personal_file_no is not None and card.get("personal_file_no"):
            return self._unfinished(pupil)  # another СНИЛС and another file: another child
        return Doubt("snils_differs")

    def _same_file(self, pupil: ParsedPupil, local_id: LocalId) -> bool:
        number = self._students[local_id].get("personal_file_no")
        return pupil.personal_file_no is not None and number == pupil.personal_file_no

    def _unfinished(self, pupil: ParsedPupil) -> Identity:
        """An incomplete card that a class report made of this name in this class."""
        class_id = self._classes.get(pupil.class_name)
        if class_id is None:
            return Unknown()
        cards = [
            i
            for i in self._incomplete.get((name_key(pupil), class_id), ())
            if not self._students[i].get("birth_date") and not self._students[i].get("snils")
        ]
        if not cards:
            return Unknown()
        alone = len(cards) == 1 and self._listed_in_class[name_key(pupil), pupil.class_name] == 1
        return Known(cards[0]) if alone else AMBIGUOUS


def identify_reported(
    pupils: Iterable[ReportPupil],
    class_id: LocalId | None,
    students: Mapping[LocalId, Values],
    current: Mapping[LocalId, int],
    been_there: Collection[LocalId],
) -> list[Identity]:
    """The card of each pupil of a class report, in its order.

    First the pupils who are in the class now, then those who were in it (``been_there``) or whom a list names
    in it, then its incomplete cards. ``current`` is the class by movements; without one the listed class holds.
    """
    if class_id is None:
        return [Unknown() for _ in pupils]
    now, once, unfinished = [], [], []
    for local_id, row in students.items():
        listed = row.get("listed_class_id") == class_id
        if row.get("incomplete"):
            if listed:
                unfinished.append(local_id)
        elif current.get(local_id, row.get("listed_class_id")) == class_id:
            now.append(local_id)
        elif listed or local_id in been_there:
            once.append(local_id)
    tiers = [_grouped((row_name_key(students[i]), i) for i in tier) for tier in (now, once, unfinished)]
    return [_first_tier(name_key(pupil), tiers) for pupil in pupils]


def _first_tier(key: NameKey, tiers: Iterable[Mapping[NameKey, Sequence[LocalId]]]) -> Identity:
    for tier in tiers:
        if cards := tier.get(key):
            return Known(cards[0]) if len(cards) == 1 else AMBIGUOUS
    return Unknown()


def _grouped(pairs: Iterable[tuple[Key, LocalId]]) -> dict[Key, list[LocalId]]:
    groups: dict[Key, list[LocalId]] = defaultdict(list)
    for key, local_id in pairs:
        groups[key].append(local_id)
    return dict(groups)


def _text(row: Values, field: str) -> str | None:
    value = row.get(field)
    return None if value is None else str(value)
