"""Starts many processes of the program in little time: the parent loads its modules once and forks for each start.

Every start is a process of its own, with its own arguments, folder, environment, standard streams, threads and
connections, and dies by its own signals. It only does not spend a second on loading modules, in which nothing is at
stake. How the program starts as its users start it is the subject of test_cli, test_daemon and test_wheel.

    the test ── socket: module, arguments, …, two pipes ──► starter ── fork ──► module.main(arguments)
                ◄── number of the process; later how it ended ──
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

from tests.acceptance.processes import ROOT, surroundings

LARGEST = 1 << 16  # bytes of one message
LOADED = (
    "alembic.command",
    "connectors.ecp.connector",
    "mappings",
    "sync_service.bootstrap",
    "sync_service.cli.app",
    "sync_service.engine.import_files",
    "sync_service.engine.queries",
    "sync_service.engine.resync_apply",
    "sync_service.persistence.migrate",
    "tests.acceptance.dying",
    "tests.acceptance.on_a_day",
)


class Forked:
    """A started process, with the few methods of ``subprocess.Popen`` that are needed."""

    def __init__(self, pid: int, out: IO[str], err: IO[str]) -> None:
        self.stdout: IO[str] | None = out
        self.stderr: IO[str] | None = err
        self._pid = pid
        self._code = 0
        self._ended = threading.Event()

    def ended(self, status: int) -> None:
        self._code = os.waitstatus_to_exitcode(status)
        self._ended.set()

    def poll(self) -> int | None:
        return self._code if self._ended.is_set() else None

    def wait(self, timeout: float | None = None) -> int:
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired(str(self._pid), timeout or 0)
        return self._code

    def send_signal(self, number: int) -> None:
        if not self._ended.is_set():
            with suppress(ProcessLookupError):  # it has just ended, and the word of it is still on its way
                os.kill(self._pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@dataclass(slots=True)
class Starter:
    """The parent of the processes, and what is known of each; ends with this process."""

    door: socket.socket
    parent: subprocess.Popen[bytes]
    _starting: threading.Lock = field(default_factory=threading.Lock)
    _told: threading.Condition = field(default_factory=threading.Condition)
    _pids: list[int] = field(default_factory=list)
    _running: dict[int, Forked] = field(default_factory=dict)
    _early: dict[int, int] = field(default_factory=dict)  # ended before its start was noted
    _gone: bool = False  # the parent

    @classmethod
    def launch(cls) -> Starter:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            parent = subprocess.Popen(
                (sys.executable, "-m", __name__, str(theirs.fileno())),
                cwd=ROOT,
                env=surroundings(),
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        starter = cls(ours, parent)
        threading.Thread(target=starter._listen, name="starter", daemon=True).start()
        atexit.register(starter.end)
        return starter

    def end(self) -> None:
        self.door.shutdown(socket.SHUT_RDWR)
        self.parent.wait()

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        loaded: Sequence[str] = (),
    ) -> Forked:
        """A process in which ``module.main(arguments)`` runs, with the modules ``loaded`` as well."""
        job = {
            "module": module,
            "loaded": list(loaded),
            "arguments": list(arguments),
            "cwd": str(cwd),
            "environment": surroundings(environment),
        }
        pipes = [os.pipe() for _ in range(2)]
        with self._starting:
            socket.send_fds(self.door, [json.dumps(job).encode()], [writing for _, writing in pipes])
            for _, writing in pipes:
                os.close(writing)
            out, err = (os.fdopen(reading, encoding="utf-8") for reading, _ in pipes)
            with self._told:
                self._told.wait_for(lambda: self._pids or self._gone)
                assert self._pids, "the parent of all processes has ended; its words stand above"
                pid = self._pids.pop()
                forked = self._running[pid] = Forked(pid, out, err)
                if pid in self._early:
                    self._note_end(pid, self._early.pop(pid))
        return forked

    def _listen(self) -> None:
        while message := self.door.recv(LARGEST):
            told: dict[str, int] = json.loads(message)
            with self._told:
                if "status" not in told:
                    self._pids.append(told["pid"])
                    self._told.notify_all()
                elif told["pid"] in self._running:
                    self._note_end(told["pid"], told["status"])
                else:
                    self._early[told["pid"]] = told["status"]
        with self._told:
            self._gone = True
            self._told.notify_all()

    def _note_end(self, pid: int, status: int) -> None:
        self._running.pop(pid).ended(status)


@cache
def starter() -> Starter:
    """The one of this test process, made when first asked for."""
    return Starter.launch()


# --- the parent's side ---------------------------------------------------------------------------------------------


def serve(door: socket.socket) -> dict[str, Any] | None:
    """Fork for every job until the other side has gone; in the child returns the job."""
    alarm, alarmed = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(alarmed)
    while True:
        ready, _, _ = select.select([door.fileno(), alarm], [], [])
        if alarm in ready:
            os.read(alarm, LARGEST)
            _tell_ends(door)
        if door.fileno() not in ready:
            continue
        message, pipes, _, _ = socket.recv_fds(door, LARGEST, 2)
        if not message:
            return None
        job: dict[str, Any] = json.loads(message)
        _load(job["loaded"])
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number, pipe in enumerate(pipes, start=1):
                os.dup2(pipe, number)
            for descriptor in (alarm, alarmed, *pipes):
                os.close(descriptor)
            door.close()
            return job
        for pipe in pipes:
            os.close(pipe)
        door.send(json.dumps({"pid": pid}).encode())


def _tell_ends(door: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        door.send(json.dumps({"pid": pid, "status": status}).encode())


def run(job: Mapping[str, Any]) -> None:
    """What a process does that was started for the job."""
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["environment"])
    random.seed()
    sys.argv = ["ecp-sync", *job["arguments"]]
    importlib.import_module(job["module"]).main(job["arguments"])


def _load(modules: Sequence[str]) -> None:
    for name in modules:
        importlib.import_module(name)
    gc.freeze()  # what is loaded is neither looked through nor copied by every child


if __name__ == "__main__":
    _load(LOADED)
    with socket.socket(fileno=int(sys.argv[1])) as served:
        wanted = serve(served)
    if wanted is not None:
        run(wanted)
