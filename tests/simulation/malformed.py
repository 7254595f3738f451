"""Answers to a request for a page of marks, wrong in every way that came to mind; seeded."""

from __future__ import annotations

import gzip
import json
from random import Random
from typing import Any

JSON = "application/json"

Body = dict[str, Any]
Told = tuple[int, dict[str, str], bytes]  # status, headers, body


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


def malformed(random: Random) -> Told:
    """One answer to a request for a page, wrong in one way or several."""
    page, headers = marks(), {"Content-Type": JSON}
    way = random.randrange(10)
    if way < 4:
        for _ in range(random.randint(1, 3)):
            _distort(page, random)
        return 200, headers, written(page)
    if way < 7:
        body = written(page)
        for _ in range(random.randint(1, 3)):
            body = _damaged(body, random)
        return 200, headers, body
    if way == 7:
        return 200, headers, _with_raw(page, random)
    if way == 8:
        return _mispacked(written(page), random)
    return _strange_status(written(page), random)


def written(page: Any) -> bytes:
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
        return written(page).replace(b'"@@"', raw, 1)
    name = random.choice((b'"grade":', b'"id":', b'"version":', b'"comment":'))
    body = written(page).replace(b'": ', b'":')
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
