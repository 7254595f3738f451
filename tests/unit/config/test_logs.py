"""Logs are JSON without personal data."""

from __future__ import annotations

import io
import json

import structlog

from sync_service.logs import MASK, configure_logging


def test_an_event_is_one_json_line_and_unknown_keys_are_hidden() -> None:
    """What is not known to be harmless does not appear, whatever a careless call passes."""
    out = io.StringIO()
    configure_logging("info", stream=out)
    try:
        structlog.get_logger().info("run finished", school="s1", count=3, last_name="Иванов", snils="11223344595")
        structlog.get_logger().debug("quiet")
    finally:
        structlog.reset_defaults()
    (line,) = out.getvalue().splitlines()
    event = json.loads(line)
    assert (event["event"], event["school"], event["count"], event["level"]) == ("run finished", "s1", 3, "info")
    assert event["last_name"] == event["snils"] == MASK
    assert event["timestamp"].endswith("Z")
    assert "Иванов" not in line
