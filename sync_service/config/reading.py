"""From a TOML file and the environment to settings, or to every problem at once."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sync_service.config.guard_table import Guard
from sync_service.config.settings import Settings
from sync_service.config.strict import Strict
from sync_service.config.tables import Channel, Limits, Notify, Schedule, SchoolSettings, Web
from sync_service.domain.errors import ConfigError
from sync_service.domain.streams import Stream

ENVIRONMENT = {
    "ECP_SYNC_DATABASE_URL": "database_url",
    "ECP_SYNC_LOG_LEVEL": "log_level",
    "ECP_SYNC_MAPPINGS_DIR": "mappings_dir",
}


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


_KNOWN: dict[str, type[Strict]] = {
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
