"""Answers as they come over the socket, and a strict reader that trusts nothing about them."""

from __future__ import annotations

import gzip
import json
import re
import socket
import zlib
from dataclasses import dataclass, field
from typing import Any

from tests.simulator.client import School

DEEPEST = 500
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Flaw(Exception):
    """What a strict reader has against an answer."""


@dataclass(slots=True)
class Received:
    """All bytes of one connection, in the pieces they came in; ``reset`` when it was torn down."""

    pieces: list[bytes] = field(default_factory=list)
    reset: bool = False

    @property
    def all(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def body(self) -> bytes:
        return self.all.partition(b"\r\n\r\n")[2]


def receive(school: School, path: str, *headers: str) -> Received:
    """What comes back for a GET whose connection is to be closed after it."""
    lines = [f"GET {path} HTTP/1.1", "Host: region", f"Authorization: Bearer {school.token}", "Connection: close"]
    received = Received()
    with socket.create_connection(("127.0.0.1", school.handle.port), timeout=20) as connection:
        connection.sendall("\r\n".join((*lines, *headers, "", "")).encode())
        try:
            while piece := connection.recv(65536):
                received.pieces.append(piece)
        except ConnectionResetError:
            received.reset = True
    return received


def strict_body(sent: bytes) -> bytes:
    """The unpacked body of a 200 with JSON, all of it; Flaw when anything about the HTTP is not as it must be."""
    head, end, body = sent.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    if not end or len(head) > 65_536 or not re.fullmatch(rb"HTTP/1\.1 200 [ -~]*", lines[0]):
        raise Flaw("head")
    headers: dict[bytes, bytes] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name) or b"\x00" in value or name.lower() in headers:
            raise Flaw("header")
        headers[name.lower()] = value.strip()
    if headers.get(b"content-type") != b"application/json":
        raise Flaw("type")
    if b"transfer-encoding" in headers:
        body = _unchunked(body)
    elif headers.get(b"content-length") != b"%d" % len(body):
        raise Flaw("length")
    encoding = headers.get(b"content-encoding", b"identity")
    if encoding not in (b"identity", b"gzip"):
        raise Flaw("encoding")
    try:
        return gzip.decompress(body) if encoding == b"gzip" else body
    except (OSError, EOFError, zlib.error) as error:
        raise Flaw("packed") from error


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while True:
        size, end, body = body.partition(b"\r\n")
        if not end or not re.fullmatch(rb"[0-9a-f]{1,8}", size) or len(body) < int(size, 16) + 2:
            raise Flaw("chunk")
        if not int(size, 16):
            return whole
        whole, body = whole + body[: int(size, 16)], body[int(size, 16) + 2 :]


def strict_json(body: bytes) -> Any:
    """The value of strict JSON; Flaw for all that some parsers let pass."""

    def refuse(word: str) -> Any:
        raise Flaw(word)

    def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise Flaw("doubled key")
        return dict(pairs)

    try:
        text = body.decode()
        value = json.loads(text, parse_constant=refuse, object_pairs_hook=without_doubles)
        json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate does not survive this
    except (ValueError, RecursionError) as error:
        raise Flaw("text") from error
    if _depth(text) > DEEPEST:
        raise Flaw("depth")
    return value


def _depth(text: str) -> int:
    deepest = depth = 0
    for mark in re.findall(r"[\[{\]}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        depth += 1 if mark in "[{" else -1
        deepest = max(deepest, depth)
    return deepest
