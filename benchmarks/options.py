"""The two numbers every benchmark takes."""

from __future__ import annotations

import argparse
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``marks`` of the school in the region; ``rounds`` of every comparison."""

    marks: int
    rounds: int


def parse(description: str | None) -> Options:
    """From the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--marks", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    return Options(marks=given.marks, rounds=given.rounds)
