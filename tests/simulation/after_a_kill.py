"""What must be true of a school whose process has just been killed: shared by the statements about kills."""

from __future__ import annotations

from sqlalchemy import text

from sync_service.domain.reports import RunStatus
from tests.acceptance.office import Office


def assert_sound(made: Office) -> None:
    """The database opens, holds together, and the journal's chain is whole."""
    if made.engine.dialect.name == "sqlite":
        with made.engine.connect() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    with made.service.db.read(made.school().school_id) as uow:
        assert uow.audit.verify() is None


def synced(made: Office) -> bool:
    """One whole run; whether a person had to log in for it.

    Who dies between the answer to a refresh and its commit has lost the token: the region kills the old one at once
    (docs/contract.md), and a person logs in anew.
    """
    lost = made.sync().status is RunStatus.LOGIN_NEEDED
    if lost:
        made.log_in()
        made.sync()
    return lost
