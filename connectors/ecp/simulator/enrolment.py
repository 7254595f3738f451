"""Who studies where: cards enrol, movements drive, a departure releases (regulation 3.5)."""

from __future__ import annotations

from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.organization import Organization, Standing
from connectors.ecp.simulator.persons import CARD, Person
from connectors.ecp.simulator.problems import ItemRefused
from connectors.ecp.simulator.shapes import ARRIVAL, DEPARTURE, GRADUATION
from connectors.ecp.simulator.shelf import Entry
from connectors.ecp.simulator.world import World


def search_available(world: World, asking: str, wanted: Json) -> Json:
    """One answer of «доступные для зачисления»: СНИЛС decides when found, else full name and birth date."""
    candidates = [person.candidate(asking) for person in world.persons.find(wanted)]
    statuses = {candidate["status"] for candidate in candidates}
    if "available" in statuses:
        status = "available"
    elif "enrolled_here" in statuses:
        status = "enrolled_here"
    else:
        status = "enrolled_elsewhere" if statuses else "unknown"
    return {"ref": wanted["ref"], "status": status, "candidates": candidates}


def not_released() -> ItemRefused:
    """409: the previous school has not entered the departure yet."""
    return ItemRefused(409, "not_released", "Учащийся числится в другой организации и не выбыл из неё")


def admissible_person(world: World, organization: Organization, data: Json) -> Person | None:
    """The existing person a new card is for, None when a new person is to be made; 409 when it may not be."""
    if data.get("personId") is not None:
        person = world.persons.get(data["personId"])
        if person is None:
            raise ItemRefused(422, "unknown_reference", "Такого лица нет в регионе", path="data.personId")
        _refuse_enrolled(person, organization)
        return person
    known = world.persons.find(data)
    for person in sorted(known, key=lambda one: one.organization_id != organization.id):
        _refuse_enrolled(person, organization)
    if known:
        raise ItemRefused(409, "person_has_card", "Лицо уже есть в регионе: зачислите его без новой карточки")
    return None


def _refuse_enrolled(person: Person, organization: Organization) -> None:
    if person.organization_id == organization.id:
        raise ItemRefused(409, "person_has_card", "Лицо уже зачислено здесь", item_id=person.student_id)
    if person.organization_id is not None:
        raise not_released()


def enrol(
    world: World,
    organization: Organization,
    fields: Json,
    *,
    person: Person | None,
    at: str,
    client_ref: str | None = None,
) -> Entry:
    """Store a card and enrol its person: ``person`` with what the card does not say, or a new one."""
    if person is None:
        person = Person(id=fields.get("personId") or world.guids(), card={name: fields.get(name) for name in CARD})
        world.persons.add(person)
    else:
        fields = {**person.card, **{name: value for name, value in fields.items() if value is not None}}
        world.persons.change(person, fields)
    fields = {**fields, "personId": person.id}
    entry = organization.create("students", fields, item_id=world.guids(), at=at, client_ref=client_ref)
    person.organization_id, person.student_id = organization.id, entry.id
    organization.standings[entry.id] = Standing()
    return entry


def follow_movements(world: World, organization: Organization, student_id: str) -> None:
    """Set the pupil's class and the person's school from the live movements, by date, then by entry."""
    shelf = organization.shelves["movements"]
    entries = shelf.by_key(("studentId",), {"studentId": student_id})
    moves = sorted(((entry.item(), entry.created) for entry in entries), key=_when)
    standing = Standing()
    for move, _ in moves:
        if move["movementType"] in (DEPARTURE, GRADUATION):
            standing = Standing(enrolled=False)
        elif move["movementType"] == ARRIVAL:
            standing = Standing(class_id=move["classToId"])
        else:
            standing.class_id = move["classToId"] or standing.class_id
    organization.standings[student_id] = standing
    card = organization.shelves["students"].entries.get(student_id)
    person = world.persons.get(card.item().get("personId")) if card else None
    if person is None:
        return
    if standing.enrolled and person.organization_id is None:
        person.organization_id, person.student_id = organization.id, student_id
    elif not standing.enrolled and person.student_id == student_id:
        world.release(person)


def _when(move: tuple[Json, int]) -> tuple[str, int]:
    return move[0]["movementDate"], move[1]
