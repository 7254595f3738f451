"""What a statement of reliability is: its number and title, and the proofs that make it up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.simulation.databases import Databases

BySeed = Callable[[Iterable[int], Databases], int]
ByCount = Callable[[int, Databases], int | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One proof. ``figure`` says what ``{count}`` counts, unless the proof itself returns the sentence.

    ``by_seed`` (its seeds may be split among processes) or ``by_count`` proves it. ``short`` is the count of
    ``make test``; 0 when a test of its own, ``tested_by``, is the short form.
    """

    figure: str = "{count}"
    full: int
    short: int = 0
    tested_by: str | None = None
    by_seed: BySeed | None = None
    by_count: ByCount | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    number: int
    title: str
    parts: tuple[Part, ...] = ()

    @property
    def proven(self) -> bool:
        return bool(self.parts)
