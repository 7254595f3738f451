"""Real processes for acceptance tests: the simulator, and the program as its users start it.

Everything listens on the loopback address and is killed at the end of the test. Nothing sleeps for a fixed time:
tests wait for conditions, with a limit that only a broken program reaches.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 60.0  # seconds after which a condition that does not come true is a failure
PROGRAM = (sys.executable, "-m", "sync_service.cli.app")

T = TypeVar("T")


def wait_for(condition: Callable[[], T | None], what: str, *, limit: float = LIMIT) -> T:
    """The first true value of ``condition``; a failure that says ``what`` was waited for after ``limit`` seconds."""
    deadline = time.monotonic() + limit
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit:.0f} s in vain for: {what}")
        time.sleep(0.02)


class Child(Protocol):
    """What is asked of a child process, as ``subprocess.Popen`` has it."""

    stdout: IO[str] | None
    stderr: IO[str] | None

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: int, /) -> None: ...

    def kill(self) -> None: ...


class Process:
    """A child process whose output is read as it comes, so that it never blocks on a full pipe."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self.started = time.monotonic()
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=lambda pipe=pipe, lines=lines: lines.extend(iter(pipe.readline, "")), daemon=True)
            for pipe, lines in ((self._child.stdout, self.out), (self._child.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    @classmethod
    def of(cls, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str] | None = None) -> Process:
        """A program as it is started from a shell."""
        return cls(
            subprocess.Popen(
                command,
                cwd=cwd,
                env=surroundings(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        )

    @property
    def is_running(self) -> bool:
        return self._child.poll() is None

    def terminate(self) -> None:
        """SIGTERM, as an init system or Docker sends it."""
        self._child.send_signal(signal.SIGTERM)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._child.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """What a power failure does."""
        self._child.kill()

    def wait(self, limit: float = LIMIT) -> int:
        """The exit code, once all output has been read."""
        try:
            code = self._child.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the process did not end within {limit:.0f} s: {self.words()}") from None
        for reader in self._readers:
            reader.join(LIMIT)
        return code

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """Events of the log so far, one JSON document per line of standard error."""
        found = [json.loads(line) for line in tuple(self.err) if line.startswith("{")]
        return found if name is None else [event for event in found if event["event"] == name]

    def wait_for_event(self, name: str, count: int = 1, *, limit: float = LIMIT) -> dict[str, Any]:
        """The event of this name that came as number ``count``."""

        def come() -> dict[str, Any] | None:
            events = self.events(name)
            if len(events) < count and not self.is_running:
                raise AssertionError(f"the process ended before the event {name}: {self.words()}")
            return events[count - 1] if len(events) >= count else None

        return wait_for(come, f"event {name} number {count} in {self.words()}", limit=limit)

    def words(self) -> str:
        return "".join((*self.out[-20:], *self.err[-20:]))

    def close(self) -> None:
        if self.is_running:
            self.kill()
        self._child.wait(LIMIT)
        for reader in self._readers:
            reader.join(LIMIT)
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()


def surroundings(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child: ours without settings of this program, the checkout importable."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ECP_SYNC_")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **(more or {})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """The stand-in region in a process of its own. ``organizations[0]`` is our school."""

    process: Process
    url: str
    organizations: list[dict[str, Any]]

    def admin(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """A scenario endpoint; ``path`` stands behind ``/simulator/``, for GET the body becomes the query."""
        target = f"{self.url}/simulator/{path}"
        content = None
        if method == "GET" and body:
            target += "?" + urllib.parse.urlencode(body)
        elif method != "GET":
            content = json.dumps(body or {}).encode()
        request = urllib.request.Request(
            target, data=content, method=method, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            return json.loads(answer.read())

    def requests(self) -> int:
        """Requests of the contract since the counters were reset."""
        return int(sum(self.admin("GET", "counters")["requests"].values()))


@contextmanager
def simulator(*options: str, date: str = "2026-11-20") -> Iterator[Simulator]:
    """A running simulator; ``options`` as on its command line."""
    command = (sys.executable, "-m", "connectors.ecp.simulator", "--port", "0", "--date", date, *options)
    process = Process.of(command, cwd=ROOT)
    try:
        wait_for(lambda: process.out or not process.is_running, "the simulator's ready line")
        assert process.out, f"the simulator did not start: {process.words()}"
        ready = json.loads(process.out[0])
        yield Simulator(process=process, url=ready["url"], organizations=ready["organizations"])
    finally:
        process.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str
    seconds: float
    cpu_seconds: float

    def json(self) -> Any:
        return json.loads(self.out)


class Installation:
    """A folder with a config.toml, as an administrator has it; commands run in it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self._stack = stack

    def start(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Process:
        """``ecp-sync …`` in the background."""
        process = Process.of((*PROGRAM, *arguments), cwd=self.folder, environment=environment)
        self._stack.callback(process.close)
        return process

    def run(
        self, *arguments: str, stdin: str = "", environment: Mapping[str, str] | None = None, limit: float = LIMIT
    ) -> Outcome:
        """``ecp-sync …`` to its end."""
        started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            (*PROGRAM, *arguments),
            cwd=self.folder,
            env=surroundings(environment),
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=limit,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return Outcome(
            code=done.returncode,
            out=done.stdout,
            err=done.stderr,
            seconds=time.monotonic() - started,
            cpu_seconds=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        )

    def must(self, *arguments: str, stdin: str = "") -> Outcome:
        """The same, for commands that must succeed."""
        outcome = self.run(*arguments, stdin=stdin)
        assert outcome.code == 0, outcome.out + outcome.err
        return outcome


@contextmanager
def installation(folder: Path, config: str) -> Iterator[Installation]:
    """An installation in ``folder`` with this config.toml; its processes are killed at the end."""
    with ExitStack() as stack:
        made = Installation(folder, stack)
        made.config.write_text(config, encoding="utf-8")
        yield made
