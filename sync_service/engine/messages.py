"""What people are told, in Russian, each for the role that may know it (regulation 3.5).

Where a text names a pupil, ``discreet`` says the same without the name. What the administrator is told names nobody.
"""

from __future__ import annotations

from collections.abc import Sequence

from sync_service.domain.holds import Hold
from sync_service.domain.records import Values
from sync_service.domain.releases import Release, ReleaseCase, ReleaseState
from sync_service.domain.streams import Stream
from sync_service.engine import queries_words as words
from sync_service.engine.ports import Notification, Role

_STEPS = {
    ReleaseState.CLAIMED: "Ждёт ответа секретаря: откуда прибыл ученик",
    ReleaseState.NOT_RELEASED: "Не отчислен прежней школой: позвонить и потребовать оформить выбытие",
    ReleaseState.RELEASED: "Можно зачислять: отправляем в ГИС",
    ReleaseState.ENROLLED: "Зачислен, закрыто автоматически",
    ReleaseState.WITHDRAWN: "Карточки больше нет, случай закрыт",
    ReleaseState.LEFT: "Выбыл, в списке доступных для зачисления пока не виден",
    ReleaseState.VISIBLE: "Виден в списке доступных для зачисления, закрыто автоматически",
}


def step(release: Release) -> str:
    """One line of the case's log."""
    return _STEPS[release.state]


def for_release(release: Release, student: Values, class_name: str | None) -> list[Notification]:
    """Whom to tell about a new state: the director of a pupil who is not released, at once; the class teacher
    and the deputy head of a card to complete; the secretary of a question."""
    name = f"{student.get('last_name') or ''} {student.get('first_name') or ''}".strip()
    where = f", класс {class_name}" if class_name else ""
    key = f"release:{release.student_id}:{release.movement_id}:{release.state.value}"
    if release.state is ReleaseState.NOT_RELEASED:
        school = release.previous_school or "прежняя школа не указана"
        phone = f", тел. {release.previous_phone}" if release.previous_phone else ""
        return [
            Notification(
                key=f"{key}:director",
                role=Role.DIRECTOR,
                subject="Ученик не отчислен прежней школой",
                text=f"{name}{where}: прежняя школа не оформила выбытие. Позвонить: {school}{phone}.",
                severity="warning",
                discreet="Прежняя школа не оформила выбытие прибывшего ученика. Кто это и куда звонить — на странице"
                " «Не отчислены».",
            )
        ]
    if release.state is ReleaseState.RELEASED and release.new_card:
        called = " Позвонить в прежнюю школу." if release.case is ReleaseCase.OTHER_DISTRICT else ""
        return [
            Notification(
                key=f"{key}:{role.value}",
                role=role,
                class_name=class_name if role is Role.CLASS_TEACHER else None,
                subject="Новая карточка: дополнить сведения",
                text=f"{name}{where}: заведена карточка с минимальными сведениями, её нужно дополнить.{called}",
                discreet=f"Заведена карточка с минимальными сведениями{where}. Дополните её: чья она, видно на"
                " странице школы.",
            )
            for role in (Role.CLASS_TEACHER, Role.DEPUTY_HEAD)
        ]
    if release.state is ReleaseState.CLAIMED:
        return [
            Notification(
                key=f"{key}:secretary",
                role=Role.SECRETARY,
                subject="Откуда прибыл ученик?",
                text=f"{name}{where}: в ГИС не найден однозначно. Укажите, откуда прибыл.",
                discreet="Прибывший ученик не найден в ГИС однозначно. Укажите на странице школы, откуда он.",
            )
        ]
    return []


def about_hold(case: Hold) -> list[Notification]:
    """The guard stopped something: nothing happens until a person has looked."""
    text = (
        f"{words.STREAMS[case.stream]}: {words.OPERATIONS[case.kind.operation]} {words.WAYS[case.way]}, записей: "
        f"{case.records}. Ничего из этого не сделано. Посмотрите: ecp-sync holds show {case.hold_id}."
    )
    return [
        Notification(
            key=f"hold:{case.hold_id}" if role is Role.SECRETARY else f"hold:{case.hold_id}:{role.value}",
            role=role,
            subject="Задержано слишком много изменений",
            text=text,
            severity="warning",
        )
        for role in (Role.SECRETARY, Role.ADMIN)
    ]


def needs_login(since: str) -> Notification:
    """The region does not take our token any more. ``since`` tells one such time from the next."""
    return Notification(
        key=f"alert:login:{since}",
        role=Role.ADMIN,
        subject="Нужен вход в ГИС",
        text="ГИС больше не принимает ключ школы, сверка стоит. Получите новый ключ и введите его на странице"
        " «Подключение» или командой ecp-sync connection login.",
        severity="warning",
    )


def brake_applied(stream: Stream, since: str) -> Notification:
    """A stream was stopped because its records failed by the dozen for one reason."""
    return Notification(
        key=f"alert:brake:{stream.value}:{since}",
        role=Role.ADMIN,
        subject="Поток остановлен: десятки одинаковых отказов",
        text=f"{words.STREAMS[stream]}: записи не проходят по одной причине, поток остановлен и продолжит с того же"
        " места, когда причина устранена. Посмотрите: ecp-sync quarantine list.",
        severity="warning",
    )


def long_silence(streams: Sequence[Stream], hours: int, since: str) -> Notification:
    """These streams have had no success for longer than the settings allow."""
    which = ", ".join(words.STREAMS[stream].lower() for stream in streams)
    return Notification(
        key=f"alert:silence:{since}",
        role=Role.ADMIN,
        subject="Давно нет удачной сверки",
        text=f"Больше {hours} ч. не было удачной сверки: {which}. Что мешает: ecp-sync status и ecp-sync doctor.",
        severity="warning",
    )
