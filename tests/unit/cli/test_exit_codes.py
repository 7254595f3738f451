"""Every code of the table, and which wins where several apply."""

from __future__ import annotations

import httpx
import pytest

from connectors.answers import COUNTERPARTS, Answer, from_httpx, from_status
from sync_service.cli.exit_codes import PRIORITY, ExitCode, most_urgent, of_error, of_report
from sync_service.domain import errors
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import Stream


def report(status: RunStatus, *, error: str | None = None, marks: str | None = None) -> RunReport:
    made = RunReport(run_id="r1", school="school-900", status=status, error=error)
    made.stream(Stream.MARKS).error = marks
    return made


def test_the_codes_are_those_of_the_design() -> None:
    assert sorted(int(code) for code in ExitCode) == [0, 1, 2, 3, 4, 5, 6, 10, 11, 78]


def test_the_order_is_that_of_the_design() -> None:
    """Every code stands in it once; a wrong command line comes before everything, because nothing was tried."""
    assert [int(code) for code in PRIORITY] == [2, 78, 11, 6, 5, 1, 4, 3, 10, 0]


@pytest.mark.parametrize(
    ("codes", "winner"),
    [
        ([], 0),
        ([0, 3], 3),
        ([3, 4], 4),
        ([4, 1], 1),
        ([1, 5], 5),
        ([5, 6], 6),
        ([6, 11], 11),
        ([11, 78], 78),
        ([0, 10], 10),
        ([10, 3], 3),
    ],
)
def test_the_most_urgent_code_wins(codes: list[int], winner: int) -> None:
    assert most_urgent(ExitCode(code) for code in codes) == winner
    assert most_urgent(ExitCode(code) for code in reversed(codes)) == winner


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError(["x"]), 78),
        (errors.AlreadyRunning("x"), 11),
        (errors.LoginNeeded("x"), 6),
        (errors.Unreachable("x"), 5),
        (errors.RateLimited("x", retry_after=3), 5),
        (errors.OutcomeUnknown("x"), 5),
        (errors.TransientError("get marks: the region answered 500"), 5),
        (errors.TransientError("the database is busy or unreachable (SQLITE_BUSY)"), 1),
        (errors.AccessRefused("x"), 1),
        (errors.DecisionError("x"), 1),
        (errors.StopRequested("x"), 1),
        (errors.FatalError("x"), 1),
    ],
)
def test_an_error_has_its_code(error: errors.SyncError, code: int) -> None:
    assert of_error(error) == code


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (report(RunStatus.SUCCEEDED), 0),
        (report(RunStatus.COMPLETED_WITH_ERRORS, marks="ContractError: x"), 3),
        (report(RunStatus.COMPLETED_WITH_ERRORS, marks="Unreachable: x"), 5),
        (report(RunStatus.HELD), 4),
        (report(RunStatus.LOGIN_NEEDED, error="no token"), 6),
        (report(RunStatus.FAILED, error="Unreachable: x"), 5),
        (report(RunStatus.FAILED, error="RateLimited: x"), 5),
        (report(RunStatus.FAILED, error="DatabaseBusy: x"), 1),
        (report(RunStatus.FAILED, error="the database refused a statement"), 1),
        (report(RunStatus.FAILED), 1),
        (report(RunStatus.INTERRUPTED), 1),
        (report(RunStatus.RUNNING), 1),
    ],
)
def test_a_run_has_its_code(run: RunReport, code: int) -> None:
    assert of_report(run) == code


def test_a_green_run_with_a_new_question_is_not_silent() -> None:
    """Something waits for a person that did not before."""
    assert of_report(report(RunStatus.SUCCEEDED), new_decisions=True) == 3
    assert of_report(report(RunStatus.HELD), new_decisions=True) == 4


def as_reported(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("kind", [kind for kind, ours in COUNTERPARTS.items() if ours is errors.Unreachable])
def test_whatever_silence_the_connector_reports_is_five(kind: type[Exception]) -> None:
    """A report keeps the class of an error beside its text."""
    error = from_httpx(kind("x"), "changeVersion", writing=False)
    assert of_report(report(RunStatus.FAILED, error=as_reported(error))) == 5


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_region_that_cannot_work_is_five(status: int) -> None:
    answer = Answer(status=status, headers=httpx.Headers(), body=b"")
    error = from_status(answer, "changeVersion", writing=False, retry_after=None)
    assert of_report(report(RunStatus.FAILED, error=as_reported(error))) == 5


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_region_that_refuses_is_no_silence(status: int) -> None:
    answer = Answer(status=status, headers=httpx.Headers(), body=b"")
    error = from_status(answer, "changeVersion", writing=False, retry_after=None)
    assert of_report(report(RunStatus.FAILED, error=as_reported(error))) == 1
