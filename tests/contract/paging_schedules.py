"""Records that are inserted, changed and deleted between the pages of a reading, one schedule per seed.

The long form: ``python -m tests.contract.paging_schedules FIRST LAST``; exits 1 when a schedule lost something.
"""

from __future__ import annotations

import sys

from sync_service.domain.errors import TransientError
from sync_service.domain.links import RemoteId
from sync_service.domain.records import Values
from sync_service.domain.streams import RemoteRecord, Stream
from tests.contract.worlds import EcpWorld

KINDS = (["insert", "edit", "delete"], ["edit"], ["insert", "delete"], ["bump", "edit"], ["delete"])
MARKS = 24  # eight pages
STRUCK = 8  # pages after which people work
ROUNDS = 6  # cycles in which the reader has to have everything


def play(world: EcpWorld, seed: int) -> tuple[int, list[str]]:
    """How many records people touched while a reader read, and the ids of what the reader has wrong in the end."""
    world.faults()
    _begin_anew(world)
    before = _newest(world)
    params = {
        "seed": seed,
        "count": 1 + seed % 3,
        "kinds": KINDS[seed % len(KINDS)],
        "among": ("served", "all")[seed // 5 % 2],
    }
    match = {"route": "page", "stream": "marks"}
    skip = seed // 10 % 3
    world.faults({"kind": "page_drift", "match": match, "skip": skip, "times": STRUCK, "params": params})
    known: dict[str, RemoteRecord] = {}
    cursor: str | None = None
    for _ in range(ROUNDS):
        try:
            for page in world.pages(Stream.MARKS, cursor):
                cursor = page.cursor
                for record in page.records:
                    if (record.change_version or 0) >= _age(known.get(record.remote_id)):
                        known[record.remote_id] = record
        except TransientError:
            continue  # the window cannot be counted now and is read again in the next cycle
    held: dict[str, Values] = {item_id: record.values for item_id, record in known.items() if not record.deleted}
    live = world.live(Stream.MARKS)
    wrong = [item_id for item_id in held.keys() | live.keys() if held.get(item_id) != live.get(item_id)]
    return _newest(world) - before, wrong


def _age(record: RemoteRecord | None) -> int:
    return -1 if record is None else record.change_version or 0


def _newest(world: EcpWorld) -> int:
    return world.remote.change_versions().streams[Stream.MARKS].newest


def _begin_anew(world: EcpWorld) -> None:
    """The same marks in the same order, whatever was played before."""
    for item_id in world.live(Stream.MARKS):
        world.delete(Stream.MARKS, RemoteId(item_id))
    for place in range(MARKS):
        world.create(Stream.MARKS, world.mark(position=place + 1))


def main() -> int:
    first, last = (int(text) for text in sys.argv[1:3])
    world = EcpWorld()
    touched, failed = 0, []
    try:
        for seed in range(first, last):
            count, wrong = play(world, seed)
            touched += count
            failed += [seed] if wrong else []
    finally:
        world.close()
    said = f"{last - first} schedules, {touched} records touched while paging, with losses: {failed or 'none'}"
    sys.stdout.write(said + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
