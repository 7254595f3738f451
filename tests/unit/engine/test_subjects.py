"""A pupil's own data: nothing that is stored about one is left out, and nothing of another is in it."""

from __future__ import annotations

import csv
import json
import zipfile
from io import BytesIO, StringIO
from typing import Any

import pytest

from sync_service.domain.errors import NoSuchCase
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.engine.export_subject import export_subject, packed
from tests.unit.engine.test_release_watch import CARD, arrive, ready
from tests.unit.engine.world import World

OTHER = {
    "last_name": "Посторонний",
    "first_name": "Пётр",
    "sex": "М",
    "birth_date": "2012-05-06",
    "snils": None,
    "address": "ул. Чужая, 1",
}


def exported(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        data: dict[str, Any] = json.loads(archive.read("data.json"))
        assert {name.removesuffix(".csv") for name in archive.namelist()} - {"data.json"} == data.keys()
    return data


def test_everything_about_one_pupil_and_nothing_about_another(world: World) -> None:
    """Card, parents, orders, marks, what was agreed, sent, told and asked; the journal says who took it."""
    ready(world)
    pupil = arrive(world)
    world.remote.add_person(CARD, organization_id="school-12")
    parent = world.insert("guardians", last_name="Мать-Канарейка", first_name="Анна", phone="+79120000077")
    world.insert("guardianships", student_id=pupil, guardian_id=parent, relation="мать")
    stranger = arrive(world, pupil=OTHER, grade="9Б")
    world.sync()
    data = exported(export_subject(world.desk("ivanov"), LocalId(pupil)))
    assert data.keys() >= {
        "students",
        "guardians",
        "guardianships",
        "movements",
        "releases",
        "release_steps",
        "audit",
    }
    assert [row["id"] for row in data["students"]] == [pupil]
    assert data["guardians"][0]["phone"] == "+79120000077"
    text = json.dumps(data, ensure_ascii=False)
    assert "Посторонний" not in text
    assert "Чужая" not in text
    assert all(row["student_id"] == pupil for row in data["movements"])
    assert data["audit"][-1]["actor"] == "ivanov"
    assert "notifications" not in data or all(pupil == int(r["key"].split(":")[1]) for r in data["notifications"])
    again = exported(export_subject(world.desk("ivanov"), LocalId(stranger)))
    assert "Канарейка" not in json.dumps(again, ensure_ascii=False)


def test_what_was_agreed_and_what_waits_is_in_it(world: World) -> None:
    """A linked pupil: bases of the links, the conflict, records set aside that name the pupil."""
    ready(world)
    remote = world.remote.create(Stream.STUDENTS, {**OTHER, "last_name": "Канарейкин"})
    world.sync()
    with world.db.read(world.school.school_id) as uow:
        local = uow.links.local_ids(Stream.STUDENTS, [remote])[remote]
    world.update("students", local, phone="+79120000001")
    world.remote.edit(Stream.STUDENTS, remote, phone="+79120000002")
    world.sync()
    data = exported(export_subject(world.desk("ivanov"), local))
    assert "Канарейкин" in data["links"][0]["base_local"]
    assert "+79120000002" in data["conflicts"][0]["clashes"]


def test_there_is_nothing_to_export_of_nobody(world: World) -> None:
    with pytest.raises(NoSuchCase):
        export_subject(world.desk("ivanov"), LocalId(4711))


def test_no_cell_is_a_formula() -> None:
    with zipfile.ZipFile(BytesIO(packed({"t": [{"a": "=1+1", "b": b"\xff", "c": None}]}))) as archive:
        rows = list(csv.reader(StringIO(archive.read("t.csv").decode("utf-8-sig")), delimiter=";"))
    assert rows == [["a", "b", "c"], ["'=1+1", "ff", ""]]
