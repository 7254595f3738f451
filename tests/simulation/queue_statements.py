"""Statement 38: ten thousand open conflicts make the list no slower than a person notices.

The list is asked for page by page, over HTTP and with everything a page carries: the session, the counts of the
navigation, the entry in the journal about who has seen whom. The number of statements must not depend on the length
of the queue; ``python -m benchmarks.conflict_list`` compares the times of a short queue and of a long one.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from sqlalchemy import event

from sync_service.domain.people import Role
from tests.browser.queue import long_queue
from tests.browser.site import SCHOOL, Site, site
from tests.simulation.databases import Databases

SLOWEST = 0.3  # seconds, the 95th percentile
ASKED = 200
SHORT = 60  # conflicts: more than a page
PAGE = 50


def statement_38(count: int, databases: Databases) -> str:
    told = []
    with databases.each_engine() as urls:
        for url in urls:
            with databases.folder() as folder, site(url, folder) as made:
                long_queue(made, SHORT)
                before = statements_of_the_list(made, SHORT)
                long_queue(made, count - SHORT)
                assert statements_of_the_list(made, count) == before, "statements grow with the queue"
                begun, name = time.process_time(), "SQLite" if url.startswith("sqlite") else "PostgreSQL"
                took = times_of_the_list(made, count, ASKED)
                mean = (time.process_time() - begun) / ASKED
                p95 = sorted(took)[int(len(took) * 0.95)]
                assert p95 < SLOWEST, f"{name}: p95 {p95:.3f} s, {mean:.3f} s of the processor each"
                told.append(
                    f"{name} p95 {p95 * 1000:.0f} ms by the clock on the wall, {mean * 1000:.0f} ms of the processor"
                    f" each, {before} statements as with {SHORT}"
                )
    told.append(f"load of the machine {os.getloadavg()[0]:.0f}")
    return f"{count:,} conflicts, {ASKED} pages of the list each: " + "; ".join(told)


def times_of_the_list(made: Site, conflicts: int, times: int) -> list[float]:
    """Seconds of each of so many requests for pages anywhere in the list, by the clock on the wall."""
    client, chance = made.sign_in(Role.SECRETARY), random.Random(38)
    _ask(client, 1)  # templates are compiled by whoever comes first
    took = []
    for _ in range(times):
        page = chance.randint(1, -(-conflicts // PAGE))
        begun = time.monotonic()
        _ask(client, page)
        took.append(time.monotonic() - begun)
    return took


def statements_of_the_list(made: Site, conflicts: int) -> int:
    """Statements of one request for a page in the middle of the list."""
    client = made.sign_in(Role.SECRETARY)
    page = max(1, conflicts // PAGE // 2)
    _ask(client, page)
    with _counted(made) as seen:
        _ask(client, page)
    return len(seen)


def _ask(client: httpx.Client, page: int) -> None:
    answer = client.get(f"/s/{SCHOOL}/conflicts", params={"page": page})
    assert answer.status_code == 200
    assert answer.text.count('class="item"') == PAGE or page > 1, "a page of the list is not full"


@contextmanager
def _counted(made: Site) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(*args: object) -> None:
        seen.append(str(args[2]))

    event.listen(made.service.db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(made.service.db.engine, "before_cursor_execute", note)
