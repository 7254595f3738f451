"""Resync against the simulator, as a process: previewed over HTTP, applied, killed on the way."""

from __future__ import annotations

import signal

from tests.acceptance.agreement import disagreements
from tests.acceptance.office import Office
from tests.acceptance.probe_points import POINTS
from tests.acceptance.working_day import edit_both_sides

# In the order in which an application passes them.
DEATHS = (
    "resync.begin.before_commit",
    "resync.chunk.before_commit",
    "resync.chunk.after_commit",
    "push.before_send",
    "push.after_send",
    "resync.answers.before_commit",
    "resync.end.before_commit",
)


def test_a_killed_resync_is_finished_by_the_next(at_rest: Office) -> None:
    """The busy day in one plan, killed at every point in turn. Whatever was carried out stays, the same command
    goes on, and nothing has drifted: what an earlier part wrote is not read as somebody else's change."""
    made = at_rest
    made.settle()
    edit_both_sides(made)
    plan = made.run("resync", "plan", "--all", "--json")
    assert plan.code == 10, plan.err
    number = str(plan.json()["id"])
    for point in DEATHS:
        ended = made.run("resync", "apply", number, environment={"ECP_SYNC_CRASH_AT": point})
        assert ended.code == -signal.SIGKILL, f"{point} was not passed: {ended.out}{ended.err}"
    done = made.run("resync", "apply", number, "--json")
    assert (done.code, done.json()["state"]) == (0, "applied"), done.out + done.err
    assert set(done.json()["results"]) <= {"applied", "sent"}
    made.settle()
    assert disagreements(made) == []
    assert made.must("audit", "verify", "--json").json()[0]["ok"] is True


def test_every_point_of_a_resync_is_among_them() -> None:
    assert {point for point in POINTS if point.startswith("resync.")} <= set(DEATHS)
