"""A number of more than 64 bits is nobody's, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from sync_service.domain.errors import NoSuchCase
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.engine.stores import UnitOfWork
from tests.databases import SchoolDatabase

LOOK_UPS: dict[str, Callable[[UnitOfWork, int], object]] = {
    "conflicts": lambda uow, number: uow.conflicts.get(number),
    "matches": lambda uow, number: uow.matches.get(number),
    "holds": lambda uow, number: uow.holds.get(number),
    "releases": lambda uow, number: uow.releases.get(number),
    "quarantine": lambda uow, number: uow.quarantine.get(number),
    "plans": lambda uow, number: uow.plans.get(number),
    "contacts": lambda uow, number: uow.contacts.drop(number),
    "staging": lambda uow, number: uow.staging.rows(Stream.STUDENTS, [LocalId(number)]) or None,
}


@pytest.mark.parametrize("number", [2**63, 10**30, -1])
@pytest.mark.parametrize("name", LOOK_UPS)
def test_an_impossible_number_is_nobodys(database: SchoolDatabase, name: str, number: int) -> None:
    """Not found, in one way or the other; the next statement of the database works."""
    with suppress(NoSuchCase), database.database.write(database.school) as uow:
        assert LOOK_UPS[name](uow, number) is None
    with database.database.read(database.school) as uow:
        assert uow.conflicts.get(1) is None


def test_a_mistake_of_ours_with_large_numbers_is_not_called_nobody(database: SchoolDatabase) -> None:
    """Only the driver's word says that there is no such record."""
    with pytest.raises(OverflowError), database.database.write(database.school):
        raise OverflowError("date value out of range")
