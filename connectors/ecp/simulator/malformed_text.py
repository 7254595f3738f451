"""Bodies that are declared as JSON and are not: each takes the honest body and gives a broken one."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from itertools import takewhile

Broken = Callable[[bytes, random.Random], bytes]
_LOOKED_AT = 4_096  # bytes from the start in which something is broken
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null')
_LETTERS = re.compile(rb"[\xd0\xd1][\x80-\xbf]")  # Cyrillic ones


def _places(body: bytes, wanted: Callable[[bytes], bool]) -> list[re.Match[bytes]]:
    """The tokens of the JSON near its start that are ``wanted``; at least its first brace."""
    near = takewhile(lambda token: token.end() <= _LOOKED_AT, _TOKENS.finditer(body))
    return [token for token in near if wanted(token[0])] or [next(_TOKENS.finditer(body))]


def _put(body: bytes, token: re.Match[bytes], instead: bytes) -> bytes:
    return body[: token.start()] + instead + body[token.end() :]


def _is_mark(token: bytes) -> bool:
    return token in b"{}[]:,"


def _is_number(token: bytes) -> bool:
    return token[:1].isdigit()


def _is_text(token: bytes) -> bool:
    return token[:1] == b'"' and len(token) > 2


def _instead_of(wanted: Callable[[bytes], bool], *choices: bytes) -> Broken:
    """A token of that kind is replaced by one of the choices."""

    def put(body: bytes, source: random.Random) -> bytes:
        return _put(body, source.choice(_places(body, wanted)), source.choice(choices))

    return put


def _in_text(*choices: bytes) -> Broken:
    """A text near the start gets something inside that no text may hold."""

    def put(body: bytes, source: random.Random) -> bytes:
        token = source.choice(_places(body, _is_text))
        return body[: token.end() - 1] + source.choice(choices) + body[token.end() - 1 :]

    return put


def _doubled_key(body: bytes, source: random.Random) -> bytes:
    """An object names one of its keys twice, with two values."""
    token = source.choice(_places(body, lambda token: token == b"{"))
    key = re.match(rb'\s*("(?:[^"\\]|\\.)*")', body[token.end() :])
    name = key[1] if key else b'"id"'
    first = b"%b:%d," % (name, source.randrange(1_000))
    doubled = first if key else first + first[:-1]
    return body[: token.end()] + doubled + body[token.end() :]


def _cut(body: bytes, source: random.Random) -> bytes:
    return body[: source.randrange(1, max(2, len(body)))]


def _half_letter(body: bytes, source: random.Random) -> bytes:
    """Cut inside a letter of two bytes; where there is none, after one byte of one."""
    letters = list(_LETTERS.finditer(body[:_LOOKED_AT]))
    return body[: source.choice(letters).start() + 1] if letters else body[:-1] + b"\xd0"


def _other_charset(body: bytes, source: random.Random) -> bytes:
    charset = source.choice(("cp1251", "koi8-r", "utf-16", "utf-32"))
    letters = body if _LETTERS.search(body) else body[:1] + '"Имя":"Ё",'.encode() + body[1:]
    return letters.decode().encode(charset, "replace")


def _deep(body: bytes, source: random.Random) -> bytes:
    depth = source.choice((3_000, 20_000, 100_000))
    opening, closing = source.choice(((b"[", b"]"), (b'{"a":', b"}")))
    whole = opening * depth + b"1" + (closing * depth if source.random() < 0.5 else b"")
    return whole if source.random() < 0.3 else body[:1] + b'"deep":' + whole + b"," + body[1:]


FORMS: dict[str, Broken] = {
    "empty": lambda _body, source: source.choice((b"", b" ", b"\n\n")),
    "cut": _cut,
    "cut_letter": _half_letter,
    "lost_mark": _instead_of(_is_mark, b""),
    "wrong_mark": _instead_of(_is_mark, b";", b"=", b"|", b"<"),
    "trailing_comma": lambda body, _source: body[:-1] + b",}",
    "comment": lambda body, source: source.choice((b"// ok\n", b"/* ok */", b"# ok\n")) + body,
    "single_quotes": lambda body, _source: body[:1] + b"'a':'b'," + body[1:],
    "bare_key": lambda body, _source: body[:1] + b"a:1," + body[1:],
    "not_a_number": _instead_of(_is_number, b"NaN", b"Infinity", b"-Infinity"),
    "odd_number": _instead_of(_is_number, b"007", b"+1", b"0x1F", b".5", b"1.", b"1e", b"1_000", b"--1"),
    "odd_word": _instead_of(_is_number, b"None", b"undefined", b"True", b"nil"),
    "doubled_key": _doubled_key,
    "deep": _deep,
    "two_answers": lambda body, source: body + source.choice((b"", b"\n", b",")) + body,
    "trailing_text": lambda body, source: body + source.choice((b"</body></html>", b"OK", b"}", b"\x00")),
    "notice_before": lambda body, _source: b"<br />\n<b>Notice</b>: Undefined index in index.php<br />\n" + body,
    "byte_order_mark": lambda body, _source: b"\xef\xbb\xbf" + body,
    "other_charset": _other_charset,
    "bad_bytes": _in_text(b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\x80", b"\xf5\x80\x80\x80"),
    "bare_control": _in_text(b"\n", b"\x00", b"\t", b"\x1f"),
    "lone_surrogate": _in_text(b"\\ud800", b"\\udfff", b"\\ud800\\u0041"),
    "bad_escape": _in_text(b"\\x41", b"\\u12", b"\\'", b"\\u12G4"),
    "page_as_json": lambda _body, source: b"<!DOCTYPE html><title>%d</title>" % source.randrange(1_000),
    "xml": lambda _body, source: b'<?xml version="1.0"?><items n="%d"/>' % source.randrange(1_000),
    "word": lambda _body, source: source.choice((b"OK", b"error", b"404 page not found", b"a;b;c\r\n1;2;3")),
    "noise": lambda _body, source: b"\x80" + source.randbytes(1 + source.randrange(500)),
}
