"""Work that may take longer than a page should: it goes on in a thread, and a waiting page asks for its end.

Most of it is done before the person would notice: :meth:`Errands.start` waits a moment first. An errand lives in
this process alone; what it did is in the database, so a restart loses nothing but the waiting page.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from sync_service.domain.errors import SyncError
from sync_service.domain.links import SchoolId
from sync_service.web.refusals import refusal

AT_ONCE_SECONDS = 2.0
STOP_SECONDS = 5.0
MOST_KEPT = 200
MISTAKE = "Ошибка программы: действие не выполнено до конца. Сообщите администратору, что вы делали и когда."

Work = Callable[[threading.Event], str]


@dataclass(slots=True, kw_only=True, eq=False)
class Errand:
    """``path`` is where its result stands, ``problem`` why there is none; both are empty while it goes on.
    ``back`` is the page it was begun from."""

    token: str
    school_id: SchoolId
    title: str
    back: str
    path: str = ""
    problem: str = ""
    status: int = 200
    stop: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


class Errands:
    """The errands of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Errand] = {}

    def start(self, school_id: SchoolId, title: str, back: str, work: Work, *, key: str = "") -> Errand:
        """Begin ``work``, which returns the path of its result, and wait a moment for it. An errand of the same
        ``key`` that goes on is joined instead of begun a second time."""
        with self._lock:
            token = key and f"{school_id}-{key}"
            going = self._known.get(token)
            if going is not None and not going.done.is_set():
                errand = going
            else:
                errand = Errand(token=token or secrets.token_urlsafe(12), school_id=school_id, title=title, back=back)
                self._remember(errand)
                errand.thread = threading.Thread(
                    target=self._run, args=(errand, work), name="page-errand", daemon=True
                )
                errand.thread.start()
        errand.done.wait(AT_ONCE_SECONDS)
        return errand

    def find(self, school_id: SchoolId, token: str) -> Errand | None:
        """An errand of this school, also one that has ended lately."""
        with self._lock:
            found = self._known.get(token)
        return found if found is not None and found.school_id == school_id else None

    def stop(self) -> None:
        """Ask what goes on to end at its next step, and wait for it a little; what was durable stays."""
        with self._lock:
            going = [errand for errand in self._known.values() if not errand.done.is_set()]
        for errand in going:
            errand.stop.set()
        for errand in going:
            errand.done.wait(STOP_SECONDS)

    def _remember(self, errand: Errand) -> None:
        ended = [token for token, one in self._known.items() if one.done.is_set()]
        for token in ended[: max(0, len(self._known) - MOST_KEPT)]:
            del self._known[token]
        self._known[errand.token] = errand

    @staticmethod
    def _run(errand: Errand, work: Work) -> None:
        try:
            errand.path = work(errand.stop)
        except SyncError as error:
            errand.problem, errand.status = _sentence(error)
        except Exception as error:  # noqa: BLE001  # the thread ends here; the page says so
            structlog.get_logger().error("errand_failed", error=type(error).__name__)
            errand.problem, errand.status = MISTAKE, 500
        finally:
            errand.done.set()


def _sentence(error: SyncError) -> tuple[str, int]:
    try:
        return refusal(error)
    except SyncError:
        structlog.get_logger().error("errand_failed", error=type(error).__name__)
        return MISTAKE, 500
