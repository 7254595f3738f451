"""The database itself finds rows that differ from what was agreed, alike on both engines."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import ClosedBy, LinkChange, LinkId, LocalId, NewLink, RemoteId, SchoolId, Snapshot
from sync_service.domain.records import Values
from sync_service.domain.streams import BOTH_WAYS, SPECS, Stream
from tests.databases import SchoolDatabase
from tests.integration.test_staging import insert, mark, whole

MARKS = Stream.MARKS


def link(at: SchoolDatabase, stream: Stream, bases: dict[LocalId, Values], school: SchoolId | None = None) -> None:
    """Links of these rows with these bases."""
    with at.database.write(school or at.school) as unit:
        unit.links.insert(
            stream,
            [
                NewLink(
                    local_id=local_id,
                    remote_id=RemoteId(f"r-{local_id}"),
                    base=Snapshot.agreed(base),
                    version=1,
                    change_version=1,
                    evidence="test",
                )
                for local_id, base in bases.items()
            ],
        )
        unit.commit()


def edited(at: SchoolDatabase, stream: Stream, *, after: int = 0, limit: int = 1000) -> list[LocalId]:
    with at.database.read(at.school) as unit:
        return unit.journal.edited(stream, after=LocalId(after), limit=limit)


def gone(at: SchoolDatabase, stream: Stream, *, after: int = 0, limit: int = 1000) -> list[LocalId]:
    with at.database.read(at.school) as unit:
        return unit.journal.gone(stream, after=LocalId(after), limit=limit)


def other(value: Any, name: str) -> Any:
    if isinstance(value, int):
        return value + 1
    return "2001-02-03" if "date" in name or name.endswith("_on") else f"{value}!"


def test_every_field_counts_and_equal_ones_do_not(database: SchoolDatabase) -> None:
    """In each stream text with quotes and backslashes, dates and numbers compare equal. Each field gives a row
    away, and so does one that became empty, or has no base."""
    for stream in BOTH_WAYS:
        values = whole(stream)
        names = SPECS[stream].fields
        same, empty, *rest = insert(
            database,
            stream,
            values,
            {name: value for name, value in values.items() if name in _required(stream)},
            *({**values, name: other(values[name], name)} for name in names),
            values,
        )
        nothing: Values = {name: None if name not in _required(stream) else values[name] for name in names}
        defaults: Values = {"weight": 1, "position": 1} if stream is MARKS else {}
        bases = dict.fromkeys(rest, values) | {same: values, empty: nothing | defaults}
        bases[rest[-1]] = {name: value for name, value in values.items() if name != names[0]}
        link(database, stream, bases)
        assert edited(database, stream) == rest


def _required(stream: Stream) -> set[str]:
    return {f.name for f in fields(SPECS[stream].record) if f.default is MISSING}


def test_what_is_on_its_way_is_left_alone(database: SchoolDatabase) -> None:
    """Journal, outbox and quarantine have paths of their own; a closed link is none."""
    rows = insert(database, MARKS, *(mark(1, 2, str(n % 4 + 2)) for n in range(6)))
    noted, queued, poison, unlinked, closed, differs = rows
    link(database, MARKS, {i: {"value": "1"} for i in rows if i != unlinked})
    with database.database.write(database.school) as unit:
        unit.journal.note(MARKS, [noted])
        unit.outbox.enqueue(MARKS, {queued: ["mark"]})
        item = QuarantineItem(stream=MARKS, direction="push", code="c", signature="s", reason="r", local_id=poison)
        unit.quarantine.put([item])
        (old,) = unit.links.by_local(MARKS, [closed]).values()
        change = LinkChange(link_id=old.link_id, version=1, change_version=1, closed_by=ClosedBy.BOTH)
        unit.links.update([change])
        unit.commit()
    assert edited(database, MARKS) == [unlinked, closed, differs]
    assert edited(database, MARKS, after=unlinked, limit=1) == [closed]
    assert gone(database, MARKS) == []
    database.sql("DELETE FROM changes")
    database.sql("DELETE FROM marks")
    database.sql("DELETE FROM changes")
    assert gone(database, MARKS) == [noted, differs]
    assert gone(database, MARKS, after=noted) == [differs]
    with database.database.write(database.school) as unit:
        unit.journal.note(MARKS, [noted, differs])
        unit.commit()
    assert gone(database, MARKS) == []
    with database.database.write(database.school) as unit:
        assert [change.deleted for change in unit.journal.claim(MARKS, 10)] == [True, True]


def test_pupils_without_a_link_are_the_release_watch_s(database: SchoolDatabase) -> None:
    insert(database, Stream.STUDENTS, whole(Stream.STUDENTS))
    assert edited(database, Stream.STUDENTS) == []


def test_another_school_s_rows_are_not_looked_at(database: SchoolDatabase) -> None:
    theirs = database.add_school("school-901")
    (row,) = insert(database, MARKS, mark(1, 2), school=theirs)
    link(database, MARKS, {LocalId(row + 1000): {"value": "5"}}, school=theirs)
    assert (edited(database, MARKS), gone(database, MARKS)) == ([], [])


def test_each_question_is_one_statement(database: SchoolDatabase) -> None:
    rows = insert(database, MARKS, *(mark(1, 2) for _ in range(50)))
    link(database, MARKS, {i: {"value": "4"} for i in rows})
    with database.database.read(database.school) as unit, database.statements() as seen:
        assert len(unit.journal.edited(MARKS, after=LocalId(0), limit=1000)) == 50
        assert unit.journal.gone(MARKS, after=LocalId(0), limit=1000) == []
        assert unit.links.versions(MARKS, [RemoteId(f"r-{i}") for i in rows])
        assert len(unit.links.live(MARKS, after=LinkId(0), limit=1000)) == 50
    assert len(seen) == 4
