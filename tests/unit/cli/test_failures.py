"""Every error becomes one Russian sentence with the next step; technical words stand apart."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from sync_service.accounts import TooManyTries
from sync_service.cli.exit_codes import ExitCode, of_error
from sync_service.cli.failures import of_report, of_sync_error, of_unexpected
from sync_service.domain import errors
from sync_service.domain.reports import RunReport, RunStatus, WaitingFor
from sync_service.domain.school_files import FileRejected
from sync_service.engine.entry_fields import EntryRefused, FieldProblem
from sync_service.engine.queries_words import WAITING
from sync_service.web.api.problems import NotCarriedOut

LATIN_WORD = re.compile(r"(?<![\w-])[a-z]{3,}(?![\w-])")
OURS = {
    "ecp-sync",
    "show",
    "sync",
    "doctor",
    "runs",
    "list",
    "connection",
    "login",
    "quarantine",
    "holds",
    "check",
    "config",
    "base_url",
}


def made(kind: type[errors.SyncError]) -> errors.SyncError:
    if kind is errors.ConfigError:
        return errors.ConfigError(["zone: no such zone"])
    if kind is errors.RecordError:
        return errors.RecordError("broken", code="broken")
    if kind is FileRejected:
        return FileRejected(code="empty", reason="Файл пуст.", remedy="Сохраните его снова.")
    if kind is errors.DecisionError:
        return errors.DecisionError("Расхождение 1 уже решено. Обновите список.")
    if kind is EntryRefused:
        return EntryRefused((FieldProblem(field="order_number", text="Введите номер приказа."),))
    if kind is TooManyTries:
        return TooManyTries(timedelta(minutes=2))
    if kind is NotCarriedOut:
        return NotCarriedOut(409, "Это код другого плана. Ничего не записано.")
    if issubclass(kind, errors.DecisionError):
        return kind("Так сделать нельзя. Обновите список.")
    return kind("some technical words")


def kinds(root: type[errors.SyncError] = errors.SyncError) -> list[type[errors.SyncError]]:
    return [root, *(found for child in root.__subclasses__() for found in kinds(child))]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_error_speaks_russian(kind: type[errors.SyncError]) -> None:
    """No class of error falls through, and what people read holds no English beside command names."""
    failure = of_sync_error(made(kind))
    assert re.search(r"[а-яё]{3,}", failure.message)
    assert set(LATIN_WORD.findall(failure.message)) <= OURS
    assert failure.code == of_error(made(kind))
    assert failure.kind == kind.__name__
    assert "\n" not in failure.message


def test_technical_words_stand_apart() -> None:
    failure = of_sync_error(errors.Unreachable("changeVersion: the region could not be reached (ConnectError)"))
    assert "ConnectError" not in failure.message
    assert "ConnectError" in failure.detail


def test_every_problem_of_a_configuration_is_named() -> None:
    failure = of_sync_error(errors.ConfigError(["one", "two"]))
    assert failure.problems == ("one", "two")
    assert failure.to_json()["error"]["problems"] == ["one", "two"]


def test_how_long_to_wait_is_said_when_known() -> None:
    assert "через 30 с" in of_sync_error(errors.RateLimited("x", retry_after=30)).message
    assert "через несколько минут" in of_sync_error(errors.RateLimited("x")).message


def test_a_mistake_of_the_program_quotes_nothing() -> None:
    """The text of a foreign error may hold a record."""
    failure = of_unexpected(ValueError("Ёлкина Анна 112-233-445 95"))
    assert "Ёлкина" not in failure.message + failure.detail
    assert failure.code is ExitCode.FAILED


def test_every_reason_to_wait_has_words() -> None:
    assert set(WAITING) == set(WaitingFor)
    assert all(words.startswith("ждут ") for words in WAITING.values())


@pytest.mark.parametrize("status", list(RunStatus))
def test_every_outcome_of_a_run_has_a_sentence(status: RunStatus) -> None:
    sentence = of_report(RunReport(run_id="r1", school="s", status=status))
    assert sentence.endswith(".")
    assert set(LATIN_WORD.findall(sentence)) <= OURS
