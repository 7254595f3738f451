"""``contacts``: who is told, with addresses shown in part."""

from __future__ import annotations

from tests.smtp_server import Mailbox, Mood, mail_server
from tests.unit.cli.office import CONFIG, Office


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


CHANNELS = """
[[channels]]
to = ["director", "class_teacher"]
url = "env:MAIL"
names = true
"""


def with_mail(office: Office, box: Mailbox) -> int:
    """A channel for the director; the number of the director's address."""
    office.monkeypatch.setenv("MAIL", box.url)
    office.write_config(CONFIG + CHANNELS)
    line = ("contacts", "set", "director", "--name", "Орлова Е. С.", "--address", "orlova@x.ru")
    return int(office.json(*line)["id"])


def test_a_trial_goes_to_a_person_and_says_nothing(office: Office) -> None:
    """Exit code 1 when it did not arrive; the address of the channel and of the person are not repeated."""
    with mail_server() as box:
        number = with_mail(office, box)
        assert office.json("contacts", "test", str(number)) == [
            {"channel": 1, "scheme": "mailto", "contact": number, "arrived": True}
        ]
        ((_, recipients, letter),) = box.letters
        assert (recipients, letter["Subject"]) == (["orlova@x.ru"], "Проверка отправки")
        box.mood = Mood.BUSY
        assert office.run("contacts", "test", str(number)) == 1
        assert "НЕТ" in office.said
        assert "127.0.0.1" not in office.said + office.told
        assert "orlova" not in office.said + office.told
    notes = office.sql("SELECT note FROM audit WHERE cause = 'contacts:trial' ORDER BY seq")
    assert notes == [("1 of 1 arrived",), ("0 of 1 arrived",)]


def test_a_trial_without_a_way_says_what_is_missing(office: Office) -> None:
    """No channels, a role that no channel serves, a number of nobody, a channel without a place of its own."""
    assert office.run("contacts", "test") == 1
    assert "channels" in office.told
    with mail_server() as box:
        with_mail(office, box)
        line = ("contacts", "set", "admin", "--name", "Орлов Д. С.", "--address", "orlov@x.ru")
        assert office.run("contacts", "test", str(office.json(*line)["id"])) == 1
        assert "Ни один канал" in office.told
        assert office.run("contacts", "test", "99") == 1
        assert office.json("contacts", "test") == []
        assert box.calls == 0


def test_doctor_names_the_roles_that_nobody_would_hear_of(office: Office) -> None:
    with mail_server() as box:
        with_mail(office, box)
        (found,) = [one for one in office.json("doctor", code=1)["findings"] if one["area"].startswith("contacts")]
    assert (found["level"], found["area"]) == ("warning", "contacts school-900")
    assert "классный руководитель" in found["message"]
    assert "директор" not in found["message"]
