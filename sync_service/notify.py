"""Telling people, behind the Notifier port: the table ``notifications`` is the truth, channels carry it.

    tell ─► nothing to carry it by: an event in the log, told
         └► a channel fits: the courier is woken; told once every address has it, else tried again later

A run never waits for a channel: each has a thread of its own, and a message that does not arrive stays untold in the
table. Only a channel that is marked ``names`` gets the text that names a pupil; every other one, and whatever goes
to the administrator, gets the same without names.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import quote

import structlog

from sync_service.domain.errors import SyncError
from sync_service.engine.context import School
from sync_service.engine.ports import Clock, Notification, Role
from sync_service.engine.telling import note_arrival, untold
from sync_service.notify_patience import Patient, Send

if TYPE_CHECKING:
    from sync_service.config import Settings
    from sync_service.engine.stores import Database

LOOK_SECONDS = 60.0  # between two looks for what is due again, or for the end of quiet hours
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 3600.0  # between two tries of one message, doubled each time
FAILURES_IN_A_ROW = 3  # then a channel is left alone until the next look
PLACE = "{address}"
_NAMED = frozenset({Role.DIRECTOR, Role.DEPUTY_HEAD, Role.CLASS_TEACHER, Role.SECRETARY})


class LogNotifier:
    """One event per message with role and key; neither text nor addresses. Never raises."""

    def tell(self, school_code: str, notification: Notification, contacts: Sequence[str]) -> bool:
        structlog.get_logger().info(
            "notification",
            school=school_code,
            role=notification.role.value,
            key=notification.key,
            severity=notification.severity,
            count=len(contacts),
        )
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A channel as settings describe it."""

    to: frozenset[str]
    url: str = field(repr=False)
    names: bool = False

    def addresses(self, notification: Notification, contacts: Sequence[str]) -> list[str]:
        """Where a message goes on this route, as addresses of apprise; empty when it does not go here."""
        if notification.role.value in self.to:
            people = list(contacts)
        else:
            patterns = [name for name in self.to if "@" in name]
            people = [a for a in contacts if any(fnmatchcase(a.lower(), p.lower()) for p in patterns)]
            if not people:
                return []
        if PLACE not in self.url:
            return [self.url]
        return [self.url.replace(PLACE, quote(address, safe="")) for address in dict.fromkeys(people)]

    def text(self, notification: Notification) -> str:
        return notification.text if self.names and notification.role in _NAMED else notification.nameless


def routes_of(settings: Settings) -> list[Route]:
    """The channels of the settings, in their order."""
    return [Route(to=frozenset(one.to), url=one.url.get_secret_value(), names=one.names) for one in settings.channels]


@dataclass(slots=True)
class _Try:
    failures: int = 0
    again_at: float = 0.0


