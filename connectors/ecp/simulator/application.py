"""One world behind one socket: contract calls, scenario calls, start and stop."""

from __future__ import annotations

import ipaddress
import threading
from dataclasses import dataclass
from typing import Any

from connectors.ecp.simulator import scenarios
from connectors.ecp.simulator.contract_api import ContractApi
from connectors.ecp.simulator.fields import Json
from connectors.ecp.simulator.http_server import HttpServer
from connectors.ecp.simulator.problems import RequestRefused
from connectors.ecp.simulator.wire import Reply, Request
from connectors.ecp.simulator.world import World


class ScenarioError(Exception):
    """A scenario call was refused; the message is what the endpoint would have answered."""


class Application:
    """Answers every request of the simulator."""

    def __init__(self, world: World, stopping: threading.Event) -> None:
        self._world = world
        self._contract = ContractApi(world, stopping)

    def __call__(self, request: Request) -> Reply:
        if request.path == scenarios.PREFIX or request.path.startswith(scenarios.PREFIX + "/"):
            return self._scenario(request)
        return self._contract.respond(request)

    def _scenario(self, request: Request) -> Reply:
        try:
            body = _scenario_body(request)
            return Reply.of(scenarios.call(self._world, request.method, request.path, body))
        except RequestRefused as refused:
            return Reply.refusal(refused)


def _scenario_body(request: Request) -> Json:
    if not ipaddress.ip_address(request.peer).is_loopback:
        raise RequestRefused(403, "forbidden", "Сценарии доступны только с этой машины")
    body: Any = dict(request.query) if request.method == "GET" or not request.body else request.json()
    if not isinstance(body, dict):
        raise RequestRefused(400, "invalid", "Ожидается объект JSON")
    return body


@dataclass(slots=True, eq=False)
class Handle:
    """A simulator running in a thread of this process."""

    world: World
    url: str
    _server: HttpServer
    _thread: threading.Thread

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def stopping(self) -> threading.Event:
        """Set once the server is on its way down."""
        return self._server.stopping

    @property
    def organizations(self) -> list[Json]:
        """What an operator needs to connect each school, «our» school first."""
        return self.world.credentials()

    def admin(self, method: str, path: str, body: Json | None = None) -> Json:
        """A scenario call without HTTP; for a GET ``body`` is the query. Raises ScenarioError."""
        try:
            return scenarios.call(self.world, method, path, body or {})
        except RequestRefused as refused:
            raise ScenarioError(f"{refused.status} {refused.body['issue'][0]['details']}") from refused

    def stop(self) -> None:
        """Close the port and every connection; the world stays and may be started again."""
        self._server.stop()
        self._thread.join()


def bind(world: World, host: str, port: int) -> HttpServer:
    """A server for ``world`` that listens but does not serve yet; port 0 picks a free one."""
    stopping = threading.Event()
    return HttpServer((host, port), Application(world, stopping), stopping)


def start_in_thread(world: World, host: str = "127.0.0.1", port: int = 0) -> Handle:
    """Serve ``world`` from a thread until the handle's ``stop``."""
    server = bind(world, host, port)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="ecp-simulator", daemon=True
    )
    thread.start()
    return Handle(world, server.url, server, thread)
