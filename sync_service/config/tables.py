"""The tables of the settings, one class each, with their defaults and what they refuse."""

from __future__ import annotations

import difflib
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, field_validator

from sync_service.config.moments import WeeklyMoment, Windows, moment_of
from sync_service.config.strict import Strict
from sync_service.domain.streams import Stream

CHANNEL_ROLES = ("director", "deputy_head", "class_teacher", "secretary", "admin")
# Seconds between two readings of a stream. Directories change with the school year, marks with every lesson.
DEFAULT_INTERVALS: dict[Stream, int] = {
    Stream.ORGANIZATIONS: 3600,
    Stream.PERIODS: 3600,
    Stream.CLASSES: 900,
    Stream.SUBJECTS: 3600,
    Stream.LESSONS: 900,
    Stream.STUDENTS: 300,
    Stream.GUARDIANS: 300,
    Stream.GUARDIANSHIPS: 300,
    Stream.MOVEMENTS: 300,
    Stream.MARKS: 300,
    Stream.FINAL_MARKS: 300,
    Stream.ATTENDANCE: 300,
}


class Schedule(Strict):
    """When runs start. ``intervals`` and ``heartbeat`` are in seconds, ``reconcile`` is the moment of the full
    comparison."""

    intervals: dict[Stream, Annotated[int, Field(ge=1, le=86_400)]] = Field(default_factory=dict)
    blackouts: Windows = ()
    heartbeat: Annotated[float, Field(gt=0, le=15)] = 2.0  # a dead run is taken over within a minute
    reconcile: str = "sun 03:00"

    @field_validator("reconcile")
    @classmethod
    def _comparable(cls, value: str) -> str:
        moment_of(value)
        return value

    @property
    def comparison(self) -> WeeklyMoment | None:
        """When everything is compared with the region, None for never."""
        return moment_of(self.reconcile)

    def interval_of(self, stream: Stream) -> int:
        return self.intervals.get(stream, DEFAULT_INTERVALS[stream])


class Limits(Strict):
    """What one request to the region may take, and how it is left alone. Seconds, and MiB for sizes."""

    deadline: Annotated[float, Field(ge=1, le=600)] = 60.0
    answer_size: Annotated[float, Field(ge=0.1, le=100)] = 10.0
    requests_per_second: Annotated[float, Field(ge=0, le=1000)] = 0.0
    failures_until_down: Annotated[int, Field(ge=1, le=1000)] = 5
    probe_period: Annotated[float, Field(ge=1, le=86_400)] = 300.0


class Web(Strict):
    """The page. ``public_url`` is how browsers reach it when a proxy stands in front; with https the cookies are
    marked so."""

    enabled: bool = True
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8470
    public_url: str = ""

    @field_validator("public_url")
    @classmethod
    def _address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/?#@]+", value.rstrip("/")):
            raise ValueError("an address looks like https://sverka.school.example, without a path")
        return value.rstrip("/")

    @property
    def names(self) -> tuple[str, ...]:
        """The host names the page answers to beside the loopback address."""
        public = re.sub(r"^https?://|:\d+$", "", self.public_url).lower()
        return tuple(name for name in (public, self.host if self.host not in ("0.0.0.0", "::") else "") if name)  # noqa: S104 - «every address» is no name

    @property
    def secure(self) -> bool:
        return self.public_url.startswith("https://")


class Notify(Strict):
    """When people are told. ``silence`` is hours without a successful run after which the administrator is told,
    0 for never; ``timeout`` is seconds for one answer of a channel, half of what a message may take."""

    quiet_hours: Windows = ()
    director_at_once: bool = True
    silence: Annotated[int, Field(ge=0, le=720)] = 24
    timeout: Annotated[float, Field(ge=1, le=120)] = 15.0


class Channel(Strict):
    """A way to people. ``to``: roles, or patterns of addresses of the table of contacts («*@school.example»);
    ``url``: where apprise sends, with ``{address}`` for the contact's own address."""

    to: Annotated[tuple[str, ...], Field(min_length=1)]
    url: SecretStr
    names: bool = False

    @property
    def scheme(self) -> str:
        """What kind of channel it is; the rest of the address may hold a password."""
        return self.url.get_secret_value().partition("://")[0]

    @field_validator("to")
    @classmethod
    def _somebody(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in CHANNEL_ROLES and "@" not in name:
                raise ValueError(
                    f"{name!r} is neither a role ({', '.join(CHANNEL_ROLES)}) nor a pattern of addresses with «@»"
                )
        return value

    @field_validator("url")
    @classmethod
    def _address(cls, value: SecretStr) -> SecretStr:
        # The value holds a password: it is never repeated.
        if not re.match(r"[a-z0-9]+://.|env:\w+$", value.get_secret_value()):
            raise ValueError("expected an address of apprise (scheme://…), or env:NAME of a variable that is set")
        return value


class SchoolSettings(Strict):
    """One school: who it is in the region, and how the region is reached."""

    code: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    name: Annotated[str, Field(min_length=1)]
    organization_id: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9-]+$")]
    base_url: str
    connector: Literal["ecp"] = "ecp"
    zone: str = "Asia/Yekaterinburg"
    ca_bundle: Path | None = None
    page_size: Annotated[int, Field(ge=1, le=1000)] = 1000
    watch_from: date | None = None
    intervals: dict[Stream, Annotated[int, Field(ge=1, le=86_400)]] = Field(default_factory=dict)
    blackouts: Windows | None = None

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError("an address looks like https://ecp.example.ru/api, without user, query or fragment")
        return value.rstrip("/")

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            near = difflib.get_close_matches(value, available_timezones(), 1)
            raise ValueError(f"unknown time zone{f'; did you mean {near[0]!r}?' if near else ''}")
        return value
