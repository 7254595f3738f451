"""What a parsing rule answers: the canonical value, or why the text has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

Value_co = TypeVar("Value_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Generic[Value_co]):
    """The text has a canonical value; None where the rule says that nothing was given."""

    value: Value_co


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The text has no canonical value. Never carries the text itself."""

    code: str
    """Short English word, stable, for programs and tests: damaged, checksum, length, …"""
    reason: str
    """Russian sentence for a secretary, without personal data."""


Outcome: TypeAlias = Accepted[Value_co] | Refused