class Courier:
    """The notifier of an installation with channels. ``quiet`` says whether a school sleeps now.

    ``deliver`` may also be called directly: one look over everything that waits.
    """

    def __init__(
        self,
        db: Database,
        schools: Callable[[], Iterable[School]],
        routes: Sequence[Route],
        *,
        clock: Clock,
        quiet: Callable[[School], bool] = lambda _: False,
        director_at_once: bool = True,
        timeout: float = 15.0,
        page: str = "",
        send: Send | None = None,
    ) -> None:
        self._db = db
        self._schools = schools
        self._routes = tuple(routes)
        self._clock = clock
        self._quiet = quiet
        self._director_at_once = director_at_once
        self._timeout = timeout
        self._page = page
        self._sends = [Patient(send or apprise_send) for _ in self._routes]
        self._log = LogNotifier()
        self._lock = threading.Lock()
        self._arrived: set[tuple[str, str, int, str]] = set()
        self._tries: dict[tuple[str, str, int, str], _Try] = {}
        self._bells = [threading.Event() for _ in self._routes]
        self._threads: list[threading.Thread] = []
        self._last_look = threading.Event()
        self._ended = threading.Event()

    def tell(self, school_code: str, notification: Notification, contacts: Sequence[str]) -> bool:
        if not any(route.addresses(notification, contacts) for route in self._routes):
            return self._log.tell(school_code, notification, contacts)
        self.wake()
        return False

    def wake(self) -> None:
        """Have the threads look now; they begin with the first call."""
        with self._lock:
            if not self._threads and not self._last_look.is_set():
                self._threads = [
                    threading.Thread(target=self._carry, args=(number,), name=f"courier-{number}", daemon=True)
                    for number in range(len(self._routes))
                ]
                for thread in self._threads:
                    thread.start()
        for bell in self._bells:
            bell.set()

    def close(self, *, seconds: float = 3.0) -> None:
        """One more look of those that have begun, for so many seconds. What has not arrived then stays untold."""
        self._last_look.set()
        for bell in self._bells:
            bell.set()
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        self._ended.set()

    def _carry(self, number: int) -> None:
        while True:
            self._bells[number].clear()
            try:
                self.deliver(number)
            except SyncError as error:  # the database is busy: the next look finds the same
                structlog.get_logger().warning("notification_look_failed", error=type(error).__name__)
            except Exception as error:  # noqa: BLE001  # a mistake must not end the thread that tells of mistakes
                structlog.get_logger().error("notification_look_failed", error=type(error).__name__)
            if self._last_look.is_set():
                return
            self._bells[number].wait(LOOK_SECONDS)

    def deliver(self, number: int) -> int:
        """One look of one channel over every school; returns how many messages arrived by it."""
        route, count = self._routes[number], 0
        for school in self._schools():
            failures = 0
            for notification, contacts in untold(self._db, school):
                for url in route.addresses(notification, contacts):
                    if failures >= FAILURES_IN_A_ROW or self._waits(number, school, notification, url):
                        continue
                    if self._one(number, school, notification, url):
                        count, failures = count + 1, 0
                    else:
                        failures += 1
                self._note_when_complete(school, notification, contacts)
        return count

    def _waits(self, number: int, school: School, notification: Notification, url: str) -> bool:
        if self._ended.is_set():
            return True
        key = (school.code, notification.key, number, url)
        with self._lock:
            if key in self._arrived:
                return True
            former = self._tries.get(key)
        if former is not None and self._clock.monotonic() < former.again_at:
            return True
        at_once = self._director_at_once and notification.role is Role.DIRECTOR
        return not at_once and self._quiet(school)

    def _one(self, number: int, school: School, notification: Notification, url: str) -> bool:
        text = self._routes[number].text(notification)
        if self._page:
            text = f"{text}\n{self._page}/s/{school.code}"
        arrived = self._sends[number](url, notification.subject, text, notification.severity, self._timeout)
        key = (school.code, notification.key, number, url)
        with self._lock:
            if arrived:
                self._arrived.add(key)
                self._tries.pop(key, None)
                return True
            tried = self._tries.setdefault(key, _Try())
            pause = min(FIRST_PAUSE * 2 ** min(tried.failures, 12), LONGEST_PAUSE)
            tried.failures, tried.again_at = tried.failures + 1, self._clock.monotonic() + pause
        structlog.get_logger().warning(
            "notification_failed",
            school=school.code,
            role=notification.role.value,
            key=notification.key,
            attempt=tried.failures,
            in_seconds=round(pause),
        )
        return False

    def _note_when_complete(self, school: School, notification: Notification, contacts: Sequence[str]) -> None:
        wanted = {
            (school.code, notification.key, number, url)
            for number, route in enumerate(self._routes)
            for url in route.addresses(notification, contacts)
        }
        with self._lock:
            if not wanted <= self._arrived:
                return
        note_arrival(self._db, school, [notification.key])
        self._log.tell(school.code, notification, contacts)
        with self._lock:
            self._arrived -= wanted


def apprise_send(url: str, subject: str, text: str, severity: str, seconds: float) -> bool:
    """Send by the service ``url`` names; False whatever went wrong. Never raises, logs neither text nor address."""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    asset = apprise.AppriseAsset(
        app_id="ecp-sync", app_desc="ecp-sync", app_url="", storage_mode=apprise.PersistentStoreMode.MEMORY
    )
    kind = apprise.NotifyType.WARNING if severity == "warning" else apprise.NotifyType.INFO
    try:
        service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if service is None:
            return False
        service.socket_connect_timeout = service.socket_read_timeout = seconds
        return bool(service.notify(title=subject, body=text, notify_type=kind, body_format=apprise.NotifyFormat.TEXT))
    except Exception:  # noqa: BLE001  # a plug-in of a library must not stop the courier
        return False


def understands(url: str) -> bool:
    """Whether apprise knows what to do with the address; nothing is sent."""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    return apprise.Apprise.instantiate(url.replace(PLACE, "somebody%40school.example")) is not None
