"""How a server that keeps values in its own form rewrites what it was sent, before it stores it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from connectors.ecp.simulator.fields import Json, check_phone
from connectors.ecp.simulator.shapes import FIELDS

LONGEST = 20  # characters that «truncate» leaves, unless told otherwise


def _phone(text: str) -> str:
    digits = text[2:]
    return f"8 ({digits[:3]}) {digits[3:6]}-{digits[6:8]}-{digits[8:]}"


REWRITINGS: dict[str, Callable[[str], str]] = {
    "trim": str.strip,
    "collapse": lambda text: re.sub(r"\s+", " ", text),
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "yo": lambda text: text.replace("ё", "е").replace("Ё", "Е"),
    "quotes": lambda text: text.replace("«", '"').replace("»", '"'),
    "truncate": lambda text: text[:LONGEST],
    "phone": _phone,
}
DEFAULT = ("trim", "upper")


def normaliser(stream: str, params: Json) -> Callable[[Json], Json]:
    """What makes the stored form of the fields that were sent: the rewritings ``how``, one after the other.

    They concern free text, «phone» phone numbers; ``fields`` narrows them down.
    """
    how: Collection[str] = params.get("how") or DEFAULT
    only = params.get("fields")
    longest = params.get("longest", LONGEST)

    def rewritten(name: str, value: Any) -> Any:
        field = FIELDS[stream].get(name)
        if field is None or not isinstance(value, str) or (only and name not in only):
            return value
        for step in how:
            if (step == "phone") != (field.check is check_phone):
                continue
            if step == "truncate":
                value = value[:longest]
            elif step == "phone" or field.free_text:
                value = REWRITINGS[step](value)
        return value

    return lambda data: {name: rewritten(name, value) for name, value in data.items()}
