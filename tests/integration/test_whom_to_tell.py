"""Whom to tell, on both engines: entered, shown in part, removed; the journal keeps the number and the role."""

from __future__ import annotations

import json

import pytest

from sync_service.clock import SystemClock
from sync_service.domain.errors import DecisionError, NoSuchCase
from sync_service.domain.links import RemoteId
from sync_service.engine.contacts import contact_rows, contacts_in_full, remove_contact, set_contact
from sync_service.engine.context import School
from sync_service.engine.decisions import Desk
from sync_service.engine.queries_masks import masked_address
from tests.databases import SchoolDatabase


def desk_of(database: SchoolDatabase) -> Desk:
    return Desk(
        school=School(school_id=database.school, code="s", name="Школа", organization_id=RemoteId("o")),
        db=database.database,
        policies={},
        normalise=lambda _, values: values,
        clock=SystemClock(),
        actor="orlov",
    )


def test_whoever_is_entered_is_told(database: SchoolDatabase) -> None:
    """The class as it is kept; the same address again is a new name, no second row."""
    desk = desk_of(database)
    first = set_contact(
        desk, role="class_teacher", class_name="8 а", name=" Петрова  А. ", address="petrova@x.example"
    )
    again = set_contact(
        desk, role="class_teacher", class_name="8А", name="Петрова А. В.", address="petrova@x.example"
    )
    set_contact(desk, role="class_teacher", class_name="8Б", name="Петрова А. В.", address="petrova@x.example")
    set_contact(desk, role="director", name="Орлова Е. С.", address="+7 (343) 371-23-45".replace(" ", ""))
    assert again.contact_id == first.contact_id
    with desk.db.read(database.school) as uow:
        assert uow.notifications.contacts("class_teacher", "8А") == ["petrova@x.example"]
        assert uow.notifications.contacts("director", None) == ["+7(343)371-23-45"]
    rows = contact_rows(desk.db, desk.school)
    assert [(row.role, row.class_name, row.name) for row in rows] == [
        ("class_teacher", "8А", "Петрова А. В."),
        ("class_teacher", "8Б", "Петрова А. В."),
        ("director", None, "Орлова Е. С."),
    ]


def test_an_address_is_shown_whole_to_who_asks_and_that_is_journalled(database: SchoolDatabase) -> None:
    """Neither name nor address is in the journal."""
    desk = desk_of(database)
    stored = set_contact(desk, role="admin", name="Орлов Д. С.", address="orlov@school.example")
    assert [row.address for row in contact_rows(desk.db, desk.school)] == ["o•••@school.example"]
    assert [row.address for row in contacts_in_full(desk)] == ["orlov@school.example"]
    remove_contact(desk, stored.contact_id)
    entries = database.sql("SELECT act, actor, cause, note FROM audit ORDER BY seq")
    assert [(row["act"], row["actor"], row["cause"], row["note"]) for row in entries] == [
        ("configure", "orlov", f"contact:{stored.contact_id}", "set: admin"),
        ("view", "orlov", "contacts:unmask", ""),
        ("configure", "orlov", f"contact:{stored.contact_id}", "removed: admin"),
    ]
    everything = json.dumps(
        [dict(row) for row in database.sql("SELECT * FROM audit")], default=str, ensure_ascii=False
    )
    assert "school.example" not in everything
    assert "Орлов Д" not in everything


def test_who_is_removed_is_told_no_more(database: SchoolDatabase) -> None:
    desk = desk_of(database)
    stored = set_contact(desk, role="secretary", name="Петрова А. В.", address="petrova@x.example")
    remove_contact(desk, stored.contact_id)
    assert contact_rows(desk.db, desk.school) == []
    with pytest.raises(NoSuchCase):
        remove_contact(desk, stored.contact_id)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"role": "boss"}, "Выберите"),
        ({"name": "  "}, "инициалы"),
        ({"address": "x"}, "одним словом"),
        ({"address": "два слова"}, "одним словом"),
        ({"address": "a\x00b@x"}, "одним словом"),
        ({"address": "mailtos://robot:password@x"}, "пароль"),
        ({"class_name": "8А"}, "только классному"),
        ({"role": "class_teacher"}, "Укажите класс"),
    ],
)
def test_what_cannot_be_told_is_refused_with_its_reason(
    sqlite_database: SchoolDatabase, wrong: dict[str, str], says: str
) -> None:
    desk = desk_of(sqlite_database)
    with pytest.raises(DecisionError, match=says):
        set_contact(desk, **{"role": "director", "name": "Орлова Е. С.", "address": "orlova@x.example", **wrong})
    assert contact_rows(desk.db, desk.school) == []


def test_rows_of_another_program_with_an_unknown_role_stay_alone(sqlite_database: SchoolDatabase) -> None:
    sqlite_database.sql(
        "INSERT INTO contacts (school_id, role, name, address) VALUES (:s, 'boss', 'И', 'i@x')",
        s=sqlite_database.school,
    )
    desk = desk_of(sqlite_database)
    assert contact_rows(desk.db, desk.school) == []
    assert len(sqlite_database.sql("SELECT id FROM contacts")) == 1


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("petrova@school.example", "p•••@school.example"),
        ("+79120000001", "8 (•••) •••-00-01"),
        ("8(343)371-23-45", "8 (•••) •••-23-45"),
        ("@petrova_chat", "@p•••"),
        ("petrova", "pe•••"),
    ],
)
def test_enough_to_recognise_not_enough_to_use(address: str, shown: str) -> None:
    assert masked_address(address) == shown
