"""Settings: one TOML file, a few overrides from the environment, every problem reported at once.

Relative paths, and a relative SQLite database, are relative to the folder of the file. ``ECP_SYNC_DATABASE_URL``,
``ECP_SYNC_LOG_LEVEL`` and ``ECP_SYNC_MAPPINGS_DIR`` override the file, so that a container gets its secrets from
outside; ``ECP_SYNC_DATABASE_URL_FILE`` names a file that holds the URL.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from sync_service.domain import guards
from sync_service.domain.errors import ConfigError
from sync_service.domain.streams import Stream

ENVIRONMENT = {
    "ECP_SYNC_DATABASE_URL": "database_url",
    "ECP_SYNC_LOG_LEVEL": "log_level",
    "ECP_SYNC_MAPPINGS_DIR": "mappings_dir",
}
CHANNEL_ROLES = ("director", "deputy_head", "class_teacher", "secretary", "admin")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOMENT = re.compile(r"(?:(?P<days>[a-z, ]+) )?(?P<at>\d\d:\d\d)")
_WINDOW = re.compile(r"(?:(?P<days>[a-z, ]+) )?(?P<starts>\d\d:\d\d)-(?P<ends>\d\d:\d\d)")

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


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class BlackoutWindow(_Strict):
    """A daily window in the school's zone in which the daemon runs nothing; written as «22:00-23:30» or
    «sat, sun 00:00-06:00». ``weekdays``: Monday is 0, the days on which it begins."""

    starts: time
    ends: time
    weekdays: frozenset[int] = frozenset(range(7))

    def covers(self, local: datetime) -> bool:
        """Whether the clock on the wall shows an hour of this window; ``ends`` is outside it."""
        at, day = local.time(), local.weekday()
        if self.starts < self.ends:
            return self.starts <= at < self.ends and day in self.weekdays
        return (at >= self.starts and day in self.weekdays) or (at < self.ends and (day - 1) % 7 in self.weekdays)


class WeeklyMoment(_Strict):
    """An hour in the school's zone on some days of the week (Monday is 0)."""

    at: time
    weekdays: frozenset[int]


