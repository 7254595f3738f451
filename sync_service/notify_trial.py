"""«Проверить отправку»: a message that says nothing, sent at once to see whether the channels carry it.

It is written down nowhere but in the journal, goes also in quiet hours (a person asked for it), and names nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sync_service.domain.audit import Act, AuditEntry
from sync_service.domain.errors import DecisionError
from sync_service.engine.decisions import Desk, not_found
from sync_service.engine.ports import Contact, Notification, Role
from sync_service.notify import PLACE, Route, apprise_send, routes_of
from sync_service.notify_patience import MOST_LEFT, Patient, Send

if TYPE_CHECKING:
    from sync_service.config import Settings

SUBJECT = "Проверка отправки"
TEXT = "Так приходят сообщения о сверке школы с ГИС. Делать ничего не нужно."
NO_CHANNELS = "Каналы не настроены, проверять нечего. Их задают в файле настроек, в разделе channels."
NOT_FOR_THIS = "Ни один канал не доставляет сообщения этой роли. Впишите её в channels, в to."


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One channel and one address. ``channel`` counts from 1 in the order of the settings, ``scheme`` says what kind
    it is; ``contact`` is None for a channel that leads to one place."""

    channel: int
    scheme: str
    contact: int | None
    arrived: bool


def try_channels(
    desk: Desk, settings: Settings, contact_id: int | None = None, *, send: Send = apprise_send
) -> list[Trial]:
    """Send to this contact by every channel that is for it; without one, to every channel that is one place.

    Takes twice ``notify.timeout`` for every four addresses at most. Raises DecisionError when there is nothing to
    try.
    """
    routes = routes_of(settings)
    if not routes:
        raise DecisionError(NO_CHANNELS)
    with desk.db.read(desk.school.school_id) as uow:
        people = uow.contacts.all()
    meant = [one for one in people if one.contact_id == contact_id]
    if contact_id is not None and not meant:
        raise not_found("Адрес", contact_id)
    wanted = list(_to(routes, meant[0]) if meant else _places(routes))
    if meant and not wanted:
        raise DecisionError(NOT_FOR_THIS)

    patient = Patient(send)

    def one(letter: tuple[int, str, int | None]) -> Trial:
        number, url, contact = letter
        arrived = patient(url, SUBJECT, TEXT, "info", settings.notify.timeout)
        return Trial(channel=number, scheme=url.partition("://")[0], contact=contact, arrived=arrived)

    with ThreadPoolExecutor(MOST_LEFT, thread_name_prefix="trial") as pool:
        trials = list(pool.map(one, wanted))
    _note(desk, trials)
    return trials


def _to(routes: Sequence[Route], contact: Contact) -> Iterable[tuple[int, str, int | None]]:
    message = _message(contact.role)
    for number, route in enumerate(routes, 1):
        for url in route.addresses(message, [contact.address]):
            yield number, url, contact.contact_id if PLACE in route.url else None


def _places(routes: Sequence[Route]) -> Iterable[tuple[int, str, int | None]]:
    return ((number, route.url, None) for number, route in enumerate(routes, 1) if PLACE not in route.url)


def _message(role: Role) -> Notification:
    return Notification(key="trial", role=role, subject=SUBJECT, text=TEXT)


def _note(desk: Desk, trials: Sequence[Trial]) -> None:
    note = f"{sum(trial.arrived for trial in trials)} of {len(trials)} arrived"
    with desk.db.write(desk.school.school_id) as uow:
        uow.audit.append([AuditEntry(act=Act.CONFIGURE.value, actor=desk.actor, cause="contacts:trial", note=note)])
        uow.commit()
