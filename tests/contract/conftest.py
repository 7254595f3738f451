"""The world of a test: each test of the suite runs once in memory and once over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.worlds import WORLDS, World


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = WORLDS[request.param]()
    yield made
    made.close()
