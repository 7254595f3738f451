"""``ecp-sync run`` as its users meet it: real processes, a real region on a socket, signals and kills."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sync_service.bootstrap import Service
from sync_service.config import load_settings
from sync_service.domain.streams import Stream
from tests.acceptance.processes import (
    Installation,
    Process,
    Simulator,
    installation,
    simulator,
    wait_for,
)

STREAMS = 12
PROMPT = 20.0  # seconds; the promise of a graceful stop is 30
SLOW_PAGES = {"kind": "slow", "match": {"route": "page"}, "params": {"seconds": 1.0}}
CONFIG = """
database_url = "sqlite:///school.sqlite"

[schedule]
heartbeat = {heartbeat}
{schedule}

[web]
port = 0
"""
SCHOOL = """
[[schools]]
code = "school-{number}"
name = "Школа № {number}"
organization_id = "{organization}"
base_url = "{url}"
page_size = 100
"""

Install = Callable[..., Installation]


@pytest.fixture
def region() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture
def install(region: Simulator, tmp_path: Path) -> Iterator[Install]:
    """Makes an installation with a database, its first ``schools`` schools of the region, logged in or not."""
    with ExitStack() as stack:

        def make(
            *, schools: int = 1, schedule: str = "", heartbeat: float = 1.0, log_in: bool = True
        ) -> Installation:
            parts = [CONFIG.format(schedule=schedule, heartbeat=heartbeat)]
            parts += [
                SCHOOL.format(number=number, organization=one["id"], url=region.url)
                for number, one in enumerate(region.organizations[:schools], start=1)
            ]
            made = stack.enter_context(installation(tmp_path, "".join(parts)))
            with Service.open(load_settings(made.config), create=True) as service:
                if log_in:
                    for school, one in zip(service.schools(), region.organizations, strict=False):
                        service.db.connection(school.school_id).save(None, one["refreshToken"])
            return made

        yield make


def enter_token(made: Installation, token: str) -> None:
    """What a person does when the daemon asks for it."""
    made.must("connection", "login", "--school", "school-1", stdin=f"{token}\n")


def faults(region: Simulator, *rules: dict[str, Any]) -> None:
    region.admin("POST", "faults", {"rules": list(rules)})


def runs(made: Installation) -> list[dict[str, Any]]:
    """Reports of the school's runs, newest first."""
    found: list[dict[str, Any]] = made.must("runs", "list", "--json").json()
    return found


def pages_read(region: Simulator) -> int:
    counted = region.admin("GET", "counters")["requests"]
    return sum(count for name, count in counted.items() if name.startswith("GET page"))


def held_up(region: Simulator) -> int:
    """Requests that met the slow fault, those included that still wait in it."""
    return int(region.admin("GET", "counters")["faultsFired"].get("slow", 0))


def records(region: Simulator) -> int:
    """Live records of our school in the region, over all streams."""
    (ours, *_) = region.admin("GET", "state")["organizations"]
    return sum(stream["live"] for stream in ours["streams"].values())


def test_it_synchronises_at_the_start_and_ends_on_sigterm(region: Simulator, install: Install) -> None:
    """Everything is read, the events are JSON without anybody's name, and SIGTERM ends it with 0."""
    made = install()
    daemon = made.start("run")
    finished = daemon.wait_for_event("run_finished")
    assert (finished["status"], finished["count"], finished["trigger"]) == ("succeeded", STREAMS, "start")
    assert finished["received"] == finished["applied"] == records(region)
    daemon.terminate()
    assert daemon.wait(PROMPT) == 0
    assert [event["event"] for event in daemon.events()] == [
        "daemon_started",
        "page_started",
        "run_finished",
        "daemon_stopped",
    ]
    assert len(daemon.events()) == len(daemon.err), "every line of the log is one JSON document"
    for person in region.admin("GET", "dump", {"stream": "students"})["items"]:
        assert person["lastName"] not in daemon.words()


