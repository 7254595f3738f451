"""What people are told about releases, in Russian, for the role that may know it (regulation 3.5)."""

from __future__ import annotations

from sync_service.domain.holds import Hold
from sync_service.domain.records import Values
from sync_service.domain.releases import Release, ReleaseCase, ReleaseState
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
            )
        ]
    return []


def about_hold(case: Hold) -> Notification:
    """The guard stopped something: nothing happens until a person has looked."""
    return Notification(
        key=f"hold:{case.hold_id}",
        role=Role.SECRETARY,
        subject="Задержано слишком много изменений",
        text=(
            f"{words.STREAMS[case.stream]}: {words.OPERATIONS[case.kind.operation]} {words.WAYS[case.way]}, записей: "
            f"{case.records}. Ничего из этого не сделано. Посмотрите: ecp-sync holds show {case.hold_id}."
        ),
        severity="warning",
    )
