"""Scenarios about records: what a regional user edits, creates, deletes, and the timetable."""

from __future__ import annotations

import random
from datetime import date

from connectors.ecp.simulator.enrolment import enrol, follow_movements
from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.organization import Organization
from connectors.ecp.simulator.population import add_lessons, add_subjects
from connectors.ecp.simulator.problems import RequestRefused
from connectors.ecp.simulator.school_calendar import school_year_of
from connectors.ecp.simulator.shelf import Entry, Shelf
from connectors.ecp.simulator.world import World


def named(world: World, body: Json) -> Organization:
    """The organization a scenario names, «our» school by default."""
    wanted = body.get("organizationId")
    return world.first if wanted is None else world.organization(wanted)


def _shelf(organization: Organization, stream: str) -> Shelf:
    if stream not in organization.shelves:
        raise ValueError(f"stream {stream}")
    return organization.shelves[stream]


def _existing(shelf: Shelf, item_id: str) -> Entry:
    entry = shelf.entries.get(item_id)
    if entry is None:
        raise RequestRefused(404, "not_found", "Такой записи нет", path=item_id)
    return entry


def edit(world: World, body: Json) -> Json:
    """Change items as a regional user: no rule is checked, unknown fields are stored."""
    organization, stream = named(world, body), body["stream"]
    changed = []
    for wanted in body["items"]:
        entry = _existing(_shelf(organization, stream), wanted["id"])
        if stream == "organizations":
            _change_directory(world, entry.id, wanted["changes"])
            changed.append(entry)
            continue
        organization.replace(stream, entry, {**entry.fields(), **wanted["changes"]}, at=world.now())
        _follow(world, organization, stream, entry)
        changed.append(entry)
    return {"items": [entry.item() for entry in changed]}


def create(world: World, body: Json) -> Json:
    """Make items as a regional user: defaults are filled, no rule is checked."""
    organization, stream = named(world, body), body["stream"]
    made = []
    for fields in body["items"]:
        _shelf(organization, stream)
        if stream == "students":
            person = world.persons.get(fields.get("personId"))
            entry = enrol(world, organization, fields, person=person, at=world.now())
        else:
            entry = organization.create(stream, fields, item_id=world.guids(), at=world.now())
        _follow(world, organization, stream, entry)
        made.append(entry)
    return {"items": [entry.item() for entry in made]}


def delete(world: World, body: Json) -> Json:
    """Turn items into tombstones."""
    organization, stream = named(world, body), body["stream"]
    gone = [_existing(_shelf(organization, stream), item_id) for item_id in body["ids"]]
    for entry in gone:
        _bury(world, organization, stream, entry)
    return {"items": [entry.item() for entry in gone]}


def bump(world: World, body: Json) -> Json:
    """Raise version and change version of items without changing them: those named, or live ones.

    Of the live ones all, or ``count`` drawn by ``seed``.
    """
    organization, stream = named(world, body), body["stream"]
    shelf = _shelf(organization, stream)
    ids = body.get("ids")
    if ids is None:
        entries = [entry for entry in shelf.entries.values() if not entry.deleted]
        if body.get("count") is not None:
            source = random.Random(f"{body.get('seed', 0)}/bump")
            entries = source.sample(entries, min(int(body["count"]), len(entries)))
    else:
        entries = [_existing(shelf, item_id) for item_id in ids]
    for entry in entries:
        organization.replace(stream, entry, entry.fields(), at=world.now(), deleted=entry.deleted)
    return {"bumped": len(entries)}


def open_late_entry(world: World, body: Json) -> Json:
    """Open the journals of classes for late entry until a day, that day included; null closes them."""
    organization = named(world, body)
    shelf = organization.shelves["classes"]
    until = body["until"]
    if until is not None:
        date.fromisoformat(until)
    wanted = [entry.id for entry in shelf.entries.values() if not entry.deleted]
    if body["classIds"] != "all":
        wanted = body["classIds"]
    changes = [{"id": class_id, "changes": {"lateEntryUntil": until}} for class_id in wanted]
    return edit(world, {"organizationId": organization.id, "stream": "classes", "items": changes})


def compact(world: World, body: Json) -> Json:
    """Forget history: lower bounds up to ``through`` are answered with 410, older tombstones are dropped."""
    organization = named(world, body)
    for stream in body.get("streams") or list(organization.shelves):
        shelf = _shelf(organization, stream)
        shelf.compact(body.get("through", shelf.newest))
    return {"oldest": {name: shelf.oldest for name, shelf in organization.shelves.items()}}


