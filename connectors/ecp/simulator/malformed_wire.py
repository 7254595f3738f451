"""Answers whose HTTP is broken: each takes the honest head and body and gives all the bytes that are sent.

The connection ends after them.
"""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable

Broken = Callable[[bytes, bytes, random.Random], bytes]
_LENGTH = re.compile(rb"Content-Length: \d+")
_TYPE = re.compile(rb"Content-Type: [^\r]+")


def _status(head: bytes, line: bytes) -> bytes:
    return line + head[head.index(b"\r\n") :]


def _added(head: bytes, *lines: bytes) -> bytes:
    return head[:-2] + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def _length(head: bytes, value: bytes) -> bytes:
    return _LENGTH.sub(b"Content-Length: " + value, head)


def _other_type(head: bytes, body: bytes, source: random.Random) -> bytes:
    kinds = (b"text/plain", b"text/html", b"text/csv", b"application/xml", b"application/octet-stream", b"image/png")
    return _TYPE.sub(b"Content-Type: " + source.choice(kinds), head) + body


def _too_little(head: bytes, body: bytes, source: random.Random) -> bytes:
    return _length(head, b"%d" % (len(body) + 1 + source.randrange(1_000))) + body


def _too_much(head: bytes, body: bytes, source: random.Random) -> bytes:
    """The declared length ends inside the JSON."""
    return _length(head, b"%d" % source.randrange(1, max(2, len(body)))) + body


def _no_number(head: bytes, body: bytes, source: random.Random) -> bytes:
    return _length(head, source.choice((b"-5", b"abc", b"1e3", b"0x10", b"9" * 30, b""))) + body


def _two_lengths(head: bytes, body: bytes, source: random.Random) -> bytes:
    return _added(head, b"Content-Length: %d" % (len(body) + 1 + source.randrange(100))) + body


def _in_chunks(head: bytes) -> bytes:
    return _LENGTH.sub(b"Transfer-Encoding: chunked", head)


def _bad_chunk(head: bytes, body: bytes, source: random.Random) -> bytes:
    size = source.choice((b"zz", b"-1", b"", b"0x10", b"f" * 20))
    return _in_chunks(head) + size + b"\r\n" + body + b"\r\n0\r\n\r\n"


def _no_last_chunk(head: bytes, body: bytes, source: random.Random) -> bytes:
    sent = body[: source.randrange(1, max(2, len(body)))]
    return _in_chunks(head) + b"%x\r\n%b\r\n" % (len(sent), sent)


def _packed(head: bytes, packed: bytes, name: bytes = b"gzip") -> bytes:
    return _added(_length(head, b"%d" % len(packed)), b"Content-Encoding: " + name) + packed


def _damaged_pack(head: bytes, body: bytes, source: random.Random) -> bytes:
    packed = bytearray(gzip.compress(body, mtime=0))
    place = source.randrange(len(packed) - 8, len(packed) - 4)  # in the checksum: unpacks, and does not agree
    packed[place] ^= 1 + source.randrange(255)
    return _packed(head, bytes(packed))


def _cut_pack(head: bytes, body: bytes, source: random.Random) -> bytes:
    packed = gzip.compress(body, mtime=0)
    return _packed(head, packed[: source.randrange(1, len(packed) - 8)])


def _bad_status(head: bytes, body: bytes, source: random.Random) -> bytes:
    lines = (b"HTTP/1.1 banana", b"ICY 200 OK", b"HTTP/9.9 200 OK", b"HTTP/1.1", b"200 OK", b"HTTP/1.1 20x OK")
    return _status(head, source.choice(lines)) + body


def _odd_status(head: bytes, body: bytes, source: random.Random) -> bytes:
    return _status(head, b"HTTP/1.1 %d Odd" % source.choice((103, 204, 300, 304, 305, 402, 418, 451, 599))) + body


def _bad_header(head: bytes, body: bytes, source: random.Random) -> bytes:
    lines = (
        b"no colon here",
        b": no name",
        b"X-Null: a\x00b",
        b" leading: space",
        b"X Space: 1",
        "Имя: значение".encode(),
    )
    return _status(head, b"HTTP/1.1 200 OK\r\n" + source.choice(lines)) + body


FORMS: dict[str, Broken] = {
    "no_bytes": lambda _head, _body, _source: b"",
    "no_http": lambda _head, body, source: source.randbytes(1 + source.randrange(200)) + body,
    "no_head": lambda _head, body, _source: body,
    "half_head": lambda head, _body, source: head[: source.randrange(1, len(head) - 2)],
    "bad_status": _bad_status,
    "odd_status": _odd_status,
    "bad_header": _bad_header,
    "long_header": lambda head, body, _source: _added(head, b"X-Long: " + b"a" * 200_000) + body,
    "many_headers": lambda head, body, _source: _added(head, *[b"X-%d: a" % n for n in range(20_000)]) + body,
    "other_type": _other_type,
    "no_type": lambda head, body, _source: _TYPE.sub(b"X-No-Type: 1", head) + body,
    "less_than_declared": _too_little,
    "more_than_declared": _too_much,
    "length_no_number": _no_number,
    "two_lengths": _two_lengths,
    "bad_chunk": _bad_chunk,
    "no_last_chunk": _no_last_chunk,
    "not_packed": lambda head, body, _source: _added(head, b"Content-Encoding: gzip") + body,
    "damaged_pack": _damaged_pack,
    "cut_pack": _cut_pack,
    "unknown_pack": lambda head, body, source: _packed(head, body, source.choice((b"br", b"zstd", b"x-own"))),
}