def test_changes_of_the_region_arrive_on_schedule(region: Simulator, install: Install) -> None:
    """A stream on an interval of one second is read again without anybody asking."""
    made = install(schedule="intervals = { subjects = 1 }")
    daemon = made.start("run")
    daemon.wait_for_event("run_finished")
    region.admin("POST", "create", {"stream": "subjects", "items": [{"name": "Астрономия"}]})
    wait_for(lambda: any(event["applied"] == 1 for event in daemon.events("run_finished")[1:]), "the new subject")
    assert {event["trigger"] for event in daemon.events("run_finished")[1:]} == {"schedule"}


def test_a_second_daemon_exits_with_11_within_a_second(region: Simulator, install: Install) -> None:
    """The first one goes on."""
    made = install()
    first = made.start("run")
    first.wait_for_event("daemon_started")
    refused = made.run("run")
    assert refused.code == 11
    # A busy machine stretches the clock on the wall; it never waited, and its work fits into the second.
    assert refused.cpu_seconds < 1.0
    assert refused.seconds < 5.0
    first.wait_for_event("run_finished")
    assert first.is_running


def test_a_killed_daemon_leaves_the_way_free(region: Simulator, install: Install) -> None:
    """After SIGKILL in mid-sync the next one takes over the leases, closes the row and reads the rest once."""
    made = install(heartbeat=0.3)
    faults(region, SLOW_PAGES)
    first = made.start("run")
    wait_for(lambda: pages_read(region) >= 3, "a run under way")
    first.kill()
    first.wait()
    faults(region)
    finished = made.start("run").wait_for_event("run_finished")
    assert finished["status"] == "succeeded"
    assert finished["received"] < records(region), "pages that were durable are not read again"
    assert [run["status"] for run in runs(made)] == ["succeeded", "interrupted"]
    assert staged(made) == records(region)


def staged(made: Installation) -> int:
    """Rows of staging over all streams."""
    connection = sqlite3.connect(made.folder / "school.sqlite")
    counts = [connection.execute(f"SELECT count(*) FROM {stream.value}").fetchone()[0] for stream in Stream]
    connection.close()
    return sum(counts)


def test_sigterm_in_mid_sync_stops_at_a_page(region: Simulator, install: Install) -> None:
    """Exit 0 in good time with an interrupted run on record; the next start goes on from there."""
    made = install()
    faults(region, SLOW_PAGES)
    daemon = made.start("run")
    wait_for(lambda: pages_read(region) >= 3, "a run under way")
    daemon.terminate()
    assert daemon.wait(PROMPT) == 0
    assert daemon.events("daemon_stopped")[0]["status"] == "complete"
    assert [run["status"] for run in runs(made)] == ["interrupted"]
    faults(region)
    finished = made.start("run").wait_for_event("run_finished")
    assert finished["received"] < records(region)
    assert staged(made) == records(region)


def test_a_region_that_does_not_answer_cannot_keep_the_process_alive(region: Simulator, install: Install) -> None:
    """A request hangs longer than the stop may take: the process ends with 0, the next start takes over."""
    made = install(heartbeat=0.3)
    faults(region, {"kind": "slow", "match": {"route": "page"}, "params": {"seconds": 25}})
    script = (
        "from pathlib import Path; from sync_service.config import load_settings;"
        "from sync_service.daemon import run_daemon; from sync_service.logs import configure_logging;"
        "configure_logging('info'); settings = load_settings(Path('config.toml'));"
        "raise SystemExit(run_daemon(settings, stop_seconds=0.5))"
    )
    process = Process.of((sys.executable, "-c", script), cwd=made.folder)
    try:
        wait_for(lambda: held_up(region), "a request that hangs")
        process.terminate()
        assert process.wait(PROMPT) == 0
        assert process.events("daemon_stopped")[0]["status"] == "left a run that could not stop"
    finally:
        process.close()
    faults(region)
    assert made.start("run").wait_for_event("run_finished")["status"] == "succeeded"
    assert [run["status"] for run in runs(made)] == ["succeeded", "interrupted"]


