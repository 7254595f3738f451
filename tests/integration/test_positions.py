"""Cursors, notes and notifications, on both engines."""

from __future__ import annotations

import threading
import time

import pytest

from sync_service.domain.streams import Stream
from sync_service.engine.ports import Notification, Role
from sync_service.persistence.stores.cursors import KEPT
from tests.databases import SchoolDatabase


def test_a_cursor_is_kept_with_its_recent_history(database: SchoolDatabase) -> None:
    for number in range(KEPT + 5):
        with database.database.write(database.school) as unit:
            unit.cursors.put(Stream.MARKS, f"cursor-{number}")
            unit.cursors.put(Stream.STUDENTS, "other")
            unit.commit()
    with database.database.read(database.school) as unit:
        assert unit.cursors.get(Stream.MARKS) == f"cursor-{KEPT + 4}"
        assert unit.cursors.get(Stream.LESSONS) is None
    rows = database.sql("SELECT position FROM cursor_history WHERE stream = 'marks' ORDER BY id")
    assert [row["position"] for row in rows] == [f"cursor-{n}" for n in range(5, KEPT + 5)]


def test_a_cursor_is_emptied_only_on_purpose(database: SchoolDatabase) -> None:
    """None without ``reset`` in the same unit is refused; the position stays."""
    with database.database.write(database.school) as unit:
        unit.cursors.put(Stream.MARKS, "here")
        unit.commit()
    with database.database.write(database.school) as unit:
        unit.cursors.reset(Stream.STUDENTS)
        with pytest.raises(ValueError, match="reset"):
            unit.cursors.put(Stream.MARKS, None)
        assert unit.cursors.get(Stream.MARKS) == "here"
        unit.cursors.reset(Stream.MARKS)
        unit.cursors.put(Stream.MARKS, None)
        assert unit.cursors.get(Stream.MARKS) is None
        unit.commit()
    rows = database.sql("SELECT position FROM cursor_history ORDER BY id")
    assert [row["position"] for row in rows] == ["here", None]


def test_notes(database: SchoolDatabase) -> None:
    with database.database.write(database.school) as unit:
        assert unit.cursors.get_note("version") is None
        unit.cursors.put_note("version", "1")
        unit.cursors.put_note("version", "2")
        assert unit.cursors.get_note("version") == "2"


def test_a_note_that_is_read_to_be_rewritten_loses_no_other_word(database: SchoolDatabase) -> None:
    """Two that add to one note at once take turns."""
    with database.database.write(database.school) as unit:
        unit.cursors.put_note("list", "")
        unit.commit()
    read, added = threading.Event(), []

    def add(word: str, *, first: bool) -> None:
        if not first:
            read.wait(10)
        with database.database.write(database.school) as unit:
            known = unit.cursors.get_note("list") or ""
            if first:
                read.set()
                time.sleep(0.3)  # the other one is at the note by now
            unit.cursors.put_note("list", known + word)
            unit.commit()
        added.append(word)

    threads = [threading.Thread(target=add, args=(word,), kwargs={"first": word == "a"}) for word in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.database.read(database.school) as unit:
        assert unit.cursors.get_note("list") == "ab"
    assert added == ["a", "b"]


def note(key: str, text: str = "текст") -> Notification:
    return Notification(
        key=key, role=Role.CLASS_TEACHER, subject="тема", text=text, class_name="8А", severity="warning"
    )


def test_a_notification_is_told_once(database: SchoolDatabase) -> None:
    """A key that is known, or comes twice in one call, is not told again."""
    with database.database.write(database.school) as unit:
        assert unit.notifications.add([note("a"), note("b"), note("a", "другой")]) == [note("a"), note("b")]
        assert unit.notifications.add([note("b"), note("c")]) == [note("c")]
        assert unit.notifications.add([]) == []
        unit.commit()
    with database.database.read(database.school) as unit:
        latest = unit.notifications.latest(2)
    assert [n for _, n in latest] == [note("c"), note("b")]
    assert latest[0][0] > latest[1][0]


def test_contacts_by_role_and_class(database: SchoolDatabase) -> None:
    people = [("class_teacher", "8А", "a@x"), ("class_teacher", "8Б", "b@x"), ("director", None, "d@x")]
    for role, klass, address in people:
        database.sql(
            "INSERT INTO contacts (school_id, role, class_name, name, address)"
            " VALUES (:school, :role, :class_name, 'Имя', :address)",
            school=database.school,
            role=role,
            class_name=klass,
            address=address,
        )
    with database.database.read(database.school) as unit:
        assert unit.notifications.contacts(Role.CLASS_TEACHER, "8А") == ["a@x"]
        assert unit.notifications.contacts(Role.CLASS_TEACHER, None) == ["a@x", "b@x"]
        assert unit.notifications.contacts("director", None) == ["d@x"]
        assert unit.notifications.contacts("secretary", None) == []
