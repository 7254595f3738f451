"""People at work in the region while somebody reads: records are added, changed, deleted, or merely touched.

What they do follows from a seeded source. No rule of the contract is checked, but what they leave behind is in
form: a reference leads somewhere, a key stays unique, pupils are not deleted.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

from connectors.ecp.simulator import scenario_records
from connectors.ecp.simulator.fault_kinds import WORKS
from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.organization import Organization
from connectors.ecp.simulator.scenario_people import add_persons
from connectors.ecp.simulator.shapes import ABSENCES, CLASS_CHANGE, FINAL_GRADES
from connectors.ecp.simulator.shelf import Entry
from connectors.ecp.simulator.world import World

_LEAVES = frozenset({"guardianships", "movements", "marks", "final-marks", "attendance"})
_ADDED_TO = _LEAVES | {"students", "guardians", "subjects"}  # elsewhere an insert becomes an edit
_NOTES = {  # fields whose change concerns nobody else
    "organizations": "shortName",
    "periods": "name",
    "subjects": "name",
    "students": "address",
    "guardians": "email",
    "guardianships": "relationNote",
    "movements": "originName",
    "marks": "comment",
    "attendance": "reason",
}


def work(
    world: World,
    organization: Organization,
    stream: str,
    source: random.Random,
    *,
    kinds: Sequence[str] = WORKS[:3],
    count: int = 1,
    among: Collection[str] | None = None,
) -> list[Json]:
    """``count`` changes of the given kinds in turn, to live records whose ids are ``among``; what was done.

    Where a kind makes no sense (pupils and parents of other records are not deleted) the record is edited.
    """
    done: list[Json] = []
    for place in range(count):
        shelf = organization.shelves[stream]
        ids = list(shelf.entries) if among is None else list(among)
        live = [item_id for item_id in ids if shelf.live(item_id) is not None]
        if not live:
            break
        entry = shelf.entries[source.choice(live)]
        kind = kinds[place % len(kinds)]
        if kind == "insert" and stream in _ADDED_TO:
            done += [{"did": kind, "id": made} for made in _insert(world, organization, stream, source, entry)]
            continue
        wanted = {"organizationId": organization.id, "stream": stream}
        if kind == "delete" and stream in _LEAVES:
            scenario_records.delete(world, {**wanted, "ids": [entry.id]})
        elif kind == "bump":
            scenario_records.bump(world, {**wanted, "ids": [entry.id]})
        else:
            kind = "edit"
            item = {"id": entry.id, "changes": _edited(stream, entry.fields(), source)}
            scenario_records.edit(world, {**wanted, "items": [item]})
        done.append({"did": kind, "id": entry.id})
    return done


def _edited(stream: str, fields: Json, source: random.Random) -> Json:
    number = source.randrange(1_000_000)
    if stream == "guardians":
        return {"email": f"work{number}@example.ru"}
    if stream in _NOTES:
        return {_NOTES[stream]: f"{str(fields[_NOTES[stream]] or 'Правка')[:60]} {number}"}
    if stream == "classes":
        return {"lateEntryUntil": f"2020-01-{1 + number % 28:02d}"}
    if stream == "lessons":
        return {"lessonNumber": 1 + fields["lessonNumber"] % 12}
    return {"finalyGrade": next(grade for grade in FINAL_GRADES if grade != fields["finalyGrade"])}


def _insert(world: World, organization: Organization, stream: str, source: random.Random, like: Entry) -> list[str]:
    """A record that resembles ``like`` without being it; none where no place for one is left."""
    if stream == "students":
        wanted = {"status": "enrolled", "organizationId": organization.id}
        return [person["studentId"] for person in add_persons(world, {"persons": [wanted]})["persons"]]
    fields = _resembling(organization, stream, source, like.fields())
    if fields is None:
        return []
    body = {"organizationId": organization.id, "stream": stream, "items": [fields]}
    return [item["id"] for item in scenario_records.create(world, body)["items"]]


def _resembling(organization: Organization, stream: str, source: random.Random, fields: Json) -> Json | None:
    number = source.randrange(1_000_000)
    shelf = organization.shelves[stream]
    if stream == "subjects":
        return {"name": f"Кружок {number}"}
    if stream == "guardians":
        return {**fields, "mobilePhone": f"+7999{number:07d}"}
    if stream == "movements":
        return _class_change(organization, fields, number)
    if stream == "marks":
        taken = [entry.item()["ordinal"] for entry in shelf.by_key(("studentId", "lessonId"), fields)]
        return {**fields, "ordinal": max(taken) + 1}
    if stream == "guardianships":
        others = [{**fields, "studentId": other} for other in _live(organization, "students")]
    elif stream == "attendance":
        code = source.choice(ABSENCES)
        others = [{**fields, "lessonId": other, "absenceCode": code} for other in _live(organization, "lessons")]
    else:
        others = [{**fields, "studentId": other} for other in _live(organization, "students")]
    source.shuffle(others)
    return next((other for other in others if not shelf.by_key(shelf.shape.keys[0], other)), None)


def _class_change(organization: Organization, fields: Json, number: int) -> Json:
    """A move that leads where the pupil is anyway."""
    standing = organization.standings.get(fields["studentId"])
    class_id = standing.class_id if standing else None
    return {
        "studentId": fields["studentId"],
        "movementType": CLASS_CHANGE,
        "movementDate": fields["movementDate"],
        "orderNumber": f"{number}-у",
        "orderDate": fields["orderDate"],
        "classFromId": class_id,
        "classToId": class_id,
    }


def _live(organization: Organization, stream: str) -> list[str]:
    return [entry.id for entry in organization.shelves[stream].entries.values() if not entry.deleted]
