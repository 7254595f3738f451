"""Statement 46: whoever changes, removes, moves or adds entries of the audit journal with SQL is found out.

One way of tampering at a time, drawn by seed, in a transaction that is taken back afterwards. The journal has no
key. Whoever cuts its end off together with the head that names it, or chains everything anew, leaves a whole chain:
only a head that was noted elsewhere before (``ecp-sync audit verify --head``) tells. Those ways are counted apart.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from sync_service.domain.audit import Act, AuditEntry, AuditItem, entry_digest, item_digest
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.persistence.moments import moment, stamp
from sync_service.persistence.stores.audit_digests import START, header_of, values_of
from tests.databases import SchoolDatabase, with_school
from tests.simulation.databases import Databases

TRANSACTIONS, ENTRIES, MOST_ITEMS = 8, 6, 4  # what the journal holds: 48 entries and their items


@dataclass(slots=True)
class Journal:
    """The journal as it stands, and a connection on which it is tampered with."""

    connection: Connection
    chance: random.Random
    entries: list[dict[str, Any]] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.entries = self._rows("SELECT * FROM audit ORDER BY seq")
        self.items = self._rows("SELECT * FROM audit_items ORDER BY id")

    def _rows(self, statement: str) -> list[dict[str, Any]]:
        return [dict(row) for row in self.connection.execute(text(statement)).mappings()]

    def run(self, statement: str, **values: Any) -> None:
        self.connection.execute(text(statement), values)

    def change(self, table: str, row: dict[str, Any], **values: Any) -> None:
        columns = ", ".join(f"{name} = :{name}" for name in values)
        self.run(f"UPDATE {table} SET {columns} WHERE id = :row_id", row_id=row["id"], **values)

    def remove(self, *entries: dict[str, Any]) -> None:
        for entry in entries:
            self.run("DELETE FROM audit_items WHERE entry_id = :id", id=entry["id"])
            self.run("DELETE FROM audit WHERE id = :id", id=entry["id"])

    def an_entry(self) -> dict[str, Any]:
        return self.chance.choice(self.entries)

    def an_item(self) -> dict[str, Any]:
        return self.chance.choice(self.items)

    def two(self, rows: Sequence[dict[str, Any]], differing: Sequence[str]) -> list[dict[str, Any]]:
        """Two rows that are not alike in these columns."""
        while True:
            first, second = self.chance.sample(rows, 2)
            if any(first[name] != second[name] for name in differing):
                return [first, second]

    def flipped(self, value: Any) -> bytes:
        """The bytes with one bit turned."""
        found = bytearray(bytes(value))
        found[self.chance.randrange(len(found))] ^= 1 << self.chance.randrange(8)
        return bytes(found)

    def renumber(self, entries: Sequence[dict[str, Any]], seqs: Sequence[int]) -> None:
        """In two steps: numbers are unique."""
        for entry in entries:
            self.change("audit", entry, seq=-entry["seq"])
        for entry, seq in zip(entries, seqs, strict=True):
            self.change("audit", entry, seq=seq)


Way = Callable[[Journal], None]


# --- edits ---------------------------------------------------------------------------------------------------------


def another_word(journal: Journal) -> None:
    entry, column = journal.an_entry(), journal.chance.choice(("actor", "act", "cause", "note"))
    journal.change("audit", entry, **{column: entry[column] + "x"})


def another_time(journal: Journal) -> None:
    first, second = journal.two(journal.entries, ("at",))
    journal.change("audit", first, at=second["at"])


def another_digest(journal: Journal) -> None:
    entry = journal.an_entry()
    journal.change("audit", entry, digest=journal.flipped(entry["digest"]))


def another_record(journal: Journal) -> None:
    item = journal.an_item()
    values = {"local_id": 99_999, "student_id": 99_998, "remote_id": "r-other", "stream": "marks", "act": "delete"}
    column = journal.chance.choice(sorted(values))
    journal.change("audit_items", item, **{column: values[column]})


def other_values(journal: Journal) -> None:
    item, column = journal.an_item(), journal.chance.choice(("payload", "salt"))
    journal.change("audit_items", item, **{column: journal.flipped(item[column])})


def erased_with_another_digest(journal: Journal) -> None:
    item = journal.an_item()
    wrong = journal.flipped(item_digest(bytes(item["salt"]), bytes(item["payload"])))
    journal.change("audit_items", item, salt=None, payload=None, digest=wrong)


# --- deletions -----------------------------------------------------------------------------------------------------


def an_item_less(journal: Journal) -> None:
    journal.run("DELETE FROM audit_items WHERE id = :id", id=journal.an_item()["id"])


def an_entry_less(journal: Journal) -> None:
    journal.remove(journal.an_entry())


def a_gap_closed(journal: Journal) -> None:
    """The entries behind it move up, and so does the head."""
    place = journal.chance.randrange(len(journal.entries) - 1)
    journal.remove(journal.entries[place])
    for entry in journal.entries[place + 1 :]:
        journal.change("audit", entry, seq=entry["seq"] - 1)
    journal.run("UPDATE audit_heads SET seq = seq - 1")


def the_end_less(journal: Journal) -> None:
    journal.remove(*journal.entries[-journal.chance.randint(1, len(journal.entries) - 1) :])


def everything_less(journal: Journal) -> None:
    journal.remove(*journal.entries)


def the_head_less(journal: Journal) -> None:
    journal.run("DELETE FROM audit_heads")


# --- reorderings ---------------------------------------------------------------------------------------------------


def two_entries_exchanged(journal: Journal) -> None:
    pair = journal.chance.sample(journal.entries, 2)
    journal.renumber(pair, [entry["seq"] for entry in reversed(pair)])


def entries_rotated(journal: Journal) -> None:
    start, length = journal.chance.randrange(len(journal.entries) - 5), journal.chance.randint(3, 5)
    some = journal.entries[start : start + length]
    seqs = [entry["seq"] for entry in some]
    journal.renumber(some, [*seqs[1:], seqs[0]])


def items_exchanged(journal: Journal) -> None:
    """Between two entries."""
    first, second = journal.two(journal.items, ("entry_id",))
    journal.change("audit_items", first, entry_id=second["entry_id"])
    journal.change("audit_items", second, entry_id=first["entry_id"])


def values_exchanged(journal: Journal) -> None:
    """Between two records, with their salts."""
    first, second = journal.two(journal.items, ("salt",))
    for row, other in ((first, second), (second, first)):
        journal.change("audit_items", row, salt=bytes(other["salt"]), payload=bytes(other["payload"]))


# --- additions -----------------------------------------------------------------------------------------------------


def an_item_more(journal: Journal) -> None:
    item = journal.an_item()
    journal.run(
        "INSERT INTO audit_items (id, school_id, entry_id, stream, act, local_id, salt, payload)"
        " VALUES (999999, :school, :entry, 'marks', 'push', 1, :salt, :payload)",
        school=item["school_id"],
        entry=item["entry_id"],
        salt=bytes(item["salt"]),
        payload=bytes(item["payload"]),
    )


def an_entry_more(journal: Journal) -> None:
    """At the end, and the head says so."""
    last, digest = journal.entries[-1], journal.chance.randbytes(16)
    journal.run(
        "INSERT INTO audit (id, school_id, seq, at, actor, act, cause, note, digest)"
        " VALUES (999999, :school, :seq, :at, 'admin1', 'decide', 'conflict:1', '', :digest)",
        school=last["school_id"],
        seq=last["seq"] + 1,
        at=last["at"],
        digest=digest,
    )
    journal.run("UPDATE audit_heads SET seq = seq + 1, digest = :digest", digest=digest)


# --- what leaves a whole chain -------------------------------------------------------------------------------------


def the_end_less_with_its_head(journal: Journal) -> None:
    kept = journal.chance.randrange(1, len(journal.entries))
    journal.remove(*journal.entries[kept:])
    head = journal.entries[kept - 1]
    journal.run("UPDATE audit_heads SET seq = :seq, digest = :digest", seq=head["seq"], digest=bytes(head["digest"]))


def everything_less_with_its_head(journal: Journal) -> None:
    journal.remove(*journal.entries)
    journal.run("DELETE FROM audit_heads")


def another_actor_and_a_new_chain(journal: Journal) -> None:
    changed = journal.an_entry()
    previous = START
    for entry in journal.entries:
        actor = "somebody" if entry is changed else entry["actor"]
        items = [item for item in journal.items if item["entry_id"] == entry["id"]]
        names = ("stream", "act", "local_id", "student_id")
        records = [[item[name] for name in names] for item in items]
        digests = [
            item_digest(bytes(item["salt"]), values_of(bytes(item["payload"]), item["remote_id"])) for item in items
        ]
        at = stamp(moment(entry["at"]))
        header = header_of(entry["seq"], at, actor, entry["act"], entry["cause"], entry["note"], records)
        previous = entry_digest(previous, header, digests)
        journal.change("audit", entry, actor=actor, digest=previous)
    journal.run("UPDATE audit_heads SET digest = :digest", digest=previous)


EDITS = (
    another_word,
    another_time,
    another_digest,
    another_record,
    other_values,
    erased_with_another_digest,
)
DELETIONS = (an_item_less, an_entry_less, a_gap_closed, the_end_less, everything_less, the_head_less)
REORDERINGS = (two_entries_exchanged, entries_rotated, items_exchanged, values_exchanged)
ADDITIONS = (an_item_more, an_entry_more)
WHOLE_AGAIN = (the_end_less_with_its_head, everything_less_with_its_head, another_actor_and_a_new_chain)
KINDS: dict[str, tuple[Way, ...]] = {
    "edits": EDITS,
    "deletions": DELETIONS,
    "reorderings": REORDERINGS,
    "additions": ADDITIONS,
    "new chains": WHOLE_AGAIN,
}


def statement_46(count: int, databases: Databases) -> str:
    """``count`` ways of tampering on each engine; the kinds take turns."""
    found: Counter[str] = Counter()
    with databases.each_engine() as urls:
        for url in urls:
            at = with_school(url)
            with closing(at.database):
                _fill(at)
                for seed in range(count):
                    found[_tamper(at, seed)] += 1
        engines = len(urls)
    plain = {kind: number for kind, number in found.items() if kind != "new chains"}
    told = ", ".join(f"{plain[kind]:,} {kind}" for kind in KINDS if kind in plain)
    return (
        f"{sum(plain.values()):,} on {engines} databases ({told}), all detected; besides {found['new chains']:,} ends"
        " cut off with their head or chains made anew: a head noted before detects all of them, nothing else does"
    )


def _fill(at: SchoolDatabase) -> None:
    """A journal as runs and people write it, in several transactions."""
    chance = random.Random(46)
    for number in range(TRANSACTIONS):
        with at.database.write(at.school) as unit:
            unit.audit.append([_entry(chance, f"run-{number}") for _ in range(ENTRIES)])
            unit.commit()


def _entry(chance: random.Random, cause: str) -> AuditEntry:
    items = tuple(
        AuditItem(
            stream=chance.choice((Stream.STUDENTS, Stream.GUARDIANS, Stream.MOVEMENTS)),
            act=chance.choice((Act.PULL, Act.LINK, Act.DECIDE)),
            local_id=LocalId(chance.randrange(1, 500)),
            remote_id=f"r{chance.randrange(10_000)}",
            student_id=chance.randrange(1, 500),
            base_local={"last_name": chance.choice(("Ёлкина", "Петров"))},
        )
        for _ in range(chance.randrange(1, MOST_ITEMS + 1))
    )
    return AuditEntry(act="pull", actor=chance.choice(("system", "petrova")), cause=cause, note="page", items=items)


def _tamper(at: SchoolDatabase, seed: int) -> str:
    """The kind of what was done; AssertionError when it was not found."""
    kind = list(KINDS)[seed % len(KINDS)]
    way = KINDS[kind][seed // len(KINDS) % len(KINDS[kind])]
    with at.database.write(at.school) as unit:  # never committed
        noted = unit.audit.head()
        assert unit.audit.verify(noted) is None, "the untouched journal does not hold"
        way(Journal(unit._tx.connection, random.Random(seed)))
        seen, by_noted = unit.audit.verify(), unit.audit.verify(noted)
    assert by_noted is not None, f"seed {seed}: {way.__name__} was not detected"
    assert (seen is None) is (kind == "new chains"), f"seed {seed}: {way.__name__}: {seen}"
    return kind
