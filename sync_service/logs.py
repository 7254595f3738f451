"""Logs: one JSON object a line on standard error, without personal data (invariant 15).

An event says what happened and to which run, school, stream and record ids; never names, numbers of
documents, phones, tokens, bodies or addresses with a query. A key that could hold them is replaced here, so
that a careless call cannot leak.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

# Keys of events that may appear in clear. Everything else is masked: a list of what is allowed cannot be
# outgrown by a new field of a pupil's card.
ALLOWED = frozenset(
    {
        "event", "level", "timestamp", "logger", "error", "school", "stream", "streams", "run_id", "status",
        "trigger", "direction", "received", "applied", "unchanged", "conflicts", "waiting", "held", "rejected",
        "queued", "acked", "retrying", "unknown", "seconds", "count", "counts", "remedy", "signal", "port",
        "address", "role", "key", "severity", "point", "attempt", "interval", "next_run_at", "reason", "holder",
        "pid", "version", "state", "schools", "kind", "code", "item_id", "local_id", "remote_id", "release_id",
        "conflict_id", "case_id", "in_seconds", "left_running", "next_step", "contacts", "late_seconds",
        "jump_seconds", "since", "plans", "uploads",
    }
)  # fmt: skip
MASK = "[hidden]"
NOISY = ("uvicorn", "apprise", "httpx", "httpcore", "apscheduler", "alembic", "sqlalchemy")


def mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide the value of every key that is not known to be harmless."""
    for key in event:
        if key not in ALLOWED and not key.startswith("_"):
            event[key] = MASK
    return event


def configure_logging(level: str = "info", *, stream: TextIO | None = None) -> None:
    """Send structlog events as JSON to ``stream`` (standard error); silence libraries that log addresses.

    Time stamps are UTC. Tracebacks are left out: frames and messages of libraries may hold personal data.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            mask,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
