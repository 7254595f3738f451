"""The statements of reliability, in their order; :mod:`tests.simulation.themes` says what proves each and how often.

A proof is a function that returns what it has checked and raises AssertionError; a statement may have several parts,
and their figures stand in one row. What nothing proves yet stands there without a part and is listed as such.
"""

from __future__ import annotations

from tests.simulation.statement import Statement
from tests.simulation.themes.correctness import CORRECTNESS
from tests.simulation.themes.crashes import CRASHES
from tests.simulation.themes.damage import DAMAGE
from tests.simulation.themes.network import NETWORK
from tests.simulation.themes.operations import OPERATIONS
from tests.simulation.themes.people import PEOPLE
from tests.simulation.themes.security import SECURITY
from tests.simulation.themes.times import TIMES

STATEMENTS: tuple[Statement, ...] = (
    *CORRECTNESS,
    *CRASHES,
    *NETWORK,
    *DAMAGE,
    *TIMES,
    *PEOPLE,
    *OPERATIONS,
    *SECURITY,
)
