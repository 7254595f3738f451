"""Both sides change one field: one case for a person, everything else goes on; decided and taken back by command."""

from __future__ import annotations

from tests.acceptance.agreement import disagreements
from tests.acceptance.office import Office

FIELDS = ("address", "email", "phone")


def test_a_decision_and_its_undoing_reach_both_sides(at_rest: Office) -> None:
    """After each sync both sides hold what the decision says; the undone case is open again, as it was."""
    made = at_rest
    card = made.dump("students")[0]
    row = made.local_id("students", card["id"])

    def school() -> tuple[str, ...]:
        (found,) = made.sql("SELECT address, email, phone FROM students WHERE id = :id", id=row)
        return tuple(found[name] for name in FIELDS)

    def gis() -> tuple[str, ...]:
        (found,) = [one for one in made.dump("students") if one["id"] == card["id"]]
        return tuple(found[name] for name in FIELDS)

    made.sql("UPDATE students SET address = 'ул. Мира, 1', email = 'a@example.ru' WHERE id = :id", id=row)
    changes = {"address": "ул. Ленина, 2", "phone": "+79120000002"}
    made.region.admin("POST", "edit", {"stream": "students", "items": [{"id": card["id"], "changes": changes}]})

    assert made.run("sync").code == 3
    assert school() == ("ул. Мира, 1", "a@example.ru", "+79120000002")
    assert gis() == ("ул. Ленина, 2", "a@example.ru", "+79120000002")
    assert disagreements(made) == [f"students {row}: address"]
    (case,) = made.must("conflicts", "list", "--json").json()
    assert (case["stream"], case["local_id"], case["fields"]) == ("students", row, ["address"])
    number = str(case["id"])

    made.must("conflicts", "resolve", number, "--take", "school", "--stamp", case["stamp"], "--as", "petrova")
    made.must("sync")
    assert school() == gis() == ("ул. Мира, 1", "a@example.ru", "+79120000002")
    assert made.must("conflicts", "list", "--json").json() == []
    assert disagreements(made) == []

    made.must("conflicts", "undo", number, "--as", "petrova")
    assert made.run("sync").code == 3
    assert school() == ("ул. Мира, 1", "a@example.ru", "+79120000002")
    assert gis() == ("ул. Ленина, 2", "a@example.ru", "+79120000002")
    (again,) = made.must("conflicts", "list", "--json").json()
    assert (again["id"], again["fields"]) == (case["id"], ["address"])
    made.settle()
    assert gis()[0] == "ул. Ленина, 2", "an undone decision is not carried out again"

    made.must("conflicts", "resolve", number, "--take", "gis", "--stamp", again["stamp"], "--as", "petrova")
    made.must("sync")
    assert school() == gis() == ("ул. Ленина, 2", "a@example.ru", "+79120000002")
    assert disagreements(made) == []
    assert made.must("audit", "verify", "--json").json()[0]["ok"] is True


def test_a_decision_on_old_values_is_refused(at_rest: Office) -> None:
    """The region moves on between looking and deciding: the stamp no longer fits, and nobody's value is lost."""
    made = at_rest
    card = made.dump("students")[0]
    row = made.local_id("students", card["id"])

    def edit(address: str) -> None:
        edited = [{"id": card["id"], "changes": {"address": address}}]
        made.region.admin("POST", "edit", {"stream": "students", "items": edited})

    made.sql("UPDATE students SET address = 'ул. Мира, 1' WHERE id = :id", id=row)
    edit("ул. Ленина, 2")
    made.sync()
    (case,) = made.must("conflicts", "list", "--json").json()
    edit("ул. Ленина, 3")
    made.sync()
    refused = made.run("conflicts", "resolve", str(case["id"]), "--take", "school", "--stamp", case["stamp"])
    assert refused.code == 1
    made.sync()
    assert [one["address"] for one in made.dump("students") if one["id"] == card["id"]] == ["ул. Ленина, 3"]
    assert made.sql("SELECT address FROM students WHERE id = :id", id=row) == [{"address": "ул. Мира, 1"}]
