"""Whether school and region say the same, read from the tables and from the region's own dump.

Shares nothing with the synchronisation but the mapping tables; :func:`portrait` not even these.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from mappings import load_mappings
from sync_service.domain.streams import SPECS, RemoteRecord, Stream
from tests.acceptance.office import Item, Office

MAPPINGS = load_mappings()
META = frozenset({"id", "version", "changeVersion", "changedAt", "deleted", "clientRef"})
NOT_OURS = META | {"personId", "workType", "teacherName"}
REFERENCES = {"studentId": "students", "guardianId": "guardians"}

Portrait = dict[str, Counter[tuple[Any, ...]]]


def disagreements(office: Office, number: int = 0) -> list[str]:
    """Every record that stands on one side only, stands twice, or differs, and in which fields."""
    school = int(office.school(office.codes[number]).school_id)
    links: dict[str, dict[str, int]] = {stream.value: {} for stream in Stream}
    twice: list[str] = []
    for link in office.sql(
        "SELECT stream, local_id, remote_id FROM links WHERE school_id = :school AND state = 'live'", school=school
    ):
        known = links[link["stream"]]
        if link["remote_id"] in known or link["local_id"] in known.values():
            twice.append(f"{link['stream']} {link['local_id']}: linked twice")
        known[link["remote_id"]] = link["local_id"]
    return twice + [
        line for stream in Stream for line in _stream_disagreements(office, stream, school, number, links)
    ]


def _stream_disagreements(
    office: Office, stream: Stream, school: int, number: int, links: dict[str, dict[str, int]]
) -> list[str]:
    name, mapping = stream.value, MAPPINGS[stream]
    rows = {
        row["id"]: mapping.normalise_local(row)
        for row in office.sql(f"SELECT * FROM {name} WHERE school_id = :school", school=school)
    }
    found = []
    for item in office.dump(name.replace("_", "-"), number):
        record = mapping.to_canonical(item)
        assert isinstance(record, RemoteRecord), record
        local_id = links[name].get(item["id"])
        row = rows.pop(local_id, None) if local_id is not None else None
        if row is None:
            found.append(f"{name} {item['id']}: only in the region")
            continue
        values = dict(record.values)
        for field, parent in SPECS[stream].references.items():
            if values[field] is not None:
                values[field] = links[parent.value].get(str(values[field]))
        differing = sorted(field for field, value in values.items() if row[field] != value)
        if differing:
            found.append(f"{name} {local_id}: {', '.join(differing)}")
    return found + [f"{name} {local_id}: only in the school" for local_id in rows]


def portrait(office: Office, number: int = 0) -> Portrait:
    """What the region holds, with people named by name instead of by ids that another run would give otherwise."""
    people = {item["id"]: _person(item) for stream in REFERENCES.values() for item in office.dump(stream, number)}
    return {
        stream.value: Counter(
            _described(item, people) for item in office.dump(stream.value.replace("_", "-"), number)
        )
        for stream in Stream
    }


def _person(item: Item) -> str:
    return " ".join(str(item.get(name)) for name in ("lastName", "firstName", "birthDate", "mobilePhone"))


def _described(item: Item, people: dict[str, str]) -> tuple[Any, ...]:
    return tuple(
        (name, people[value] if name in REFERENCES else value)
        for name, value in sorted(item.items())
        if name not in NOT_OURS
    )


def differences(expected: Portrait, found: Portrait) -> list[str]:
    """Records that are missing, and records that are there too often."""
    lines = []
    for stream, wanted in expected.items():
        lines += [f"{stream}: missing {one}" for one in (wanted - found[stream]).elements()]
        lines += [f"{stream}: too many {one}" for one in (found[stream] - wanted).elements()]
    return lines
