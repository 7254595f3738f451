"""What went wrong, in one Russian sentence with the next step; the technical detail stands apart.

Neither holds personal data: errors carry identifiers only (domain.errors).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_never

from sync_service.cli.exit_codes import ExitCode, is_about_database, of_error
from sync_service.cli.exit_codes import of_report as code_of_report
from sync_service.domain.errors import (
    AccessRefused,
    AlreadyRunning,
    ConfigError,
    ContractError,
    CursorExpired,
    DatabaseDamaged,
    DecisionError,
    FatalError,
    LeaseLost,
    LoginNeeded,
    OutcomeUnknown,
    RateLimited,
    RecordError,
    StaleVersionError,
    StopRequested,
    SyncError,
    TransientError,
    Unreachable,
)
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.school_files import FileRejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a command ended. ``message`` is Russian, ``detail`` technical (may be empty); ``problems`` holds every
    problem of a configuration."""

    kind: str
    code: ExitCode
    message: str
    detail: str = ""
    problems: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "error": {
                "kind": self.kind,
                "exit_code": int(self.code),
                "message": self.message,
                "detail": self.detail,
                "problems": list(self.problems),
            }
        }


INTERRUPTED = Failure(
    kind="Interrupted",
    code=ExitCode.FAILED,
    message="Прервано. Недописанного не осталось: сделанное сохранено, остальное можно повторить.",
)


def of_sync_error(error: SyncError) -> Failure:
    """The failure an error of ours stands for."""
    kind, code = type(error).__name__, of_error(error)
    match error:
        case DecisionError() | FileRejected():  # these speak Russian
            return Failure(kind=kind, code=code, message=str(error))
        case ConfigError(problems=problems):
            return Failure(kind=kind, code=code, message=_what_to_mend(problems), problems=tuple(problems))
        case _:
            return Failure(kind=kind, code=code, message=_sentence(error), detail=str(error))


def of_unexpected(error: Exception) -> Failure:
    """A mistake of the program: its class alone, because its text may quote records."""
    return Failure(
        kind=type(error).__name__,
        code=ExitCode.FAILED,
        message="Ошибка программы. Запустите ecp-sync doctor и сообщите разработчику, что делали.",
        detail=f"mistake of the program: {type(error).__name__}",
    )


def _what_to_mend(problems: list[str]) -> str:
    """A problem that one command of ours ends is answered with that command."""
    match problems:
        case [only] if "no such file" in only and "ecp-sync init" in only:
            return "Файла настроек нет. Создайте его: ecp-sync init; если он в другом месте, укажите --config."
        case [only] if "schema none" in only and "ecp-sync migrate" in only:
            return "В базе данных ещё нет таблиц. Создайте их: ecp-sync migrate."
        case [only] if "ecp-sync migrate" in only:
            return "База данных от другой версии программы. Обновите её: ecp-sync migrate."
        case _:
            return "Настройки нужно исправить; проверить их: ecp-sync check-config."


def _sentence(error: SyncError) -> str:
    match error:
        case Unreachable():
            return "ГИС не отвечает. Проверьте сеть и адрес (ecp-sync doctor) и повторите позже."
        case RateLimited(retry_after=seconds):
            after = f"через {seconds:.0f} с" if seconds else "через несколько минут"
            return f"ГИС просит подождать. Повторите {after}."
        case OutcomeUnknown():
            return (
                "Ответ ГИС потерян. Ничего не отправляется заново: следующая сверка сначала прочитает, что записано."
            )
        case TransientError() if is_about_database(error):
            return "База данных занята или недоступна. Повторите через минуту, затем запустите ecp-sync doctor."
        case TransientError():
            return "ГИС временно не работает. Повторите позже."
        case LoginNeeded():
            return "Нужен вход: ГИС не принимает ключ. Введите новый: ecp-sync connection login."
        case AlreadyRunning():
            return "Уже идёт другая сверка или служба. Дождитесь её окончания (ecp-sync runs list) и повторите."
        case LeaseLost():
            return "Работу перенял другой запуск. Сделанное сохранено, он продолжит."
        case StopRequested():
            return "Остановлено. Сделанное сохранено, следующая сверка продолжит с этого места."
        case AccessRefused():
            return "ГИС не даёт доступа к этим данным. Проверьте organization_id и права ключа."
        case ContractError():
            return "Ответ ГИС не такой, как условлено; ничего не записано. Сообщите администратору."
        case CursorExpired():
            return "ГИС больше не хранит историю с прошлой сверки. Следующая сверка сравнит всё заново."
        case StaleVersionError():
            return "Запись в ГИС изменилась. Повторите сверку."
        case RecordError():
            return "Запись не подходит. Исправьте её в базе школы."
        case DatabaseDamaged():
            return "Файл базы данных повреждён; ничего не отправлено. Остановите службу и верните резервную копию."
        case FatalError():
            return "Работа остановлена. Запустите ecp-sync doctor."
        case _:
            return "Не удалось. Запустите ecp-sync doctor."


def of_report(report: RunReport, *, open_questions: bool = False) -> str:
    """What a run came to, in one sentence with the next step; ``open_questions``: a person has to decide."""
    match report.status:
        case RunStatus.SUCCEEDED if open_questions or any(entry.waiting for entry in report.streams.values()):
            return "Сверка завершена. Согласовано ещё не всё, что ждёт: ecp-sync status."
        case RunStatus.SUCCEEDED:
            return "Всё сверено."
        case RunStatus.COMPLETED_WITH_ERRORS:
            return "Сверено не всё. Что отложено: ecp-sync quarantine list; ошибки потоков: ecp-sync runs show."
        case RunStatus.HELD:
            return "Слишком много изменений сразу: часть задержана. Посмотреть и решить: ecp-sync holds list."
        case RunStatus.LOGIN_NEEDED:
            return _sentence(LoginNeeded())
        case RunStatus.INTERRUPTED:
            return _sentence(StopRequested())
        case RunStatus.FAILED if code_of_report(report) is ExitCode.UNREACHABLE:
            return _sentence(Unreachable())
        case RunStatus.FAILED:
            return "Сверка не удалась. Проверьте связь и базу: ecp-sync doctor."
        case RunStatus.RUNNING:
            return "Сверка ещё идёт."
        case _:
            assert_never(report.status)
