"""The simulator as a process: ready line, signals, state file."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

import msgspec

from connectors.ecp.simulator.application import bind
from connectors.ecp.simulator.options import read_options
from connectors.ecp.simulator.population import build_world
from connectors.ecp.simulator.scenarios import PREFIX
from connectors.ecp.simulator.state_file import StateKeeper, load


def serve(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; one JSON line on standard output says where. Returns 0."""
    options = read_options(arguments)
    if options.state is not None and options.state.exists():
        world = load(options.state)
    else:
        world = build_world(
            seed=options.seed,
            date=options.date,
            population=options.population,
            marks=options.marks,
            empty_school=options.empty_school,
        )
        world.tokens.life = options.access_seconds
    gc.freeze()  # the population stays: without this every full collection walks through all of it
    server = bind(world, options.host, options.port)
    keeper = StateKeeper(world, options.state) if options.state is not None else None
    if keeper is not None:
        keeper.start()
    ended = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    ready = {"url": server.url, "admin": PREFIX, "organizations": world.credentials()}
    sys.stdout.write(msgspec.json.encode(ready).decode() + "\n")
    sys.stdout.flush()
    try:
        ended.wait()
    finally:
        server.stop()
        if keeper is not None:
            keeper.stop()
        for number, former in before.items():
            signal.signal(number, former)
    return 0
