"""Look an arriving pupil up: in «доступные для зачисления» first, and among the school's own cards.

A look-up that failed is an error and is told as one; it never reads as «not found» (invariant 8).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sync_service.domain.errors import ContractError, LoginNeeded, TransientError
from sync_service.domain.links import LocalId, RemoteId
from sync_service.domain.records import Values
from sync_service.domain.rules.names import comparison_key
from sync_service.domain.streams import Stream
from sync_service.engine.decisions import Desk
from sync_service.engine.entry_fields import Reading
from sync_service.engine.import_identity import plain_snils
from sync_service.engine.ports import PersonCandidate, PersonQuery, PersonStatus
from sync_service.engine.queries_captions import load_captions, person_name
from sync_service.engine.stores import UnitOfWork

MOST_CARDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """A person of the regional list. ``status`` is available, enrolled_elsewhere or enrolled_here; ``school`` is the
    one of study, or the last one, with its phone. The СНИЛС stays in the region: it comes with the enrolment."""

    person_id: str
    status: str
    last_name: str
    first_name: str
    patronymic: str | None
    birth_date: str | None
    school: str | None
    phone: str | None
    school_id: int | None

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.last_name, self.first_name, self.patronymic) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardView:
    """A card of the school that fits. ``here``: the pupil is in a class now."""

    student_id: LocalId
    caption: str
    birth_date: str | None
    here: bool
    linked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalSearch:
    """``failure`` says why the region could not be asked: then ``persons`` says nothing."""

    persons: tuple[PersonView, ...]
    cards: tuple[CardView, ...]
    failure: str = ""


def find_arrivals(desk: Desk, typed: Mapping[str, str]) -> ArrivalSearch:
    """Ask the region, then the school. Raises EntryRefused when neither СНИЛС nor name with birth date is given."""
    reading = Reading(typed=typed, today=desk.clock.today(desk.school.zone))
    number = reading.snils("snils")
    by_name = number is None
    wanted: Values = {
        "last_name": reading.name("last_name", "Впишите фамилию или СНИЛС." if by_name else ""),
        "first_name": reading.name("first_name", "Впишите имя." if by_name else ""),
        "patronymic": reading.patronymic("patronymic"),
        "birth_date": reading.day(
            "birth_date", "Впишите дату рождения: по одному имени ГИС не ищет." if by_name else ""
        ),
        "snils": number,
    }
    reading.check()
    found: list[PersonCandidate] = []
    failure = ""
    try:
        found = _ask(desk, wanted)
    except LoginNeeded:
        failure = "ГИС просит войти заново: откройте «Подключение»."
    except ContractError:
        failure = "ГИС ответила не так, как обещает её описание. Сообщите администратору."
    except TransientError:
        failure = "ГИС сейчас не отвечает. Повторите поиск через несколько минут."
    with desk.db.read(desk.school.school_id) as uow:
        return ArrivalSearch(persons=_persons(uow, found), cards=_cards(uow, wanted), failure=failure)


def _ask(desk: Desk, wanted: Values) -> list[PersonCandidate]:
    """No transaction is open while the region answers."""
    if desk.remote is None:
        raise TransientError("no connection to a region is set up for this school")
    text = {name: None if value is None else str(value) for name, value in wanted.items()}
    query = PersonQuery(
        ref="page",
        last_name=text["last_name"] or "",
        first_name=text["first_name"] or "",
        patronymic=text["patronymic"],
        birth_date=text["birth_date"],
        snils=text["snils"],
    )
    (answer,) = desk.remote.find_available([query])
    return list(answer.candidates)


def _persons(uow: UnitOfWork, found: list[PersonCandidate]) -> tuple[PersonView, ...]:
    ids = [RemoteId(one.organization_id) for one in found if one.organization_id]
    schools = uow.links.local_ids(Stream.ORGANIZATIONS, ids) if ids else {}
    rows = uow.staging.rows(Stream.ORGANIZATIONS, schools.values()) if schools else {}
    order = (PersonStatus.AVAILABLE, PersonStatus.ENROLLED_ELSEWHERE, PersonStatus.ENROLLED_HERE)
    views: list[PersonView] = []
    for one in sorted(found, key=lambda one: order.index(one.status) if one.status in order else len(order)):
        local_id = schools.get(RemoteId(one.organization_id)) if one.organization_id else None
        school = rows.get(local_id, {}) if local_id is not None else {}
        views.append(
            PersonView(
                person_id=one.person_id,
                status=one.status.value,
                last_name=one.last_name,
                first_name=one.first_name,
                patronymic=one.patronymic,
                birth_date=one.birth_date,
                school=_text(school.get("name")),
                phone=_text(school.get("phone")),
                school_id=local_id,
            )
        )
    return tuple(views)


def _cards(uow: UnitOfWork, wanted: Values) -> tuple[CardView, ...]:
    """Cards with this СНИЛС, or with this surname and a first name or birth date that does not speak against it."""
    last, first = comparison_key(_text(wanted["last_name"])), comparison_key(_text(wanted["first_name"]))

    def fits(row: Values) -> bool:
        if wanted["snils"] and plain_snils(_text(row["snils"])) == wanted["snils"]:
            return True
        if not last or comparison_key(_text(row["last_name"])) != last:
            return False
        same_day = bool(wanted["birth_date"]) and row["birth_date"] == wanted["birth_date"]
        return same_day or (bool(first) and comparison_key(_text(row["first_name"])) == first)

    rows = {i: row for i, row in uow.staging.all_rows(Stream.STUDENTS).items() if fits(row)}
    ids = sorted(rows, key=lambda i: (person_name(rows[i]), i))[:MOST_CARDS]
    captions = load_captions(uow, {Stream.STUDENTS: set(ids)})
    linked = uow.links.remote_ids(Stream.STUDENTS, ids)
    return tuple(
        CardView(
            student_id=i,
            caption=captions.pupil(i),
            birth_date=_text(rows[i]["birth_date"]),
            here=i in captions.classes,
            linked=i in linked,
        )
        for i in ids
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