def test_it_waits_for_a_login_and_recovers_by_itself(region: Simulator, install: Install) -> None:
    """Without a token nothing is asked of the region; once a person enters one, everything is read at once."""
    made = install(log_in=False)
    daemon = made.start("run")
    assert "connection login" in daemon.wait_for_event("login_needed")["remedy"]
    assert region.requests() == 0
    enter_token(made, region.organizations[0]["refreshToken"])
    finished = daemon.wait_for_event("run_finished")
    assert (finished["status"], finished["trigger"], finished["count"]) == ("succeeded", "login", STREAMS)


def test_a_rejected_token_causes_no_storm(region: Simulator, install: Install) -> None:
    """One school's token dies: its cycles stop after one rejection while the other school's go on; a new token
    brings it back."""
    made = install(schools=2, schedule="intervals = { subjects = 1 }")
    daemon = made.start("run")

    def finished(number: int) -> list[dict[str, Any]]:
        return [event for event in daemon.events("run_finished") if event["school"] == f"school-{number}"]

    wait_for(lambda: finished(1) and finished(2), "the first run of both schools")
    fresh = region.admin("POST", "tokens/issue", {})["refreshToken"]
    ours = region.organizations[0]["id"]
    region.admin("POST", "tokens/expire", {"organizationId": ours})
    daemon.wait_for_event("login_needed")
    refused = region.admin("GET", "counters")["statuses"]["401"]
    others, own = len(finished(2)), len(finished(1))
    wait_for(lambda: len(finished(2)) >= others + 3, "three more runs of the other school")
    assert region.admin("GET", "counters")["statuses"]["401"] == refused
    assert len(finished(1)) == own
    enter_token(made, fresh)
    wait_for(lambda: len(finished(1)) > own, "the school that was out")
    assert finished(1)[own]["status"] == "succeeded"


def test_a_sync_beside_a_busy_daemon_exits_with_11(region: Simulator, install: Install) -> None:
    """It waits as long as it takes to see that the daemon's run lives, then gives up."""
    made = install(heartbeat=0.5)
    faults(region, {**SLOW_PAGES, "params": {"seconds": 5.0}})
    daemon = made.start("run")
    wait_for(lambda: held_up(region), "a run under way")
    assert made.run("sync", "--json").code == 11
    assert daemon.is_running


def test_a_sync_beside_an_idle_daemon_runs(region: Simulator, install: Install) -> None:
    """Leases are free between the daemon's cycles."""
    made = install()
    daemon = made.start("run")
    daemon.wait_for_event("run_finished")
    assert made.must("sync", "--json").json()["status"] == "succeeded"


def test_nothing_starts_in_a_blackout(region: Simulator, install: Install) -> None:
    """A window over the whole day: the daemon is up and asks nothing; ``status`` promises no run."""
    made = install(schedule='blackouts = ["00:00-00:00"]\nintervals = { subjects = 1 }')
    region.admin("POST", "reset-counters")
    daemon = made.start("run")
    daemon.wait_for_event("daemon_started")
    (school,) = made.must("status", "--json").json()["schools"]
    assert not any(stream["next_run_at"] for stream in school["streams"].values())
    daemon.terminate()
    assert daemon.wait(PROMPT) == 0
    assert region.requests() == 0


def test_status_promises_the_next_run_while_the_daemon_lives(region: Simulator, install: Install) -> None:
    """With the daemon gone nobody keeps the schedule, and the promise is withdrawn."""
    made = install()

    def promised() -> list[Any]:
        (school,) = made.must("status", "--json").json()["schools"]
        return [stream["next_run_at"] for stream in school["streams"].values()]

    daemon = made.start("run")
    daemon.wait_for_event("run_finished")
    wait_for(lambda: all(promised()), "the promise of the next runs")
    daemon.terminate()
    assert daemon.wait(PROMPT) == 0
    assert not any(promised())
