"""What the region may answer, and what may never come of it (RELIABILITY statements 17, 18 and 25).

Each function checks one statement and returns how many cases it checked; AssertionError names the case.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from itertools import count as counted
from random import Random
from typing import Any

import httpx
import respx

from connectors.ecp.connector import EcpConnector
from connectors.ecp.settings import EcpSettings
from mappings import load_mappings
from sync_service.domain.errors import OutcomeUnknown, SyncError, TransientError
from sync_service.domain.links import RemoteId
from sync_service.domain.streams import Page, Stream, StreamVersions
from sync_service.engine.ports import Op, PersonQuery, WriteItem
from tests.simulation.malformed import JSON, Body, malformed, marks, written
from tests.unit.connectors.regions import BASE, Clock, RealClock, Store, read_request, server

MAPPINGS = load_mappings()
VERSIONS = StreamVersions(newest=90, oldest=0)
NEVER_DOWN = 10**9


def connector(base_url: str = BASE, clock: Clock | None = None, store: Store | None = None) -> EcpConnector:
    """Tries once, reads nothing ahead, and never takes the region for down."""
    settings = EcpSettings(
        base_url=base_url,
        organization_id="org-1",
        attempts=1,
        read_ahead=False,
        failures_until_down=NEVER_DOWN,
    )
    return EcpConnector(settings, tokens=store or Store(), mappings=MAPPINGS, clock=clock or Clock())


# --- 17: malformed answers ----------------------------------------------------------------------------------------


def statement_17(count: int = 10_000, seed: int = 17) -> int:
    """No malformed answer crashes anything or becomes half a page, and each refusal has a reason."""
    school = connector()
    try:
        with respx.mock(assert_all_called=False) as router:
            numbers = counted(2)
            router.post(f"{BASE}/auth/token/refresh").mock(side_effect=lambda _: _fresh_pair(next(numbers)))
            route = router.get(url__startswith=f"{BASE}/organizations/org-1/marks")
            for number in range(count):
                status, headers, body = malformed(Random(f"{seed}-{number}"))
                route.return_value = httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))
                _refused_or_whole(school, body, f"statement 17, seed {seed}, answer {number}")
    finally:
        school.close()
    return count


def _fresh_pair(number: int) -> httpx.Response:
    return httpx.Response(200, json={"accessToken": f"access-{number}", "refreshToken": f"refresh-{number}"})


def _refused_or_whole(school: EcpConnector, body: bytes, where: str) -> None:
    refused: str | None = None
    pages: list[Page] = []
    try:
        pages.extend(school.pages(Stream.MARKS, None, VERSIONS))
    except SyncError as error:
        refused = str(error)
    if refused is not None:
        assert len(refused) > 20, f"{where}: refused without a reason"
        return
    said = by_the_book(body)
    assert said is not None, f"{where}: something that is not strict JSON was believed"
    (page,) = pages
    items = said["items"]
    known = {record.remote_id for record in page.records}
    known |= {reject.remote_id for reject in page.rejects if reject.remote_id is not None}
    nameless = [reject for reject in page.rejects if reject.remote_id is None]
    named = [item["id"] for item in items if isinstance(item, dict) and _may_be_an_id(item.get("id"))]
    assert page.received == len(items), f"{where}: {page.received} counted of {len(items)}"
    assert set(named) <= known, f"{where}: records were lost"
    assert len(named) + len(nameless) == len(items), f"{where}: records were lost"
    assert len(known) + len(nameless) >= min(said["totalCount"], said["pageSize"]), f"{where}: half a page passed"
    assert all(reject.reason and reject.code for reject in page.rejects), f"{where}: a record without a reason"


def _may_be_an_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()


def by_the_book(body: bytes) -> Any:
    """What a strict and independent reader makes of it; None for what no such reader takes."""

    def once(pairs: list[tuple[str, Any]]) -> Body:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("twice")
        return dict(pairs)

    def never(word: str) -> Any:
        raise ValueError(word)

    try:
        value = json.loads(body.decode(), object_pairs_hook=once, parse_constant=never)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # lone surrogates and 1e999 end here
    except (ValueError, RecursionError):
        return None
    return value


# --- 18: reset at each byte ---------------------------------------------------------------------------------------

ANSWER_BYTES = 4096
HANG_UP, RESET = None, struct.pack("ii", 1, 0)  # for SO_LINGER


def statement_18(step: int = 1) -> int:
    """Cut off after any byte of 4 KB, by a reset or by a hang-up, an answer never becomes a page."""
    whole = _exactly_4_kb()
    cuts = [(at, end) for at in range(0, ANSWER_BYTES, step) for end in (RESET, HANG_UP)]
    coming = iter(cuts)

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        at, end = next(coming)
        connection.sendall(whole[:at])
        if end is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, end)

    with server(talk) as url:
        school = connector(url, RealClock())
        for at, end in cuts:
            pages: list[Page] = []
            with suppress(TransientError):
                pages.extend(school.pages(Stream.MARKS, None, VERSIONS))
                raise AssertionError(f"statement 18: byte {at}, {'reset' if end else 'hang-up'}: no error")
            assert pages == [], f"statement 18: byte {at}: a part was taken for a page"
        school.close()
    assert next(coming, None) is None, "statement 18: some cuts were never asked for"
    return len(cuts)


def _exactly_4_kb() -> bytes:
    body = written(marks(14))
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\nX-Filler: "
    filler = ANSWER_BYTES - len(head) - 4 - len(body)
    assert filler > 0, "the body is longer than the answer is to be"
    return head.encode() + b"x" * filler + b"\r\n\r\n" + body


# --- 25: web pages ------------------------------------------------------------------------------------------------

PAGES = (
    b"<!DOCTYPE html><html><body><h1>\xd0\xa0\xd0\xb0\xd0\xb1\xd0\xbe\xd1\x82\xd1\x8b</h1></body></html>",
    b"\xef\xbb\xbf<html><form action=/login></form></html>",
    b"\n\n<?xml version='1.0'?><html/>",
    b'{"items": [], "pageNumber": 1, "pageSize": 1000, "totalCount": 0, "results": []}',
)
KINDS = ("text/html; charset=utf-8", "TEXT/HTML", "application/xhtml+xml", JSON, "text/plain", "")


def statement_25() -> int:
    """A web page with status 200 is an error wherever it comes, and a write it answers has an unknown outcome."""
    cases = [(page, kind) for page in PAGES for kind in KINDS if not (page.startswith(b"{") and kind == JSON)]
    school = connector()
    with respx.mock as router:
        route = router.route()
        for page, kind in cases:
            route.respond(200, content=page, headers={"Content-Type": kind} if kind else {})
            for name, call, error in _calls():
                try:
                    call(school)
                except error:
                    continue
                raise AssertionError(f"statement 25: {name} took a web page declared {kind!r} for data")
    school.close()
    return len(cases) * len(_calls())


def _calls() -> tuple[tuple[str, Callable[[EcpConnector], object], type[SyncError]], ...]:
    person = PersonQuery(ref="p", last_name="Ким", first_name="Ян", birth_date="2012-01-02")
    item = WriteItem(client_ref="a", op=Op.CREATE, values={"value": "5"})
    return (
        ("changeVersion", lambda school: school.change_versions(), SyncError),
        ("a page", lambda school: list(school.pages(Stream.MARKS, None, VERSIONS)), SyncError),
        ("get", lambda school: school.get(Stream.MARKS, [RemoteId("m-1")]), SyncError),
        ("find", lambda school: school.find(Stream.MARKS, client_refs=["r"]), SyncError),
        ("enrolment", lambda school: school.find_available([person]), SyncError),
        ("a batch", lambda school: school.write(Stream.MARKS, [item], key="k"), OutcomeUnknown),
    )