def _window(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = _WINDOW.fullmatch(value.strip().lower())
    if not found:
        raise ValueError("a window is written as '22:00-23:30' or 'sat, sun 00:00-06:00'")
    weekdays = _days(found["days"])
    return BlackoutWindow(starts=_hour(found["starts"]), ends=_hour(found["ends"]), weekdays=weekdays)


def _moment(value: str) -> WeeklyMoment | None:
    """The moment that «sun 03:00», «02:30» (every day) or «never» names."""
    if value.strip().lower() == "never":
        return None
    found = _MOMENT.fullmatch(value.strip().lower())
    if not found:
        raise ValueError("a moment is written as 'sun 03:00' or '02:30' (every day), or 'never'")
    return WeeklyMoment(at=_hour(found["at"]), weekdays=_days(found["days"]))


def _days(text: str | None) -> frozenset[int]:
    names = re.split(r"[, ]+", text.strip()) if text else list(_WEEKDAYS)
    unknown = [name for name in names if name not in _WEEKDAYS]
    if unknown:
        raise ValueError(f"unknown day {unknown[0]!r}; days are {', '.join(_WEEKDAYS)}")
    return frozenset(_WEEKDAYS.index(name) for name in names)


def _hour(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ValueError("hours go from 00:00 to 23:59") from None


Windows = tuple[Annotated[BlackoutWindow, BeforeValidator(_window)], ...]


class Schedule(_Strict):
    """When runs start. ``intervals`` and ``heartbeat`` are in seconds, ``reconcile`` is the moment of the full
    comparison."""

    intervals: dict[Stream, Annotated[int, Field(ge=1, le=86_400)]] = Field(default_factory=dict)
    blackouts: Windows = ()
    heartbeat: Annotated[float, Field(gt=0, le=15)] = 2.0  # a dead run is taken over within a minute
    reconcile: str = "sun 03:00"

    @field_validator("reconcile")
    @classmethod
    def _comparable(cls, value: str) -> str:
        _moment(value)
        return value

    @property
    def comparison(self) -> WeeklyMoment | None:
        """When everything is compared with the region, None for never."""
        return _moment(self.reconcile)

    def interval_of(self, stream: Stream) -> int:
        return self.intervals.get(stream, DEFAULT_INTERVALS[stream])


class Limits(_Strict):
    """What one request to the region may take, and how it is left alone. Seconds, and MiB for sizes."""

    deadline: Annotated[float, Field(ge=1, le=600)] = 60.0
    answer_size: Annotated[float, Field(ge=0.1, le=100)] = 10.0
    requests_per_second: Annotated[float, Field(ge=0, le=1000)] = 0.0
    failures_until_down: Annotated[int, Field(ge=1, le=1000)] = 5
    probe_period: Annotated[float, Field(ge=1, le=86_400)] = 300.0


_AtLeast = Annotated[int, Field(ge=0, le=1_000_000)]
_Percent = Annotated[float, Field(ge=0, le=1000)]
_DAYS = re.compile(r"(\d\d)\.(\d\d)-(\d\d)\.(\d\d)")


class Guard(_Strict):
    """Limits of the mass-change guard: max(figure, percent of the stream) pass within 24 hours unasked; a figure of
    0 lets nothing pass. ``rollover`` is «25.08-15.09», days and months; empty: no such weeks."""

    deletes: _AtLeast = guards.DELETES_AT_LEAST
    deletes_percent: _Percent = guards.DELETES_PERCENT
    creates: _AtLeast = guards.CREATES_AT_LEAST
    creates_percent: _Percent = guards.CREATES_PERCENT
    updates: _AtLeast = guards.UPDATES_AT_LEAST
    updates_percent: _Percent = guards.UPDATES_PERCENT
    rollover: str = "25.08-15.09"
    rollover_creates: _AtLeast = guards.RollOver().creates.at_least
    rollover_creates_percent: _Percent = guards.RollOver().creates.percent
    rollover_updates: _AtLeast = guards.RollOver().updates.at_least
    rollover_updates_percent: _Percent = guards.RollOver().updates.percent

    @field_validator("rollover")
    @classmethod
    def _weeks(cls, value: str) -> str:
        if value:
            try:
                _month_and_day(value)
            except ValueError:
                raise ValueError("weeks are written as '25.08-15.09', or '' for none") from None
        return value

    def limits(self) -> guards.Limits:
        """The same as the guard reads it."""
        weeks = None
        if self.rollover:
            first, last = _month_and_day(self.rollover)
            weeks = guards.RollOver(
                first=first,
                last=last,
                creates=guards.Limit(self.rollover_creates, self.rollover_creates_percent),
                updates=guards.Limit(self.rollover_updates, self.rollover_updates_percent),
            )
        return guards.Limits(
            deletes=guards.Limit(self.deletes, self.deletes_percent),
            creates=guards.Limit(self.creates, self.creates_percent),
            updates=guards.Limit(self.updates, self.updates_percent),
            rollover=weeks,
        )


def _month_and_day(weeks: str) -> tuple[tuple[int, int], tuple[int, int]]:
    found = _DAYS.fullmatch(weeks)
    if found is None:
        raise ValueError(weeks)
    first, second = (date(2024, int(found[m]), int(found[d])) for d, m in ((1, 2), (3, 4)))  # a leap year
    return (first.month, first.day), (second.month, second.day)


class Web(_Strict):
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


class Notify(_Strict):
    """When people are told. ``silence`` is hours without a successful run after which the administrator is told,
    0 for never; ``timeout`` is seconds for one message."""

    quiet_hours: Windows = ()
    director_at_once: bool = True
    silence: Annotated[int, Field(ge=0, le=720)] = 24
    timeout: Annotated[float, Field(ge=1, le=120)] = 15.0


class Channel(_Strict):
    """A way to people. ``to``: roles, or patterns of addresses of the table of contacts («*@school.example»);
    ``url``: where apprise sends, with ``{address}`` for the contact's own address."""

    to: Annotated[tuple[str, ...], Field(min_length=1)]
    url: SecretStr
    names: bool = False

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


class SchoolSettings(_Strict):
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


class Settings(_Strict):
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


def load_settings(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of a file. Raises ConfigError that names every problem with its place and remedy."""
    content = _read(path)
    environment = os.environ if environment is None else environment
    for variable, key in ENVIRONMENT.items():
        if value := environment.get(variable):
            content[key] = value
    if secret := environment.get("ECP_SYNC_DATABASE_URL_FILE"):
        try:
            content["database_url"] = Path(secret).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError([f"ECP_SYNC_DATABASE_URL_FILE: {error.strerror}; name a readable file"]) from None
    _fill_in_channels(content, environment)
    try:
        settings = Settings.model_validate(content)
    except ValidationError as error:
        raise ConfigError([_problem(path, content, detail) for detail in error.errors(include_input=False)]) from None
    return _anchored(settings, path.absolute().parent)


def _fill_in_channels(content: dict[str, Any], environment: Mapping[str, str]) -> None:
    """``url = "env:NAME"`` stands for that variable; one that is not set is no address."""
    channels = content.get("channels")
    for channel in channels if isinstance(channels, list) else ():
        url = channel.get("url") if isinstance(channel, dict) else None
        if isinstance(url, str) and url.startswith("env:"):
            channel["url"] = environment.get(url.removeprefix("env:"), "")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            [f"{path}: no such file; create it with ecp-sync init, or name another with --config"]
        ) from None
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read ({error.strerror})"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: is not UTF-8 text; save it in UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: is not valid TOML: {error}"]) from None


def _anchored(settings: Settings, folder: Path) -> Settings:
    """Relative paths belong to the folder of the configuration, not to wherever a service was started."""
    changes: dict[str, Any] = {}
    file = settings.database_url.removeprefix("sqlite:///")
    if file != settings.database_url and not Path(file).is_absolute():
        changes["database_url"] = f"sqlite:///{(folder / file).as_posix()}"
    if settings.mappings_dir is not None:
        changes["mappings_dir"] = folder / settings.mappings_dir
    changes["schools"] = tuple(
        school.model_copy(update={"ca_bundle": folder / school.ca_bundle}) if school.ca_bundle else school
        for school in settings.schools
    )
    return settings.model_copy(update=changes)


_KNOWN: dict[str, type[_Strict]] = {
    "": Settings,
    "schedule": Schedule,
    "limits": Limits,
    "guard": Guard,
    "web": Web,
    "notify": Notify,
    "channels": Channel,
    "schools": SchoolSettings,
}
_SENTENCES = {
    "missing": "is missing; add it (config.example.toml explains every key)",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}


def _problem(path: Path, content: Mapping[str, Any], detail: Any) -> str:
    """One problem as «file: place: what and what to do»; values are not repeated, they may be secrets."""
    place = [str(part) for part in detail["loc"] if part not in ("function-before", "[key]")]
    where = ".".join(place) or "settings"
    if detail["type"] == "extra_forbidden":
        table = _KNOWN.get(place[0] if len(place) > 1 else "", Settings)
        near = difflib.get_close_matches(place[-1], table.model_fields, 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(table.model_fields)}"
        return f"{path}: {where}: unknown key{hint}"
    if detail["type"] == "enum" or ("intervals" in place and detail["type"] == "literal_error"):
        near = difflib.get_close_matches(place[-1], [s.value for s in Stream], 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; streams: {', '.join(s.value for s in Stream)}"
        return f"{path}: {where}: unknown stream{hint}"
    if detail["type"] == "missing" and place == ["schools"] and "school" in content:
        return f"{path}: school: unknown key; a school is written as [[schools]]"
    text = _SENTENCES.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    return f"{path}: {where}: {text}"
