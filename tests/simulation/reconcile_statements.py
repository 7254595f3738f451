"""Statements about reading and comparing, each as a function with a count: short in ``make test``, full in
``make simulate``. Every function raises AssertionError where its statement does not hold, and returns its count.

    statement_04(1000, url)   versions bumped, contents equal: no conflict, no write
    statement_06(1000, url)   every page delivered three times: nothing twice
    statement_07(1000)        records come, go and change between pages: none is missed, none of those that stand
                              still is missing from a listing
    statement_08(1000)        fields we do not know, and fields the region leaves out, survive the round trip
    statement_26(100, url)    an empty, shortened or truncated list with status 200: no deletion
    cost_of_comparison(5000, 1200, url)   requests by what differs, not by what exists
    drift_is_repaired(100, url)   what nobody noted is repaired by one comparison and one cycle
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from sqlalchemy import text

from connectors.ecp.writing import as_item
from connectors.memory import MemoryRemote
from connectors.pagination import Listing
from sync_service.domain.links import RemoteId, Snapshot
from sync_service.domain.merging import merge
from sync_service.domain.records import Values
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import BOTH_WAYS, Page, RemoteRecord, Stream
from sync_service.engine.ports import Found, Op, WriteItem
from tests.unit.engine.drift import MARKS, forget, seeded, without_triggers
from tests.unit.engine.world import MAPPINGS, POLICIES, FixedClock, World, build

ROUND = 20  # marks per round of a statement that plays rounds


def agreed(url: str, marks: int, *, page_size: int = 50) -> tuple[World, list[RemoteId]]:
    world = build(url)
    world.remote.page_size = page_size
    return world, seeded(world, marks)[1]


def _nothing_sent(world: World, report: RunReport, where: str) -> None:
    assert report.status is RunStatus.SUCCEEDED, f"{where}: {report.status} {report.error}"
    assert world.remote.calls["write"] == 0, f"{where}: something was sent"
    assert world.count("conflicts") == world.count("outbox") == 0, f"{where}: a question or something to send"


def statement_04(count: int, url: str) -> int:
    """``count`` marks with new versions and equal contents, told by change versions, then found by a comparison."""
    world, marks = agreed(url, count, page_size=1000)
    before = world.rows("marks")
    world.remote.bump(MARKS)
    report = world.sync()
    _nothing_sent(world, report, "told")
    assert report.streams[MARKS].pull.unchanged == report.streams[MARKS].pull.received == count
    for item in world.remote.region.items[MARKS].values():
        item.version += 1
    report = world.reconcile(MARKS)
    _nothing_sent(world, report, "found")
    assert report.streams[MARKS].pull.unchanged == report.streams[MARKS].pull.received == count
    assert world.remote.calls["get"] == -(-count // 500)
    assert world.rows("marks") == before
    world.db.close()
    return len(marks)


def statement_06(count: int, url: str) -> int:
    """At least ``count`` pages, each delivered three times, in transactions of their own and together."""
    world = build(url)
    world.remote.page_size = 5
    read, delivered = world.remote.pages, 0

    def thrice(*args: Any) -> Iterator[Page]:
        nonlocal delivered
        for page in read(*args):
            delivered += 1
            yield from (page, page, page)

    chance = random.Random(6)
    with patch.object(world.remote, "pages", thrice), patch("sync_service.engine.pull.RECORDS_TOGETHER", 1):
        marks = seeded(world, 100)[1]
        rounds = 0
        while delivered < count:
            rounds += 1
            world.clock.sleep(26 * 3600)  # what passed the guard yesterday does not count today
            for mark in chance.sample(marks, 20):
                world.remote.edit(MARKS, mark, comment=f"правка {rounds}")
            with patch("sync_service.engine.pull.RECORDS_TOGETHER", 1 if rounds % 2 else 5000):
                _nothing_sent(world, world.sync(), f"round {rounds}")
            rows = {
                (row["student_id"], row["lesson_id"], row["position"]): row["comment"] for row in world.rows("marks")
            }
            assert world.count("marks") == len(rows) == len(marks), "a mark stands there twice"
            there = {item["position"]: item["comment"] for item in world.remote.records(MARKS).values()}
            assert {key[2]: comment for key, comment in rows.items()} == there
    world.db.close()
    return delivered


def statement_07(count: int, first: int = 0) -> int:
    """``count`` schedules, each a seed."""
    for seed in range(first, first + count):
        chance = random.Random(seed)
        remote = MemoryRemote(FixedClock(), page_size=chance.randint(1, 7))
        still = {_mark(remote, place) for place in range(chance.randint(0, 15))}
        moving = [_mark(remote, 100 + place) for place in range(chance.randint(1, 15))]
        newest: dict[str, RemoteRecord] = {}
        cursor: str | None = None
        for window in range(4):
            for page in remote.pages(MARKS, cursor, None):
                newest.update({record.remote_id: record for record in page.records if _is_news(newest, record)})
                cursor = page.cursor
                if window < 2:
                    _stir(remote, chance, moving)
        known = {remote_id: record.values for remote_id, record in newest.items() if not record.deleted}
        assert known == remote.records(MARKS), f"seed {seed}: a record was missed"
        listed: set[str] = set()
        for number, names in enumerate(remote.listing(MARKS)):
            listed |= names.keys()
            if number < 4:
                _stir(remote, chance, moving)
        assert still <= listed, f"seed {seed}: the listing misses a record that never moved"
    return count


def _is_news(newest: dict[str, RemoteRecord], record: RemoteRecord) -> bool:
    known = newest.get(record.remote_id)
    return known is None or (record.version or 0) >= (known.version or 0)


def _mark(remote: MemoryRemote, place: int) -> RemoteId:
    return remote.create(MARKS, {"student_id": "s", "lesson_id": "l", "value": "5", "position": place})


def _stir(remote: MemoryRemote, chance: random.Random, moving: list[RemoteId]) -> None:
    """What regional users do between two of our requests."""
    for _ in range(chance.randint(0, 3)):
        act = chance.choice(("edit", "create", "delete"))
        if act == "create":
            moving.append(_mark(remote, 1000 + chance.randrange(10**6)))
        elif moving and act == "edit":
            remote.edit(MARKS, chance.choice(moving), comment=f"правка {chance.random()}")
        elif moving:
            remote.delete(MARKS, moving.pop(chance.randrange(len(moving))))


def statement_08(count: int, first: int = 0) -> int:
    """``count`` round trips: the region's item with fields we do not know is read, one group is edited here, the
    partial update is written over it; then the region answers without some optional fields."""
    for seed in range(first, first + count):
        chance = random.Random(seed)
        stream = chance.choice(BOTH_WAYS)
        mapping, policy = MAPPINGS[stream], POLICIES[stream]
        local = _canonical(stream, chance)
        item = {**mapping.to_remote(local), "id": "r-1", "version": 1}
        unknown = {f"x{chance.randrange(10**6)}": chance.choice(("A+", 7, None, {"a": [1]})) for _ in range(3)}
        item |= unknown
        read = mapping.to_canonical(item)
        assert isinstance(read, RemoteRecord), f"seed {seed}: {stream} is refused"
        base = Snapshot.agreed(read.values)
        group = chance.choice(sorted(policy.groups))
        edited = {**read.values, **{f.field: _canonical(stream, chance)[f.field] for f in policy.groups[group]}}
        dirty = merge(policy, base, edited, read.values).push
        changes = {f.field: edited[f.field] for name in dirty for f in policy.groups[name]}
        update = WriteItem(client_ref="c", op=Op.UPDATE, remote_id=RemoteId("r-1"), version=1, values=changes)
        body = as_item(mapping, update)["data"]
        assert set(dirty) <= {group}, f"seed {seed}: {stream} sends {dirty}, edited was {group}"
        assert not unknown.keys() & body.keys()
        left = {name: value for name, value in item.items() if name not in body}
        assert {**item, **body} == {**left, **body}
        assert all(({**item, **body})[name] == value for name, value in unknown.items()), f"seed {seed}: wiped there"
        silent = {row.remote for row in mapping.rows.values() if not row.required and chance.random() < 0.5}
        again = mapping.to_canonical({name: value for name, value in {**item, **body}.items() if name not in silent})
        assert isinstance(again, RemoteRecord), f"seed {seed}: {stream} without {sorted(silent)} is refused"
        agreed_now = Snapshot.agreed({**read.values, **changes})
        wiped = merge(policy, agreed_now, agreed_now.local, again.values).pull
        assert not wiped, f"seed {seed}: {stream} without {sorted(silent)} wipes {sorted(wiped)}"
    return count


_WORDS: dict[str, tuple[Any, ...]] = {
    "sex": ("М", "Ж"),
    "snils": ("11223344595", "08765430300"),
    "phone": ("+79001112233", "+79120000001"),
    "home_phone": ("+73431234567", "+73432223344"),
    "email": ("a@example.ru", "b@example.ru"),
    "relation": ("мать", "отец"),
    "kind": ("arrival", "departure"),
    "origin_kind": ("school", "other_district"),
    "symbol": ("УП", "Б"),
    "value": ("4", "5"),
    "weight": (1, 2, 3),
    "position": (1, 2, 3),
    "document_series": ("IV-АИ", "II-АГ"),
    "document_number": ("123456", "654321"),
}
_FINAL_KINDS = ("period", "year")


def _canonical(stream: Stream, chance: random.Random) -> Values:
    """A record with every field set."""
    values: Values = {}
    for name in MAPPINGS[stream].rows:
        if stream is Stream.FINAL_MARKS and name == "kind":
            values[name] = chance.choice(_FINAL_KINDS)
        elif name in _WORDS:
            values[name] = chance.choice(_WORDS[name])
        elif "date" in name or name.endswith("_on"):
            values[name] = f"20{chance.randint(10, 25)}-0{chance.randint(1, 9)}-1{chance.randint(0, 9)}"
        elif name.endswith("_id"):
            values[name] = f"r-{chance.randrange(10**6)}"
        else:
            values[name] = chance.choice(("Ольга", "Анна", "Вера"))
    return values


def statement_26(count: int, url: str) -> int:
    """``count`` readings through lists that lie, after a forgotten position and by comparison: no row goes. Those
    that hide most of what we share, or break their own total, are never green."""
    world, marks = agreed(url, ROUND, page_size=7)
    tell = world.remote._page
    for number in range(count):
        chance = random.Random(number)
        kind, kept = chance.choice(("empty", "half", "truncated")), chance.random()

        def lie(*args: Any, kind: str = kind, kept: float = kept) -> Listing:
            told = tell(*args)
            if kind == "empty":
                return replace(told, items=[], total=0)
            if kind == "truncated":
                return replace(told, items=told.items[: int(len(told.items) * kept)])
            total = int(told.total * kept)
            first = (args[3] - 1) * args[4]
            return replace(told, items=told.items[: max(0, total - first)], total=total)

        world.remote.edit(MARKS, chance.choice(marks), comment=f"правка {number}")
        if chance.random() < 0.5:
            world.remote.compact(MARKS)
        world.clock.sleep(3601)
        with patch.object(world.remote, "_page", lie):
            report = world.reconcile(MARKS)
        where = f"round {number}, {kind} {kept:.2f}"
        assert world.count("marks") == ROUND, f"{where}: rows are gone"
        assert not any(row["closed_by"] for row in world.rows("links")), f"{where}: a link was closed"
        if kind != "half" or int(ROUND * kept) * 2 < ROUND:
            assert report.status is RunStatus.COMPLETED_WITH_ERRORS, f"{where}: {report.status}"
        world.clock.sleep(3601)
        assert world.sync().status is RunStatus.SUCCEEDED, f"{where}: does not come round"
    world.db.close()
    return count


def cost_of_comparison(records: int, differing: int, url: str) -> int:
    """A comparison of ``records`` equal marks asks for their list and for no body; with ``differing`` of them changed
    it asks for exactly these, 500 at once."""
    world, marks = agreed(url, records, page_size=1000)
    pages = -(-records // 1000) + (records > 1000)  # page 1 tells the length, and is read again at its turn
    asked: list[RemoteId] = []
    get = world.remote.get

    def counted(stream: Stream, ids: Sequence[RemoteId]) -> Found:
        asked.extend(ids)
        return get(stream, ids)

    with patch.object(world.remote, "get", counted):
        assert world.reconcile(MARKS).status is RunStatus.SUCCEEDED
        requests = {name: count for name, count in world.remote.calls.items() if name != "change_versions"}
        assert requests == {"listing": 1, "page": pages}, requests
        for mark in random.Random(records).sample(marks, differing):
            world.remote.region.items[MARKS][mark].version += 1
        world.remote.calls.clear()
        assert world.reconcile(MARKS).status is RunStatus.SUCCEEDED
    assert len(asked) == len(set(asked)) == differing
    assert world.remote.calls["get"] == -(-differing // 500)
    assert world.remote.calls["page"] == pages
    world.db.close()
    return records


def drift_is_repaired(count: int, url: Callable[[], str]) -> int:
    """``count`` rounds of drift on both sides that no trigger, change version or tombstone told of."""
    for number in range(count):
        chance = random.Random(number)
        world, marks = agreed(url(), ROUND, page_size=chance.randint(3, 50))
        expected = _drift(world, chance, marks)
        world.reconcile()
        assert world.sync().status is RunStatus.SUCCEEDED, f"round {number}"
        here = {row["position"]: row["value"] for row in world.rows("marks")}
        there = {item["position"]: item["value"] for item in world.remote.records(MARKS).values()}
        assert here == there == expected, f"round {number}"
        world.remote.calls.clear()
        report = world.reconcile()
        assert report.status is RunStatus.SUCCEEDED, f"round {number}"
        assert world.remote.calls["write"] == world.remote.calls["get"] == 0, f"round {number}: not at rest"
        world.db.close()
    return count


def _drift(world: World, chance: random.Random, marks: list[RemoteId]) -> dict[int, str]:
    """Each kind of drift at marks of its own; returns what must come of it, by place."""
    local = {row["remote_id"]: row["local_id"] for row in world.rows("links") if row["stream"] == "marks"}
    expected = {int(row["position"]): str(row["value"]) for row in world.rows("marks")}
    items = world.remote.region.items[MARKS]
    place = {mark: int(str(items[mark].values["position"])) for mark in marks}
    chosen = chance.sample(marks, 10)
    edited_there, gone_there, edited_here, gone_here = chosen[:3], chosen[3:5], chosen[5:8], chosen[8:]
    for mark in edited_there:
        items[mark].values["value"], items[mark].version = "3", items[mark].version + 1
    forget(world, *gone_there)
    with without_triggers(world) as connection:
        for mark in edited_here:
            connection.execute(text("UPDATE marks SET value = '2' WHERE id = :id"), {"id": local[mark]})
        for mark in gone_here:
            connection.execute(text("DELETE FROM marks WHERE id = :id"), {"id": local[mark]})
    expected |= {place[mark]: "3" for mark in edited_there} | {place[mark]: "2" for mark in edited_here}
    return {at: value for at, value in expected.items() if at not in {place[m] for m in (*gone_there, *gone_here)}}
