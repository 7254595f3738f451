"""Numbers as they are shown until somebody asks to see them: enough to recognise, not enough to use."""

from __future__ import annotations

import re

HIDDEN = "•"


def masked_phone(number: str | None) -> str | None:
    """«8 (•••) •••-45-67» of any notation; None for none."""
    digits = re.sub(r"\D", "", number or "")
    if not digits:
        return None
    tail = digits[-4:].rjust(4, HIDDEN)
    return f"8 (•••) •••-{tail[:2]}-{tail[2:]}"


def masked_address(address: str) -> str:
    """«i•••@school.example», a telephone as above, of anything else the first two signs."""
    box, at, server = address.rpartition("@")
    if at and box:
        return f"{box[:1]}•••@{server}"
    if re.fullmatch(r"[+\d() \-]{7,}", address):
        return masked_phone(address) or HIDDEN
    return f"{address[:2]}•••"


def masked_snils(number: str | None) -> str | None:
    """«•••-•••-••• 95»; None for none."""
    digits = re.sub(r"\D", "", number or "")
    return f"•••-•••-••• {digits[-2:].rjust(2, HIDDEN)}" if digits else None


def masked(field: str, text: str) -> str:
    """A value in words as it is shown until somebody asks; what is no number of anybody stands as it is."""
    match field:
        case "snils":
            return masked_snils(text) or text
        case "phone" | "home_phone":
            return masked_phone(text) or text
        case "document_number":
            return HIDDEN * 4 + text[-2:] if any(char.isdigit() for char in text) else text
        case _:
            return text
