"""Logs: one JSON object a line, and nothing of a person in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from sync_service.logs import MASK, NOISY, configure_logging


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What a configured process writes; the previous configuration comes back afterwards."""
    before = {name: logging.getLogger(name).level for name in NOISY}
    written = io.StringIO()
    configure_logging("info", stream=written)
    yield written
    structlog.reset_defaults()
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_an_event_is_one_line_of_json_in_utc(log: io.StringIO) -> None:
    structlog.get_logger().info("page applied", school="school-900", stream="marks", applied=3)
    structlog.get_logger().debug("not at this level")
    (line,) = log.getvalue().splitlines()
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "page applied",
        "level": "info",
        "school": "school-900",
        "stream": "marks",
        "applied": 3,
    }


@pytest.mark.parametrize("key", ["last_name", "snils", "phone", "token", "body", "url", "values", "anything_new"])
def test_keys_not_known_to_be_harmless_are_masked(log: io.StringIO, key: str) -> None:
    """A list of what is allowed cannot be outgrown by a new field."""
    structlog.get_logger().warning("event", **{key: "Ёлкина 112-233-445 95"})
    assert json.loads(log.getvalue())[key] == MASK
    assert "Ёлкина" not in log.getvalue()


def test_a_traceback_is_not_written(log: io.StringIO) -> None:
    try:
        int("Ёлкина")
    except ValueError:
        structlog.get_logger().exception("failed", error="FatalError")
    assert "Ёлкина" not in log.getvalue()
    assert json.loads(log.getvalue())["error"] == "FatalError"


@pytest.mark.parametrize("name", NOISY)
def test_libraries_that_log_addresses_are_silent(log: io.StringIO, name: str) -> None:
    assert not logging.getLogger(name).isEnabledFor(logging.ERROR)
