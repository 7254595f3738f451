"""What travels between the socket and the application: a request as read, an answer as it is to be sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from connectors.ecp.simulator.problems import RequestRefused

JSON_TYPE = "application/json"
Framing = Literal["length", "chunked", "close"]
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; header names in lower case, the last of repeated query parameters counts."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    peer: str = "127.0.0.1"
    target: str = "/"  # path and query as they were sent

    def json(self) -> Any:
        """The decoded body; 415 when it is not declared as JSON, 400 when it is not JSON."""
        declared = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if declared != JSON_TYPE:
            raise RequestRefused(415, "unsupported_media_type", "Тело запроса должно быть application/json")
        try:
            return _decode(self.body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise RequestRefused(400, "invalid", "Тело запроса не читается как JSON") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where an answer breaks off: after ``after`` bytes of its body, or of its head; in order or by a reset."""

    after: int
    in_head: bool = False
    reset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drip:
    """How an answer trickles. Times in seconds; without ``pace`` (bytes a second) only the pauses count.

    ``burst`` bytes leave at a time. With ``head`` status line and headers trickle too, else they leave at once.
    """

    pace: float | None = None
    burst: int | None = None
    head: bool = False
    first_pause: float = 0.0
    last_pause: float = 0.0


@dataclass(slots=True, kw_only=True)
class Reply:
    """One HTTP answer and how it is delivered.

    ``drop`` sends nothing: ``close`` ends the connection in order, ``reset`` tears it down. ``framing`` says how
    the end of the body is told: by its length, in chunks, or by the end of the connection. ``raw`` is sent
    instead of everything, and the connection ends.
    """

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)
    framing: Framing = "length"
    drop: str | None = None
    cut: Cut | None = None
    drip: Drip | None = None
    raw: bytes | None = None

    @classmethod
    def of(cls, value: Any, status: int = 200) -> Reply:
        """``value`` as JSON."""
        return cls(status=status, body=_encode(value))

    @classmethod
    def refusal(cls, refused: RequestRefused) -> Reply:
        """The answer to a refused request."""
        return cls(status=refused.status, body=_encode(refused.body), headers=refused.headers)
