"""The page as a server: uvicorn in a thread of the daemon, or alone in ``ecp-sync web``."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sync_service.domain.errors import ConfigError, FatalError

if TYPE_CHECKING:
    from sync_service.bootstrap import Service
    from sync_service.config import Web

STOP_SECONDS = 5
KEEP_ALIVE_SECONDS = 15
MOST_CONNECTIONS = 600
UNREAD_BYTES = 64 * 1024  # what the system keeps for somebody who does not fetch it; else it would be megabytes


class PageServer:
    """Listens from the moment it is made; ``start`` begins to answer, ``stop`` returns when all is closed.

    Raises ConfigError when the address is taken or not allowed.
    """

    def __init__(
        self, service: Service, *, host: str, port: int, hosts: Iterable[str] = (), secure: bool = False
    ) -> None:
        import uvicorn

        from sync_service.web.app import create_app
        from sync_service.web.patience import PatientProtocol

        self._socket = _listen(host, port)
        address, self.port = self._socket.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        self.url = f"http://{shown}:{self.port}"
        self.app = create_app(service, hosts=hosts, secure=secure)
        self._server = uvicorn.Server(
            uvicorn.Config(
                self.app,
                http=PatientProtocol,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=STOP_SECONDS,
                limit_concurrency=MOST_CONNECTIONS,
                h11_max_incomplete_event_size=64 * 1024,
            )
        )
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # signals are the daemon's
        self._thread = threading.Thread(target=self._serve, name="page", daemon=True)

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def start(self) -> None:
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self.app.state.live.close()
        self._server.should_exit = True
        self.app.state.parts.errands.stop()
        self.app.state.started_runs.close()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS * 2)
        self._socket.close()


def serve_page(service: Service, settings: Web, *, told: Callable[[str], None]) -> None:
    """The page alone, until SIGTERM or SIGINT."""
    ended = threading.Event()
    former = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    page = page_of(service, settings)
    try:
        page.start()
        told(settings.public_url or page.url)
        while not ended.wait(1.0):
            if not page.is_alive:
                raise FatalError("the page has stopped by itself; see the log")
    finally:
        page.stop()
        for number, handler in former.items():
            signal.signal(number, handler)


def page_of(service: Service, settings: Web) -> PageServer:
    """The page as the settings want it. Raises ConfigError when its address is taken."""
    return PageServer(service, host=settings.host, port=settings.port, hosts=settings.names, secure=settings.secure)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNREAD_BYTES)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigError(
            [f"web: cannot listen on {host}:{port} ({error.strerror}); another program has it, or choose web.port"]
        ) from None
    listening.listen(128)
    return listening
