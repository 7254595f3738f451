"""``contacts``: who is told, with addresses shown in part."""

from __future__ import annotations

from tests.unit.cli.office import Office


def test_people_are_entered_shown_and_removed(office: Office) -> None:
    """Addresses in part; whole ones with --unmask, under the name of who asked."""
    line = (
        "contacts",
        "set",
        "class_teacher",
        "--class",
        "5а",
        "--name",
        "Петрова А. В.",
        "--address",
        "petrova@x.ru",
    )
    row = office.json(*line)
    assert row == {
        "id": row["id"],
        "role": "class_teacher",
        "class_name": "5А",
        "name": "Петрова А. В.",
        "address": "p•••@x.ru",
    }
    assert office.json("contacts", "list") == [row]
    assert "классный руководитель" in office.must("contacts", "list")
    assert "petrova@x.ru" not in office.said
    assert office.json("contacts", "list", "--unmask", "--as", "orlov") == [{**row, "address": "petrova@x.ru"}]
    assert office.sql("SELECT actor FROM audit WHERE cause = 'contacts:unmask'") == [("orlov",)]
    assert office.json("contacts", "remove", str(row["id"])) == {"id": row["id"], "removed": True}
    assert office.json("contacts", "list") == []
    assert "contacts set" in office.must("contacts", "list")


def test_what_is_wrong_is_said_in_russian(office: Office) -> None:
    """Exit code 1; nothing is stored."""
    assert office.run("contacts", "set", "boss", "--name", "И", "--address", "i@x.ru") == 1
    assert "Выберите" in office.told
    assert office.run("contacts", "remove", "17") == 1
    assert "нет такой записи" in office.told
    assert office.json("contacts", "list") == []
