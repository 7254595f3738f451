"""``users``: what is done to accounts and tokens at the command line stands in the journal."""

from __future__ import annotations

from tests.unit.cli.office import CONFIG, SECOND_SCHOOL, Office


def noted(office: Office) -> list[tuple[str, str]]:
    return office.sql("SELECT cause, note FROM audit WHERE act = 'configure' ORDER BY seq")


def test_every_change_of_an_account_is_journalled_and_no_password(office: Office) -> None:
    password = office.json("users", "add", "petrova", "--name", "Петрова А. В.", "--role", "secretary")["password"]
    for line in (("role", "petrova", "--role", "viewer"), ("password", "petrova"), ("totp-reset", "petrova")):
        office.must("users", *line)
    office.must("users", "disable", "petrova")
    office.must("users", "enable", "petrova")
    token = office.json("users", "tokens", "add", "Журнал школы")
    office.must("users", "tokens", "revoke", str(token["id"]))
    assert noted(office) == [
        ("person:petrova", "added as secretary"),
        ("person:petrova", "role: viewer"),
        ("person:petrova", "password"),
        ("person:petrova", "totp"),
        ("person:petrova", "disable"),
        ("person:petrova", "enable"),
        (f"token:{token['id']}", "issued"),
        (f"token:{token['id']}", "revoked"),
    ]
    everything = str(office.sql("SELECT * FROM audit"))
    assert password not in everything
    assert token["token"] not in everything


def test_what_opens_two_schools_stands_in_both_journals(office: Office) -> None:
    office.write_config(CONFIG + SECOND_SCHOOL)
    office.must("users", "add", "petrova", "--name", "Петрова А. В.", "--role", "secretary")
    assert len(set(office.sql("SELECT school_id FROM audit WHERE cause = 'person:petrova'"))) == 2


def test_a_program_is_not_called_like_a_person(office: Office) -> None:
    """The journal would name the person for what the program did."""
    office.must("users", "add", "petrova", "--name", "Петрова А. В.", "--role", "secretary")
    assert office.run("users", "tokens", "add", "Petrova") == 1
    assert "учётная запись" in office.told
    assert office.json("users", "tokens", "list") == []
