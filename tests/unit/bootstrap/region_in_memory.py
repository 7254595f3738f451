"""A service whose regions live in memory, on a SQLite file in a temporary folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connectors.memory import MemoryRemote
from sync_service.bootstrap import Service
from sync_service.config import Settings
from sync_service.engine.ports import Clock


def settings(folder: Path, *codes: str, **changes: Any) -> Settings:
    """Settings of these schools (default: one) with a short heartbeat."""
    return Settings.model_validate(
        {
            "database_url": f"sqlite:///{folder}/school.sqlite",
            "schedule": {"heartbeat": 0.2, **changes.pop("schedule", {})},
            "schools": [
                {
                    "code": code,
                    "name": f"Школа {code}",
                    "organization_id": f"organization-{code}",
                    "base_url": "http://127.0.0.1:9",
                    **changes,
                }
                for code in codes or ("school-900",)
            ],
        }
    )


class Regions:
    """One MemoryRemote per school; made when a service connects."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.by_code: dict[str, MemoryRemote] = {}

    def connect(self, school: Any, **_: Any) -> MemoryRemote:
        return self.by_code.setdefault(school.code, MemoryRemote(self.clock))


def logged_in(service: Service) -> Service:
    """Every school has a token, as far as the database knows."""
    for school in service.schools():
        service.db.connection(school.school_id).save("access", f"refresh-{school.code}")
    return service
