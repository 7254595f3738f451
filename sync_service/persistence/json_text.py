"""JSON columns: compact text, the same on both engines."""

from __future__ import annotations

from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def dump(value: object) -> str:
    return _encode(value).decode()


def dump_bytes(value: object) -> bytes:
    return _encode(value)


def load(text: str) -> Any:
    return _decode(text)
