"""What an examination of the installation finds: where, what, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding. ``message`` and ``remedy`` are Russian sentences; ``remedy`` is empty when all is well."""

    level: Level
    area: str
    message: str
    remedy: str = ""


def ok(area: str, message: str) -> Finding:
    return Finding(level=Level.OK, area=area, message=message)


def warning(area: str, message: str, remedy: str) -> Finding:
    return Finding(level=Level.WARNING, area=area, message=message, remedy=remedy)


def error(area: str, message: str, remedy: str) -> Finding:
    return Finding(level=Level.ERROR, area=area, message=message, remedy=remedy)
