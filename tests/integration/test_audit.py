"""The audit journal: chained, verifiable, erasable."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from sync_service.domain.audit import DIGEST_BYTES, Act, AuditEntry, AuditItem, entry_digest, item_digest
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.persistence.json_text import dump_bytes
from sync_service.persistence.moments import moment, stamp
from tests.databases import SchoolDatabase


def entry(*students: int, act: str = "pull") -> AuditEntry:
    return AuditEntry(
        act=act,
        actor="system",
        cause="run-1",
        note="page",
        items=tuple(
            AuditItem(
                stream=Stream.STUDENTS,
                act=Act.PULL,
                local_id=LocalId(s),
                remote_id=f"r{s}",
                student_id=s,
                base_local={"last_name": "Ёлкина"},
                before={"last_name": None},
            )
            for s in students
        ),
    )


def append(at: SchoolDatabase, *entries: AuditEntry) -> None:
    with at.database.write(at.school) as unit:
        unit.audit.append(entries)
        unit.commit()


def verdict(at: SchoolDatabase) -> str | None:
    with at.database.read(at.school) as unit:
        return unit.audit.verify()


def test_an_untouched_chain_holds(database: SchoolDatabase) -> None:
    """Over several transactions, entries without items, and more entries than one batch of the check."""
    assert verdict(database) is None
    append(database, entry(1, 2), entry(act="view"))
    append(database, *(entry(s) for s in range(3, 150)))
    assert verdict(database) is None
    rows = database.sql("SELECT seq FROM audit ORDER BY seq")
    assert [row["seq"] for row in rows] == list(range(1, 150))


def test_entries_come_with_what_proves_their_place(database: SchoolDatabase) -> None:
    """Each follows from the one before it; the digest of an erased record stands for it as before."""
    append(database, entry(1), entry(2, 3), entry(act="view"))
    with database.database.write(database.school) as unit:
        unit.audit.erase(2, {})
        unit.commit()
    begin, end = database.clock.moment - timedelta(days=1), database.clock.moment + timedelta(days=1)
    with database.database.read(database.school) as unit:
        entries = unit.audited.chained(begin, end, limit=10)
        assert [one.seq for one in entries] == [1, 2, 3]
        assert [len(one.items) for one in entries] == [1, 2, 0]
        assert [one.previous for one in entries] == [b"", entries[0].digest, entries[1].digest]
        assert all(len(item.digest) == DIGEST_BYTES for one in entries for item in one.items)
        assert unit.audited.chained(begin, entries[0].at, limit=10) == []
        assert [one.seq for one in unit.audited.chained(begin, end, limit=10, student=3)] == [2]
        assert unit.audited.chained(begin, end, limit=10, cause="run-2") == []
        assert [one.seq for one in unit.audited.chained(begin, end, limit=2, cause="run-1")] == [1, 2]
        assert [row.seq for row in unit.audited.page(cause="run-1")] == [3, 2, 1]


TAMPERING = [
    "UPDATE audit SET actor = 'another' WHERE seq = 2",
    "UPDATE audit SET note = '' WHERE seq = 2",
    "UPDATE audit SET digest = (SELECT digest FROM audit WHERE seq = 1) WHERE seq = 2",
    "UPDATE audit_items SET local_id = 99 WHERE student_id = 2",
    "UPDATE audit_items SET act = 'delete' WHERE student_id = 2",
    "UPDATE audit_items SET student_id = 1 WHERE student_id = 2",
    "UPDATE audit_items SET remote_id = 'r1' WHERE student_id = 2",
    "UPDATE audit_items SET remote_id = NULL WHERE student_id = 2",
    "UPDATE audit SET form = NULL WHERE seq = 2",
    "UPDATE audit_items SET payload = salt WHERE student_id = 2",
    "UPDATE audit_items SET digest = salt WHERE student_id = 2",
    "UPDATE audit_items SET salt = NULL, payload = NULL WHERE student_id = 2",
    "UPDATE audit_items SET entry_id = (SELECT id FROM audit WHERE seq = 1) WHERE student_id = 2",
    "DELETE FROM audit_items WHERE student_id = 2",
    "DELETE FROM audit_items; DELETE FROM audit",
    "DELETE FROM audit_items WHERE student_id = 3; DELETE FROM audit WHERE seq = 3",
    "DELETE FROM audit_items WHERE student_id = 2; DELETE FROM audit WHERE seq = 2",
    "UPDATE audit SET seq = 9 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;"
    " UPDATE audit SET seq = 3 WHERE seq = 9",
]


@pytest.mark.parametrize("statements", TAMPERING)
def test_tampering_is_found(database: SchoolDatabase, statements: str) -> None:
    """Edits, deletions and reorderings, also at the end of the chain."""
    append(database, entry(1), entry(2), entry(3))
    for statement in statements.split(";"):
        database.sql(statement)
    assert verdict(database) is not None


def test_erasing_a_pupil_keeps_the_chain(database: SchoolDatabase) -> None:
    """Values, salt and the regional id are gone, the digest stays; what remains is still protected."""
    append(database, entry(1, 2), entry(2), entry(3))
    with database.database.write(database.school) as unit:
        assert unit.audit.erase(2, {}) == 2
        assert unit.audit.erase(2, {}) == 0
        unit.commit()
    assert verdict(database) is None
    rows = database.sql("SELECT student_id, remote_id, salt, payload, digest FROM audit_items ORDER BY id")
    for row in rows:
        assert (row["payload"] is None) == (row["salt"] is None) == (row["student_id"] == 2)
        assert (row["remote_id"] is None) == (row["student_id"] == 2)
        assert (row["digest"] is not None) == (row["student_id"] == 2)
    database.sql("UPDATE audit_items SET local_id = 1 WHERE student_id = 2")
    assert verdict(database) == "entry 1 does not match its digest"


def test_nothing_can_be_put_into_an_erased_item(database: SchoolDatabase) -> None:
    append(database, entry(1, 2))
    with database.database.write(database.school) as unit:
        unit.audit.erase(2, {})
        unit.commit()
    database.sql("UPDATE audit_items SET remote_id = 'another' WHERE student_id = 2")
    assert verdict(database) == "entry 1: an erased item names a regional record"


def test_values_cannot_be_forged_behind_their_own_digest(database: SchoolDatabase) -> None:
    """A digest stands for values that are gone; beside values that are there it proves nothing."""
    append(database, entry(1, 2))
    for row in database.sql("SELECT id, salt, payload, remote_id FROM audit_items"):
        content = bytes(row["payload"]) + b"\0" + row["remote_id"].encode()
        told = item_digest(bytes(row["salt"]), content)
        database.sql("UPDATE audit_items SET digest = :told WHERE id = :id", told=told, id=row["id"])
    database.sql("UPDATE audit_items SET payload = :forged, remote_id = NULL", forged=b"[null,null,null]")
    assert verdict(database) == "entry 1: an erased item holds values"


def test_erasing_records_without_a_pupil(database: SchoolDatabase) -> None:
    """A parent's card is nobody's record but its own: its items are erased by the record."""
    parent = AuditItem(
        stream=Stream.GUARDIANS, act=Act.PULL, local_id=LocalId(7), remote_id="g7", base_local={"n": 1}
    )
    append(database, AuditEntry(act="pull", actor="system", cause="run-1", items=(parent,)), entry(7))
    with database.database.write(database.school) as unit:
        assert unit.audit.erase(0, {Stream.GUARDIANS: [LocalId(7)]}) == 1
        unit.commit()
    assert verdict(database) is None
    kept = database.sql("SELECT stream FROM audit_items WHERE payload IS NOT NULL")
    assert [row["stream"] for row in kept] == ["students"]


def test_entries_of_older_versions_hold_and_can_be_erased(database: SchoolDatabase) -> None:
    """Their header names the regional record for good; their values go all the same."""
    append(database, entry(1), entry(2))
    seq, previous = 1, b""
    for row in database.sql("SELECT * FROM audit ORDER BY seq"):
        (item,) = database.sql("SELECT * FROM audit_items WHERE entry_id = :id", id=row["id"])
        records = [[item[name] for name in ("stream", "act", "local_id", "remote_id", "student_id")]]
        at = stamp(moment(row["at"]))
        header = dump_bytes([seq, at, row["actor"], row["act"], row["cause"], row["note"], records])
        previous = entry_digest(previous, header, [item_digest(bytes(item["salt"]), bytes(item["payload"]))])
        database.sql("UPDATE audit SET form = NULL, digest = :digest WHERE id = :id", digest=previous, id=row["id"])
        seq += 1
    database.sql("UPDATE audit_heads SET digest = :digest", digest=previous)
    assert verdict(database) is None
    with database.database.write(database.school) as unit:
        assert unit.audit.erase(2, {}) == 1
        unit.commit()
    assert verdict(database) is None
    kept = database.sql("SELECT remote_id, payload FROM audit_items WHERE student_id = 2")
    assert [(row["remote_id"], row["payload"]) for row in kept] == [("r2", None)]
    append(database, entry(3))
    assert verdict(database) is None


def test_chains_of_schools_are_apart(database: SchoolDatabase) -> None:
    append(database, entry(1))
    other = database.add_school("school-12")
    with database.database.write(other) as unit:
        unit.audit.append([entry(1), entry(2)])
        unit.commit()
    database.sql("UPDATE audit SET note = '' WHERE school_id = :other", other=other)
    assert verdict(database) is None
    with database.database.read(other) as unit:
        assert unit.audit.verify() == "entry 1 does not match its digest"


def test_equal_values_have_different_digests(database: SchoolDatabase) -> None:
    """Salted: a digest does not tell that two pupils share a name."""
    append(database, entry(1, 2))
    with database.database.write(database.school) as unit:
        unit.audit.erase(1, {})
        unit.audit.erase(2, {})
        unit.commit()
    first, second = (bytes(row["digest"]) for row in database.sql("SELECT digest FROM audit_items"))
    assert first != second


@pytest.mark.parametrize(
    ("seconds", "who"),
    [(0, "petrova"), (-30, "petrova"), (-3600, None), (1, None)],
    ids=["then", "soon", "old", "later"],
)
def test_the_author_of_a_change_is_who_wrote_in_its_transaction(
    database: SchoolDatabase, seconds: int, who: str | None
) -> None:
    """An edit behind the journal's entry, or long before it, is another program's."""
    item = AuditItem(stream=Stream.STUDENTS, act=Act.ENTER, local_id=LocalId(7), student_id=7)
    append(database, AuditEntry(act="enter", actor="petrova", cause="movements:arrival", items=(item,)), entry(7))
    at = database.sql("SELECT at FROM audit ORDER BY seq")[0]["at"]
    moment = (datetime.fromisoformat(at) if isinstance(at, str) else at) + timedelta(seconds=seconds)
    with database.database.read(database.school) as unit:
        assert unit.audited.author(7, Stream.STUDENTS, LocalId(7), moment) == who
        assert unit.audited.author(8, Stream.STUDENTS, LocalId(7), moment) is None
