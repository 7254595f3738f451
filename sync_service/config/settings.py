"""Everything an installation is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from sync_service.config.guard_table import Guard
from sync_service.config.moments import BlackoutWindow
from sync_service.config.strict import Strict
from sync_service.config.tables import Channel, Limits, Notify, Schedule, SchoolSettings, Web
from sync_service.domain.streams import Stream


class Settings(Strict):
    """Everything an installation is told."""

    database_url: str = "sqlite:///ecp-sync.sqlite"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    mappings_dir: Path | None = None
    schedule: Schedule = Field(default_factory=Schedule)
    limits: Limits = Field(default_factory=Limits)
    guard: Guard = Field(default_factory=Guard)
    web: Web = Field(default_factory=Web)
    notify: Notify = Field(default_factory=Notify)
    channels: tuple[Channel, ...] = ()
    schools: tuple[SchoolSettings, ...]

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        # The value may hold a password: it is never repeated.
        if not re.match(r"(sqlite:///.|postgres(ql)?(\+psycopg)?://.)", value):
            raise ValueError("expected sqlite:///file.sqlite or postgresql://user@host/name")
        return value

    @field_validator("schools")
    @classmethod
    def _somebody(cls, value: tuple[SchoolSettings, ...]) -> tuple[SchoolSettings, ...]:
        if not value:
            raise ValueError("add at least one [[schools]] table")
        return value

    @model_validator(mode="after")
    def _distinct(self) -> Settings:
        for field in ("code", "organization_id"):
            values = [getattr(school, field) for school in self.schools]
            if len(set(values)) != len(values):
                raise ValueError(f"two schools have the same {field}")
        return self

    def intervals_of(self, school: SchoolSettings) -> dict[Stream, float]:
        """Seconds per stream: the school's own, else the schedule's, else the default."""
        return {s: float(school.intervals.get(s, self.schedule.interval_of(s))) for s in Stream}

    def blackouts_of(self, school: SchoolSettings) -> tuple[BlackoutWindow, ...]:
        """The school's own windows, an empty list included, in place of the schedule's."""
        return self.schedule.blackouts if school.blackouts is None else school.blackouts
