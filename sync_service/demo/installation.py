"""A school on SQLite in a folder of its own: the configuration a person would write, and the service on it."""

from __future__ import annotations

import json
import tempfile
from datetime import date
from pathlib import Path

from sync_service.bootstrap import Service
from sync_service.config import load_settings
from sync_service.demo.region import Region
from sync_service.domain.errors import ConfigError
from sync_service.engine.ports import Clock, Notifier

SCHOOL_CODE = "school12"
CONFIG_NAME = "config.toml"
FILES_NAME = "files"

_CONFIG = """\
# Written by «ecp-sync demo»; the regional system of this school is the simulator.
database_url = "sqlite:///ecp-sync.sqlite"
log_level = "warning"

[[schools]]
code = "{code}"
name = {name}
organization_id = "{organization_id}"
base_url = "{base_url}"
zone = "{zone}"
watch_from = {watch_from}
"""


def prepare_folder(workdir: Path | None) -> Path:
    """An absolute, private folder with an empty folder for files; by default a new temporary one.

    ConfigError when ``workdir`` holds a configuration already: a demo never writes into an installation.
    """
    if workdir is None:
        folder = Path(tempfile.mkdtemp(prefix="ecp-sync-demo-"))
    else:
        folder = workdir.absolute()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            occupied = any(folder.iterdir())
        except OSError as error:
            raise ConfigError([f"--workdir {folder}: {error.strerror}; name another folder"]) from None
        if occupied:
            raise ConfigError([f"--workdir {folder}: the folder is not empty; name a new or an empty one"])
    (folder / FILES_NAME).mkdir()
    return folder


def write_config(folder: Path, region: Region, *, zone: str, watch_from: date) -> Path:
    """The configuration of the school, as ``ecp-sync init`` leaves one."""
    path = folder / CONFIG_NAME
    path.write_text(
        _CONFIG.format(
            code=SCHOOL_CODE,
            name=json.dumps(region.name, ensure_ascii=False),
            organization_id=region.organization_id,
            base_url=region.url,
            zone=zone,
            watch_from=watch_from.isoformat(),
        ),
        encoding="utf-8",
    )
    return path


def open_service(config: Path, region: Region, *, clock: Clock, notifier: Notifier) -> Service:
    """The service with a new database, logged in to the region. Settings of the environment are not for the demo:
    they may name the database of a real installation."""
    service = Service.open(load_settings(config, environment={}), create=True, clock=clock, notifier=notifier)
    service.connections.login(service.school(SCHOOL_CODE), region.refresh_token)
    return service
