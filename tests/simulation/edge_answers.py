"""What the region may answer, and what may never come of it (RELIABILITY statements 17, 18 and 25).

Each function checks one statement and returns how many cases it checked; AssertionError names the case.
"""

from __future__ import annotations

import gzip
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
from tests.unit.connectors.regions import BASE, Clock, RealClock, Store, read_request, server

MAPPINGS = load_mappings()
VERSIONS = StreamVersions(newest=90, oldest=0)
NEVER_DOWN = 10**9
JSON = "application/json"

Body = dict[str, Any]
Told = tuple[int, dict[str, str], bytes]  # status, headers, body


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


def marks(many: int = 20) -> Body:
    items = [
        {
            "id": f"m-{n}",
            "version": n % 3 + 1,
            "changeVersion": 71 + n,
            "deleted": False,
            "studentId": f"s-{n % 7}",
            "lessonId": f"l-{n % 5}",
            "grade": "5",
            "weight": 1,
            "comment": 'за диктант «Осень": отлично',
        }
        for n in range(many)
    ]
    paging = {"pageNumber": 1, "pageSize": 1000, "totalCount": many, "totalPages": 1}
    return {"items": items, **paging, "hasNextPage": False, "hasPreviousPage": False}


# --- 17: malformed answers ----------------------------------------------------------------------------------------

RAW = (b"NaN", b"-Infinity", b"1e999", b"9" * 400, b'"\\ud800"', b'"\\u0000"', b"[" * 40 + b"]" * 40, b"01", b"'5'")
VALUES: tuple[Any, ...] = (
    None,
    True,
    5,
    -1,
    2.5,
    10**40,
    "",
    "5",
    "\x00",
    "я" * 70_000,
    [],
    {},
    [[]],
    {"a": {"a": []}},
)


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
    named = [item["id"] for item in items if isinstance(item, dict) and item.get("id") and type(item["id"]) is str]
    assert page.received == len(items), f"{where}: {page.received} counted of {len(items)}"
    assert set(named) <= known, f"{where}: records were lost"
    assert len(named) + len(nameless) == len(items), f"{where}: records were lost"
    assert len(known) + len(nameless) >= min(said["totalCount"], said["pageSize"]), f"{where}: half a page passed"
    assert all(reject.reason and reject.code for reject in page.rejects), f"{where}: a record without a reason"


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


def malformed(random: Random) -> Told:
    """One answer to a request for a page, wrong in one way or several."""
    page, headers = marks(), {"Content-Type": JSON}
    way = random.randrange(10)
    if way < 4:
        for _ in range(random.randint(1, 3)):
            _distort(page, random)
        return 200, headers, _written(page)
    if way < 7:
        body = _written(page)
        for _ in range(random.randint(1, 3)):
            body = _damaged(body, random)
        return 200, headers, body
    if way == 7:
        return 200, headers, _with_raw(page, random)
    if way == 8:
        return _mispacked(_written(page), random)
    return _strange_status(_written(page), random)


def _written(page: Any) -> bytes:
    return json.dumps(page, ensure_ascii=False).encode()


def _distort(page: Body, random: Random) -> None:
    items = page.get("items")
    if not isinstance(items, list) or not items or random.random() < 0.4:
        name = random.choice(list(page) or ["items"])
        if random.random() < 0.3:
            page.pop(name, None)
        else:
            page[name] = random.choice(VALUES)
        return
    place = random.randrange(len(items))
    item = items[place]
    way = random.randrange(5)
    if way == 0:
        items[place] = random.choice(VALUES)
    elif way == 1:
        items.pop(place)
    elif not isinstance(item, dict) or not item:
        items.append(item)
    elif way == 2:
        item.pop(random.choice(list(item)))
    else:
        item[random.choice(list(item))] = random.choice(VALUES)


def _damaged(body: bytes, random: Random) -> bytes:
    at = random.randrange(len(body) + 1)
    way = random.randrange(6)
    if way == 0:
        return body[:at]
    if way == 1:
        return body[:at] + random.randbytes(random.randint(1, 4)) + body[at:]
    if way == 2:
        return body[:at] + body[at + random.randint(1, 40) :]
    if way == 3:
        return body[:at] + body[at : at + 30] + body[at:]
    if way == 4:
        return body[:at] + bytes([random.randrange(256)]) + body[at + 1 :]
    return body + random.choice((b"{}", b"\x00", b"]", b"<!-- -->", body))


def _with_raw(page: Body, random: Random) -> bytes:
    """A value no serialiser writes, or a key that stands twice."""
    raw = random.choice(RAW)
    if random.random() < 0.5:
        random.choice(page["items"])["grade"] = "@@"
        return _written(page).replace(b'"@@"', raw, 1)
    name = random.choice((b'"grade":', b'"id":', b'"version":', b'"comment":'))
    body = _written(page).replace(b'": ', b'":')
    return body.replace(name, name + random.choice((b'"4", ', b"1,")) + name.replace(b":", b" :"), 1)


def _mispacked(body: bytes, random: Random) -> Told:
    packed = gzip.compress(body, 1)
    encoding, content = random.choice(
        [
            ("gzip", body),
            ("gzip", packed[: random.randrange(1, len(packed))]),
            ("gzip", packed + random.randbytes(5)),
            ("gzip", packed + packed),
            ("gzip, gzip", gzip.compress(packed)),
            ("br", body),
            ("deflate", packed),
            ("identity", packed),
        ]
    )
    return 200, {"Content-Type": JSON, "Content-Encoding": encoding}, content


def _strange_status(body: bytes, random: Random) -> Told:
    kind = random.choice((JSON, "text/html", "text/plain", "application/octet-stream", ""))
    headers = {"Content-Type": kind} if kind else {}
    status = random.choice((200, 204, 206, 300, 302, 304, 400, 401, 403, 404, 409, 410, 418, 429, 500, 502, 503, 599))
    if status == 200 and kind == JSON:
        body = b""
    if status == 302:
        headers["Location"] = random.choice(("https://elsewhere.example/", "//", "http://[", ""))
    if status in (429, 503):
        headers["Retry-After"] = random.choice(("x", "-1", "0"))
    elif status not in (200, 206) and random.random() < 0.5:
        body = _damaged(b'{"issue": [{"code": "invalid"}]}', random)
    return (status, headers, b"") if status in (204, 304) else (status, headers, body)


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
    body = _written(marks(14))
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
