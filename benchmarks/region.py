"""A simulator process with the benchmark's population, and the levers of its regional side."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.measuring import ROOT

DATE = "2026-11-20"
LATE_ENTRY_UNTIL = "2027-05-31"


class Region:
    """A running simulator. ``stop`` ends it."""

    def __init__(self, marks: int, *, seed: int = 1) -> None:
        command = [sys.executable, "-m", "connectors.ecp.simulator", "--port", "0", "--seed", str(seed)]
        command += ["--date", DATE, "--population", "bench", "--marks", str(marks)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.url: str = ready["url"]
        self.organization: str = ready["organizations"][0]["id"]
        self.neighbour: str = ready["organizations"][1]["id"]
        # Every journal is open, so that marks of the whole year may be sent.
        self.call("/simulator/late-entry", {"classIds": "all", "until": LATE_ENTRY_UNTIL})

    def call(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """POST with a body, GET without."""
        content = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, content, {"Content-Type": "application/json"})
        with urlopen(request, timeout=60) as response:
            found: dict[str, Any] = json.load(response)
        return found

    def tokens(self) -> dict[str, str]:
        """A fresh pair for our school; access tokens given out before stay good."""
        entered = self.call("/simulator/tokens/issue", {})["refreshToken"]
        pair = self.call("/auth/token/refresh", {"refreshToken": entered})
        return {"access": pair["accessToken"], "refresh": pair["refreshToken"]}

    def live(self, stream: str) -> int:
        """How many records of our school's stream (by its URL name) the region holds."""
        mine = next(o for o in self.call("/simulator/state")["organizations"] if o["id"] == self.organization)
        found: int = mine["streams"][stream]["live"]
        return found

    def requests(self) -> dict[str, int]:
        """Requests since the last reset, by what they asked for."""
        found: dict[str, int] = self.call("/simulator/counters")["requests"]
        return {name: count for name, count in found.items() if count}

    def reset_counters(self) -> None:
        self.call("/simulator/reset-counters", {})

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def running(marks: int) -> Iterator[Region]:
    """A region that ends with the block."""
    region = Region(marks)
    try:
        yield region
    finally:
        region.stop()
