"""Scenarios about people: newcomers to the region, releases at other schools, further schools."""

from __future__ import annotations

import random
from datetime import date

from connectors.ecp.simulator.enrolment import enrol, follow_movements
from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.organization import Organization
from connectors.ecp.simulator.people import People
from connectors.ecp.simulator.persons import CARD, Person
from connectors.ecp.simulator.population import SchoolSize, fill_school, school_size
from connectors.ecp.simulator.problems import RequestRefused
from connectors.ecp.simulator.scenario_records import named
from connectors.ecp.simulator.school_calendar import school_year_of
from connectors.ecp.simulator.shapes import ARRIVAL, DEPARTURE
from connectors.ecp.simulator.world import World


def add_persons(world: World, body: Json) -> Json:
    """Draw persons, with what the caller fixed of their cards, and place them as their status says."""
    added = []
    for wanted in body["persons"]:
        status = wanted["status"]
        if status not in ("available", "enrolled", "unknown"):
            raise ValueError("status")
        card = _card(world, wanted)
        if status == "unknown":  # the region has never heard of this child
            added.append({"personId": None, "status": status, "organizationId": None, **card})
        elif status == "enrolled":
            added.append(_enrolled(world, named(world, wanted), card, wanted.get("classId")))
        else:
            person = Person(id=world.guids(), card=card, last_organization_id=wanted.get("organizationId"))
            world.persons.add(person)
            added.append(_shown(person))
    return {"persons": added}


def list_persons(world: World, body: Json) -> Json:
    """Persons of the register by id, by СНИЛС or by school; all of them without a condition."""
    chosen = [
        person
        for person in world.persons
        if body.get("personId") in (None, person.id)
        and body.get("snils") in (None, person.card["snils"])
        and body.get("organizationId") in (None, person.organization_id)
    ]
    return {"persons": [_shown(person) for person in chosen]}


def release(world: World, body: Json) -> Json:
    """Enter the departure of a person at the school where the person is enrolled."""
    if body.get("personId") is not None:
        person = world.persons.get(body["personId"])
        found = [person] if person else []
    else:
        found = world.persons.find(
            {name: body.get(name) for name in ("lastName", "firstName", "surName", "birthDate")}
        )
    enrolled = [person for person in found if person.organization_id is not None]
    if len(enrolled) != 1:
        raise RequestRefused(404, "not_found", f"Зачисленных лиц с такими данными: {len(enrolled)}")
    person = enrolled[0]
    organization = world.organization(person.organization_id or "")
    student_id = person.student_id or ""
    today = world.clock.today().isoformat()
    departure = {
        "studentId": student_id,
        "movementType": DEPARTURE,
        "movementDate": body.get("date", today),
        "orderNumber": body.get("orderNumber", "77-в"),
        "orderDate": body.get("date", today),
        "classFromId": organization.standings[student_id].class_id,
        "destinationOrganizationId": body.get("destinationOrganizationId", world.first.id),
    }
    entry = organization.create("movements", departure, item_id=world.guids(), at=world.now())
    follow_movements(world, organization, student_id)
    return {"personId": person.id, "movementId": entry.id, "organizationId": organization.id}


def add_organization(world: World, body: Json) -> Json:
    """A further school of the region, empty or populated."""
    number = 100 + len(world.organizations)
    card: Json = {
        "name": f"МАОУ «Средняя общеобразовательная школа № {number}»",
        "shortName": f"МАОУ СОШ № {number}",
        "phone": f"+7343210{number:04d}",
        "email": f"school{number}@example.ru",
        "districtName": "Октябрьский район",
        "keepsMovement": True,
    }
    card |= {name: body[name] for name in card if name in body}
    population = body.get("population", "reference")
    organization = world.add_organization(card)
    if population != "none":
        size: SchoolSize = school_size("small" if population == "reference" else population)
        taken = [person.card["snils"] for person in world.persons if person.card["snils"]]
        people = People(world.seed * 1_000 + number, taken=taken)
        fill_school(world, organization, people, size, with_pupils=population != "reference")
    return next(made for made in world.credentials() if made["id"] == organization.id)


def _card(world: World, wanted: Json) -> Json:
    drawn = People(random.Random(f"{world.seed}/{world.guids.given}/{len(world.persons)}").randrange(2**40))
    year = school_year_of(world.clock.today()) - 13
    card = drawn.child(date(year, 1, 1), date(year, 12, 31))
    while card["snils"] is None or world.persons.by_snils(card["snils"]):
        card["snils"] = drawn.snils()
    return card | {name: wanted[name] for name in CARD if name in wanted}


def _enrolled(world: World, organization: Organization, card: Json, class_id: str | None) -> Json:
    student = enrol(world, organization, card, person=None, at=world.now())
    if class_id is None:
        classes = organization.shelves["classes"].entries.values()
        class_id = next((entry.id for entry in classes if not entry.deleted), None)
    year = school_year_of(world.clock.today())
    arrival = {
        "studentId": student.id,
        "movementType": ARRIVAL,
        "movementDate": f"{year}-09-01",
        "orderNumber": "15-у",
        "orderDate": f"{year}-08-28",
        "classToId": class_id,
    }
    organization.create("movements", arrival, item_id=world.guids(), at=world.now())
    follow_movements(world, organization, student.id)
    person = world.persons.get(student.item()["personId"])
    if person is None:
        raise KeyError("personId")
    return {**_shown(person), "studentId": student.id}


def _shown(person: Person) -> Json:
    status = "available" if person.organization_id is None else "enrolled"
    school = person.organization_id or person.last_organization_id
    return {"personId": person.id, "status": status, "organizationId": school, **person.card}
