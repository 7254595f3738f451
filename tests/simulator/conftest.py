"""A simulator in a thread for every test that asks for our school."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulator.client import School, start_school


@pytest.fixture
def school() -> Iterator[School]:
    """Our school with a small population, logged in."""
    client = start_school()
    yield client
    client.close()


@pytest.fixture(scope="module")
def _standing() -> Iterator[School]:
    client = start_school()
    yield client
    client.close()


@pytest.fixture
def standing(_standing: School) -> Iterator[School]:
    """Our school, the same for all tests of a module: they must not mind what others wrote. Faults are ended."""
    yield _standing
    _standing.handle.admin("DELETE", "/simulator/faults")
