"""Settings: one TOML file, a few overrides from the environment, every problem reported at once.

Relative paths, and a relative SQLite database, are relative to the folder of the file. ``ECP_SYNC_DATABASE_URL``,
``ECP_SYNC_LOG_LEVEL`` and ``ECP_SYNC_MAPPINGS_DIR`` override the file, so that a container gets its secrets from
outside; ``ECP_SYNC_DATABASE_URL_FILE`` names a file that holds the URL.
"""

from sync_service.config.guard_table import Guard
from sync_service.config.moments import BlackoutWindow
from sync_service.config.reading import ENVIRONMENT, load_settings
from sync_service.config.settings import Settings
from sync_service.config.tables import DEFAULT_INTERVALS, Channel, Limits, Notify, Schedule, SchoolSettings, Web

__all__ = [
    "DEFAULT_INTERVALS",
    "ENVIRONMENT",
    "BlackoutWindow",
    "Channel",
    "Guard",
    "Limits",
    "Notify",
    "Schedule",
    "SchoolSettings",
    "Settings",
    "Web",
    "load_settings",
]
