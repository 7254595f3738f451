"""What a person is told when the region, a run or the data stood in the way of what they asked for."""

from __future__ import annotations

from sync_service.domain.errors import (
    AlreadyRunning,
    ContractError,
    DatabaseBusy,
    DecisionError,
    LoginNeeded,
    OutcomeUnknown,
    StopRequested,
    SyncError,
    TransientError,
)

_COMMANDS = {  # what the command line says of commands, in the words of the page
    ": ecp-sync resync plan.": " план.",
}


def refusal(error: SyncError) -> tuple[str, int]:
    """The sentence and the status of the answer. Raises ``error`` again when no person can do anything about it."""
    match error:
        case DatabaseBusy():
            raise error
        case DecisionError():
            return _without_commands(str(error)), 409 if error.stale else 422
        case AlreadyRunning():
            return "Сейчас эти записи сверяет другой запуск. Повторите через минуту.", 409
        case LoginNeeded():
            return "Нужен вход: ГИС не принимает ключ школы. Введите его в «Подключении» и повторите.", 409
        case OutcomeUnknown():
            return (
                "ГИС не подтвердила запись. Продолжите через минуту: сначала проверим, что она приняла.",
                503,
            )
        case TransientError():
            return "ГИС сейчас не отвечает. Повторите через несколько минут.", 503
        case ContractError():
            return "ГИС ответила не так, как обещано её описанием. Позовите администратора.", 503
        case StopRequested():
            return "Служба останавливается. Повторите, когда она запустится снова.", 503
        case _:
            raise error


def _without_commands(text: str) -> str:
    for command, words in _COMMANDS.items():
        text = text.replace(command, words)
    return text
