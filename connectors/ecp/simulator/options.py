"""The command line of the simulator."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from connectors.ecp.simulator.auth import DEFAULT_LIFE
from connectors.ecp.simulator.clock import ZONE


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; exits with status 2 and a sentence when they make no sense."""
    parser = argparse.ArgumentParser(
        prog="ecp-sync simulator", description="The stand-in regional system: the assumed contract with state."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--date", type=_day, default=None, help="the day it begins on (default: today)")
    parser.add_argument("--population", choices=("small", "school", "bench"), default="small")
    parser.add_argument("--marks", type=int, default=None, help="how many marks our school has")
    parser.add_argument("--empty-school", action="store_true", help="our school has a timetable, no pupils")
    parser.add_argument("--state", type=Path, default=None, help="continue from this file and keep it up to date")
    parser.add_argument("--access-seconds", type=float, default=DEFAULT_LIFE, help="life of an access token")
    options = parser.parse_args(arguments)
    options.date = options.date or datetime.now(ZONE).date().isoformat()
    return options
