"""How fast the simulator serves and takes records, so that it is never what another benchmark measures.

Run: ``python -m benchmarks.simulator_throughput [--marks N]``. The simulator is a process of its own, the client a
bare ``http.client`` connection that does not parse what it reads. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import subprocess
import sys
import time
from typing import Any


class Region:
    """A running simulator and one kept-alive connection to it."""

    def __init__(self, marks: int) -> None:
        command = [sys.executable, "-m", "connectors.ecp.simulator", "--date", "2026-11-20"]
        command += ["--population", "bench", "--marks", str(marks)]
        started = time.perf_counter()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.start_seconds = time.perf_counter() - started
        self._connection = http.client.HTTPConnection(ready["url"].removeprefix("http://"), timeout=120)
        self.organization = ready["organizations"][0]["id"]
        body = json.dumps({"refreshToken": ready["organizations"][0]["refreshToken"]}).encode()
        self.token = json.loads(self.send("POST", "/auth/token/refresh", body))["accessToken"]

    token = ""

    def send(self, method: str, path: str, body: bytes | None = None, key: str = "") -> bytes:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        answer = response.read()
        assert response.status == 200, answer[:300]
        return answer

    def stream(self, tail: str) -> str:
        return f"/organizations/{self.organization}/{tail}"

    def peak_mebibytes(self) -> float | None:
        """Peak resident memory of the process, where the system tells it."""
        try:
            with open(f"/proc/{self._process.pid}/status", encoding="ascii") as lines:  # noqa: PTH123
                return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024, 1)
        except OSError:
            return None

    def stop(self) -> None:
        self._connection.close()
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(10) == 0
        assert self._process.stdout is not None
        self._process.stdout.close()


def rate(count: int, seconds: float) -> int:
    return round(count / seconds)


def read_all(region: Region, marks: int, fields: str = "") -> int:
    started = time.perf_counter()
    for page in range(-(-marks // 1000), 0, -1):
        region.send("GET", region.stream(f"marks?pageSize=1000&pageNumber={page}{fields}"))
    return rate(marks, time.perf_counter() - started)


def update(region: Region, size: int, count: int) -> int:
    """Records a second for updates of ``count`` guardians in batches of ``size``."""
    items = json.loads(region.send("GET", region.stream("guardians?pageSize=1000")))["items"]
    bodies = []
    for start in range(0, count, size):
        batch = [
            {
                "clientRef": f"g-{place}",
                "op": "update",
                "id": items[place % len(items)]["id"],
                "version": items[place % len(items)]["version"] + place // len(items),
                "data": {"email": f"new{size}-{place}@example.ru"},
            }
            for place in range(start, start + size)
        ]
        bodies.append(json.dumps({"items": batch}).encode())
    started = time.perf_counter()
    answers = [
        region.send("POST", region.stream("guardians/batch"), body, key=f"{size}-{place}")
        for place, body in enumerate(bodies)
    ]
    seconds = time.perf_counter() - started
    assert all(b'"problem"' not in answer for answer in answers), answers[0][:500]
    return rate(count, seconds)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--marks", type=int, default=100_000)
    marks = parser.parse_args().marks
    region = Region(marks)
    try:
        found: dict[str, Any] = {
            "marks": marks,
            "start_seconds": round(region.start_seconds, 2),
            "read_records_per_second": max(read_all(region, marks) for _ in range(3)),
            "listing_records_per_second": max(read_all(region, marks, "&fields=id,version") for _ in range(3)),
            "batched_updates_per_second": update(region, 500, 10_000),
            "single_updates_per_second": update(region, 1, 5_000),
            "peak_mebibytes": region.peak_mebibytes(),
        }
    finally:
        region.stop()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
