"""Exit codes (DESIGN.md 7) and how errors and run reports become one.

Where several apply the first of ``PRIORITY`` wins.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from sync_service.domain.errors import (
    AlreadyRunning,
    ConfigError,
    LoginNeeded,
    OutcomeUnknown,
    RateLimited,
    SyncError,
    TransientError,
    Unreachable,
)
from sync_service.domain.reports import RunReport, RunStatus


class ExitCode(IntEnum):
    DONE = 0
    FAILED = 1
    USAGE = 2
    OPEN_DECISIONS = 3  # done, with errors or new open decisions
    HELD = 4
    UNREACHABLE = 5
    LOGIN_NEEDED = 6
    CHANGES = 10
    ALREADY_RUNNING = 11
    BAD_CONFIGURATION = 78


PRIORITY = (
    ExitCode.USAGE,  # nothing was tried
    ExitCode.BAD_CONFIGURATION,
    ExitCode.ALREADY_RUNNING,
    ExitCode.LOGIN_NEEDED,
    ExitCode.UNREACHABLE,
    ExitCode.FAILED,
    ExitCode.HELD,
    ExitCode.OPEN_DECISIONS,
    ExitCode.CHANGES,
    ExitCode.DONE,
)

# A report names the class of the error that ended a run or a stream. A busy database has a class of its own.
_SILENT = ("Unreachable:", "RateLimited:", "TransientError:")


def most_urgent(codes: Iterable[ExitCode]) -> ExitCode:
    """The code that wins; DONE of nothing."""
    return min(codes, key=PRIORITY.index, default=ExitCode.DONE)


def of_error(error: SyncError) -> ExitCode:
    """The code of an error that ended a command."""
    match error:
        case ConfigError():
            return ExitCode.BAD_CONFIGURATION
        case AlreadyRunning():
            return ExitCode.ALREADY_RUNNING
        case LoginNeeded():
            return ExitCode.LOGIN_NEEDED
        case Unreachable() | RateLimited() | OutcomeUnknown():
            return ExitCode.UNREACHABLE
        case TransientError() if not is_about_database(error):
            return ExitCode.UNREACHABLE
        case _:
            return ExitCode.FAILED


def is_about_database(error: SyncError) -> bool:
    """Whether it is our own database that is busy or away, and not the region."""
    return str(error).startswith("the database")


def of_report(report: RunReport, *, new_decisions: bool = False) -> ExitCode:
    """The code of a run; ``new_decisions``: something waits for a person that did not before."""
    codes = [_of_status(report)]
    if any((entry.error or "").startswith("Unreachable:") for entry in report.streams.values()):
        codes.append(ExitCode.UNREACHABLE)
    if new_decisions:
        codes.append(ExitCode.OPEN_DECISIONS)
    return most_urgent(codes)


def _of_status(report: RunReport) -> ExitCode:
    match report.status:
        case RunStatus.SUCCEEDED:
            return ExitCode.DONE
        case RunStatus.COMPLETED_WITH_ERRORS:
            return ExitCode.OPEN_DECISIONS
        case RunStatus.HELD:
            return ExitCode.HELD
        case RunStatus.LOGIN_NEEDED:
            return ExitCode.LOGIN_NEEDED
        case RunStatus.FAILED if (report.error or "").startswith(_SILENT):
            return ExitCode.UNREACHABLE
        case _:
            return ExitCode.FAILED
