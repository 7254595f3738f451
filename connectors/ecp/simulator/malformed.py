"""Broken answers, many and different, each following from a seed: what a reader must survive.

Every form takes the honest answer and breaks it. Forms are grouped by where the break shows:
``wire`` (HTTP itself), ``text`` (not strict JSON), ``shape`` (JSON of another shape than the contract's), ``item``
(single items of a list; the answer around them is right).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from connectors.ecp.simulator import malformed_text, malformed_values, malformed_wire
from connectors.ecp.simulator.delivery import rendered
from connectors.ecp.simulator.wire import Reply

Level = Literal["wire", "text", "shape", "item"]
LEVELS: tuple[Level, ...] = ("wire", "text", "shape", "item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way of being broken."""

    level: Level
    wire: Callable[[bytes, bytes, random.Random], bytes] | None = None  # head and body to all that is sent
    text: Callable[[bytes, random.Random], bytes] | None = None  # body to body
    value: Callable[[Any, random.Random], Any] | None = None  # decoded answer to decoded answer


FORMS: dict[str, Form] = {
    **{name: Form(level="wire", wire=broken) for name, broken in malformed_wire.FORMS.items()},
    **{name: Form(level="text", text=broken) for name, broken in malformed_text.FORMS.items()},
    **{name: Form(level="shape", value=broken) for name, broken in malformed_values.SHAPES.items()},
    **{name: Form(level="item", value=broken) for name, broken in malformed_values.ITEMS.items()},
}


def broken(reply: Reply, source: random.Random, form: str | None = None, level: str | None = None) -> str:
    """Break ``reply`` in place by ``form``, or by one the source draws, of ``level`` if given; which one it was."""
    name = form or source.choice([one for one, known in FORMS.items() if level in (None, known.level)])
    chosen = FORMS[name]
    if chosen.wire is not None:
        head, body = rendered(reply, keep=False)
        reply.raw = chosen.wire(head, body, source)
    elif chosen.text is not None:
        reply.body = chosen.text(reply.body, source)
    elif chosen.value is not None:
        value = chosen.value(json.loads(reply.body), source)
        reply.body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return name
