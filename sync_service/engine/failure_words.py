"""What went wrong in one Russian sentence: where it arose, who acts, and the next step.

Errors are kept as «Class: technical words»; the class decides. The sentences name no command, so that the page and
the command line may share them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from sync_service.domain.errors import SyncError
from sync_service.domain.reports import NO_LAST_WORD, TAKEN_OVER, RunReport, RunStatus


class Origin(StrEnum):
    """Where the cause of a failure lies."""

    SCHOOL = "школа"
    GIS = "ГИС"
    NETWORK = "сеть"
    OURS = "наша ошибка"


NOBODY, ADMIN, OFFICE = "никто", "администратор", "секретарь"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureWords:
    """``what`` and ``todo`` are whole sentences; ``heals``: it passes by itself, nobody has to act."""

    origin: Origin
    what: str
    todo: str
    who: str
    heals: bool = False


def _passes(origin: Origin, what: str, todo: str = "Ничего делать не нужно: повторим сами.") -> FailureWords:
    return FailureWords(origin=origin, what=what, todo=todo, who=NOBODY, heals=True)


def _stops(origin: Origin, what: str, todo: str, who: str = ADMIN) -> FailureWords:
    return FailureWords(origin=origin, what=what, todo=todo, who=who)


WORDS: dict[str, FailureWords] = {
    "SyncError": _stops(Origin.OURS, "Сверка не удалась.", "Сообщите разработчику, что показано ниже."),
    "TransientError": _passes(Origin.GIS, "ГИС временно не работает."),
    "RateLimited": _passes(Origin.GIS, "ГИС просит подождать: запросов к ней сейчас слишком много."),
    "Unreachable": _passes(
        Origin.NETWORK,
        "ГИС не отвечает.",
        "Повторим сами. Если не пройдёт за час, администратор проверяет сеть школы и адрес ГИС.",
    ),
    "DatabaseBusy": _passes(Origin.OURS, "База данных была занята."),
    "OutcomeUnknown": _passes(
        Origin.NETWORK,
        "Ответ ГИС потерян.",
        "Ничего не отправляем заново: следующая сверка сначала прочитает, что записано.",
    ),
    "StaleVersionError": _passes(Origin.GIS, "Записи в ГИС изменились во время отправки."),
    "CursorExpired": _passes(
        Origin.GIS, "ГИС больше не хранит историю с прошлой сверки.", "Следующая сверка сравнит всё заново сама."
    ),
    "LeaseLost": _passes(Origin.OURS, "Работу перенял другой запуск.", "Сделанное сохранено, он продолжит."),
    "AlreadyRunning": _passes(Origin.OURS, "В это время шла другая сверка.", "Она сделает то же самое."),
    "StopRequested": _passes(
        Origin.OURS, "Служба была остановлена.", "Сделанное сохранено, следующая сверка продолжит с этого места."
    ),
    "BlackoutBegan": _passes(Origin.OURS, "Началось запретное время.", "Продолжим сами, когда оно закончится."),
    "LoginNeeded": _stops(
        Origin.GIS,
        "ГИС больше не принимает ключ школы.",
        "Войдите в ГИС через Госуслуги и введите новый ключ в «Подключении».",
        "секретарь или администратор",
    ),
    "AccessRefused": _stops(
        Origin.GIS,
        "ГИС не даёт доступа к этим данным.",
        "Проверьте код организации в настройках и права ключа; если верны — пишите в поддержку ГИС.",
    ),
    "ContractError": _stops(
        Origin.GIS,
        "Ответ ГИС не такой, как условлено; из него ничего не записано.",
        "Сверьте таблицы соответствия с описанием ГИС; если верны — пишите в поддержку ГИС.",
    ),
    "SystemicFailure": _stops(
        Origin.GIS,
        "Много записей подряд не подходят по одной причине; поток остановлен.",
        "Сверьте таблицы соответствия с описанием ГИС; когда причина устранена, поток продолжит сам.",
    ),
    "RecordError": _stops(Origin.SCHOOL, "Запись не подходит.", "Исправьте её в базе школы.", OFFICE),
    "DecisionError": _stops(
        Origin.SCHOOL, "Решение не удалось выполнить.", "Откройте запись снова и решите ещё раз.", OFFICE
    ),
    "NoSuchCase": _stops(Origin.SCHOOL, "Такой записи нет.", "Вернитесь к списку и откройте её снова.", OFFICE),
    "ConfigError": _stops(Origin.OURS, "Настройки нужно исправить.", "Проверьте файл настроек."),
    "FatalError": _stops(
        Origin.OURS, "Сверка остановлена ошибкой программы.", "Сообщите разработчику, что показано ниже."
    ),
    "DatabaseDamaged": _stops(
        Origin.OURS,
        "Файл базы данных повреждён; в ГИС ничего не отправлено.",
        "Остановите службу и верните резервную копию.",
    ),
}
_BRAKE = re.compile(r"(\d+) of (\d+) records of this run fail with «(.+?)»")
_CLASS = re.compile(r"[A-Z]\w+(?=:|$)")
_DIED = _passes(
    Origin.OURS, "Программа остановилась, не закончив сверку.", "Сделанное сохранено, следующая сверка продолжит."
)


def words_of(error: str) -> FailureWords:
    """The words of an error as it stands in a report; a class nobody knows is a mistake of ours."""
    if found := _BRAKE.search(error):
        failed, judged, _ = found.groups()
        return FailureWords(
            origin=Origin.GIS,
            what=f"По одной причине не подошли {failed} из {judged} записей; ничего не испорчено, поток остановлен.",
            todo="Сверьте таблицы соответствия с ГИС: после исправления всё прочтётся само.",
            who=ADMIN,
        )
    named = _CLASS.match(error)
    if named is None:
        return WORDS["FatalError"]
    found_words = WORDS.get(named[0], WORDS["FatalError"])
    if named[0] == "TransientError" and error.removeprefix("TransientError: ").startswith("the database"):
        return WORDS["DatabaseBusy"]
    return found_words


def of_error(error: SyncError) -> FailureWords:
    """The words of an error at hand."""
    return words_of(f"{type(error).__name__}: {error}")


def of_run(report: RunReport) -> FailureWords | None:
    """Why a run did not come to its end; None when it did, or is under way."""
    match report.status:
        case RunStatus.LOGIN_NEEDED:
            return WORDS["LoginNeeded"]
        case RunStatus.INTERRUPTED if report.error == NO_LAST_WORD:
            return _DIED
        case RunStatus.INTERRUPTED if report.error == TAKEN_OVER:
            return WORDS["LeaseLost"]
        case RunStatus.INTERRUPTED:
            return WORDS["BlackoutBegan" if "blackout" in (report.error or "") else "StopRequested"]
        case RunStatus.FAILED:
            return words_of(report.error or "")
        case _:
            return None


def set_aside(count: int, remedy: str, *, pulled: bool) -> FailureWords:
    """The words for records in quarantine that fail alike; ``remedy`` is the next step."""
    records = f"{count} {plural(count, 'запись', 'записи', 'записей')}"
    if pulled:
        return _stops(Origin.GIS, f"Из ГИС не прочитано по одной причине: {records}.", remedy)
    return _stops(Origin.SCHOOL, f"ГИС не приняла по одной причине: {records}.", remedy, OFFICE)


def plural(number: int, one: str, few: str, many: str) -> str:
    """The Russian form that goes with ``number``."""
    tail, two = abs(number) % 10, abs(number) % 100
    if tail == 1 and two != 11:
        return one
    return few if 2 <= tail <= 4 and not 12 <= two <= 14 else many
