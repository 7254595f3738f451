"""Errors grouped by what the caller does next.

    SyncError
    ├── TransientError      retry later; nothing is known to be wrong with the record
    │   ├── RateLimited     … not before ``retry_after`` seconds
    │   ├── Unreachable     … the regional system did not answer at all
    │   ├── DatabaseBusy    … our own database is locked or out of reach
    │   └── OutcomeUnknown  … a write may have been committed: read back before anything is sent anew
    ├── StaleVersionError   plan again from fresh values
    ├── RecordError         set this record aside and go on
    ├── LoginNeeded         stop the school until a person enters a new regional token
    ├── CursorExpired       the region forgot our position: compare everything, delete nothing
    ├── ContractError       the answer breaks the contract: pause this stream
    │   └── SystemicFailure … records fail by the dozen for one reason: the brake
    ├── LeaseLost           another run owns the stream: stop without writing
    ├── AlreadyRunning      the stream is busy: come back later
    ├── DecisionError       a person's decision cannot be carried out as asked
    │   └── NoSuchCase      … there is nothing of this number
    ├── ConfigError         the configuration is wrong: report every problem at once
    ├── StopRequested       the process was asked to end: stop at this page boundary
    │   └── BlackoutBegan   … or the hours have begun in which nothing may run
    └── FatalError          stop the run
        └── DatabaseDamaged … our own database file is broken: nothing is sent on the word of what is left of it

Messages carry identifiers, the reason and the next step; never personal data and never response bodies.
"""

from __future__ import annotations


class SyncError(Exception):
    """Base of everything this product raises on purpose."""


class TransientError(SyncError):
    """The same request may succeed later."""


class RateLimited(TransientError):
    """The region asked us to wait; ``retry_after`` is in seconds from now, None when it gave no usable figure."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(TransientError):
    """The regional system could not be reached; nothing was committed there by this request."""


class DatabaseBusy(TransientError):
    """Our own database is locked or cannot be reached; nothing was written."""


class OutcomeUnknown(TransientError):
    """A write was sent and its answer was lost: it may or may not have been committed."""


class StaleVersionError(SyncError):
    """The record changed on the other side since it was read."""


class RecordError(SyncError):
    """One record is wrong; the rest goes on. ``code`` groups equal reasons."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class LoginNeeded(SyncError):
    """The regional token is missing, expired or rejected: a person must enter a new one («нужен вход»)."""


class CursorExpired(SyncError):
    """The region no longer keeps the history our cursor starts from (410)."""


class ContractError(SyncError):
    """The regional answer is not what the contract promises; the stream is paused, nothing is applied."""


class AccessRefused(ContractError):
    """The region refuses this stream to us (403, 404); never read as «no records»."""


class SystemicFailure(ContractError):
    """The brake: records of the stream fail by the dozen for one reason."""


class LeaseLost(SyncError):
    """Our fencing token is no longer the newest one; nothing was written."""


class AlreadyRunning(SyncError):
    """Another run holds the lease."""


class DecisionError(SyncError):
    """A decision was refused; ``stale`` is true when the values it was made on have changed since."""

    def __init__(self, message: str, *, stale: bool = False) -> None:
        super().__init__(message)
        self.stale = stale


class NoSuchCase(DecisionError):
    """There is no record of this number in the school."""


class ConfigError(SyncError):
    """Every problem of the configuration, each with its remedy."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StopRequested(SyncError):
    """The process was asked to end; everything up to the last page is durable."""


class BlackoutBegan(StopRequested):
    """A blackout window has begun: what is left waits for its end."""


class FatalError(SyncError):
    """The run cannot go on."""


class DatabaseDamaged(FatalError):
    """Our own database file is broken; a backup must take its place before anything goes on."""