def dump(world: World, body: Json) -> Json:
    """A stream as it is stored, in the order of creation."""
    shelf = _shelf(named(world, body), body["stream"])
    wanted = body.get("deleted")
    return {
        "items": [
            entry.item()
            for entry in shelf.entries.values()
            if wanted is None or entry.deleted == (wanted == "true" or wanted is True)
        ]
    }


def set_timetable(world: World, body: Json) -> Json:
    """Add classes, subjects and lessons by name; replace those not named where asked to."""
    organization = named(world, body)
    classes = _classes(world, organization, body)
    subjects = add_subjects(
        world, organization, [*body.get("subjects", ()), *(row["subject"] for row in body.get("lessons", ()))]
    )
    if body.get("replaceSubjects"):
        _bury_others(world, organization, "subjects", set(subjects.values()))
    if body.get("replaceClasses"):
        _bury_others(world, organization, "classes", set(classes.values()))
    lessons = _lessons(world, organization, body, classes, subjects)
    if "generate" in body:
        first, last = (date.fromisoformat(body["generate"][name]) for name in ("from", "until"))
        for entry in list(organization.shelves["classes"].entries.values()):
            card = entry.item()
            if not entry.deleted:
                add_lessons(world, organization, entry.id, card["name"], card["parallel"] or 5, first, last)
    return {"classes": classes, "subjects": subjects, "lessons": lessons}


def _classes(world: World, organization: Organization, body: Json) -> dict[str, str]:
    shelf = organization.shelves["classes"]
    grades: dict[str, int | None] = {row["class"]: None for row in body.get("lessons", ())}
    grades |= {row["name"]: row.get("parallel") for row in body.get("classes", ())}
    ids = {}
    for name, grade in grades.items():
        known = shelf.by_key(("name",), {"name": name})
        if known:
            ids[name] = known[0].id
            continue
        year = str(school_year_of(world.clock.today()))
        card = {"schoolYear": year, "name": name, "parallel": grade}
        ids[name] = organization.create("classes", card, item_id=world.guids(), at=world.now()).id
    return ids


def _lessons(
    world: World, organization: Organization, body: Json, classes: dict[str, str], subjects: dict[str, str]
) -> list[Json]:
    shelf = organization.shelves["lessons"]
    listed: list[Json] = []
    for row in body.get("lessons", ()):
        fields = {
            "classId": classes[row["class"]],
            "subjectId": subjects[row["subject"]],
            "lessonDate": date.fromisoformat(row["date"]).isoformat(),
            "lessonNumber": int(row["number"]),
        }
        same = (one for one in shelf.by_key(("classId", "lessonDate"), fields) if one.fields() == fields)
        entry = next(same, None) or organization.create("lessons", fields, item_id=world.guids(), at=world.now())
        listed.append({"id": entry.id, **row})
    if body.get("replaceLessons"):
        kept = {lesson["id"] for lesson in listed}
        days = {(classes[row["class"]], row["date"]) for row in listed}
        for class_id, day in sorted(days):
            for entry in shelf.by_key(("classId", "lessonDate"), {"classId": class_id, "lessonDate": day}):
                if entry.id not in kept:
                    _bury(world, organization, "lessons", entry)
    return listed


def _bury_others(world: World, organization: Organization, stream: str, kept: set[str]) -> None:
    for entry in list(organization.shelves[stream].entries.values()):
        if not entry.deleted and entry.id not in kept:
            _bury(world, organization, stream, entry)


def _bury(world: World, organization: Organization, stream: str, entry: Entry) -> None:
    organization.replace(stream, entry, entry.fields(), at=world.now(), deleted=True)
    _follow(world, organization, stream, entry)


def _change_directory(world: World, organization_id: str, changes: Json) -> None:
    card = world.organization(organization_id).card
    card.update(changes)
    for everyone in world.organizations.values():
        entry = everyone.shelves["organizations"].entries[organization_id]
        everyone.replace("organizations", entry, {**entry.fields(), **changes}, at=world.now())


def _follow(world: World, organization: Organization, stream: str, entry: Entry) -> None:
    """Let persons and enrolment follow what was changed by hand."""
    if stream == "movements":
        follow_movements(world, organization, entry.item()["studentId"])
    elif stream == "students":
        card = entry.fields()
        person = world.persons.get(card.get("personId"))
        if person is not None:
            world.persons.change(person, card)
