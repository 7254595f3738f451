"""Dying at a named point: only when asked, at the passing asked for."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sync_service.crash_probe import VARIABLE, crash_probe
from sync_service.domain.errors import ConfigError

SCRIPT = """
import os
from sync_service.crash_probe import crash_probe
probe = crash_probe(os.environ)
for number in range(3):
    print(number, flush=True)
    probe("push.before_send")
    probe("push.after_send")
"""


def test_without_the_variable_there_is_no_probe() -> None:
    """Users never meet it."""
    assert crash_probe({}) is None


@pytest.mark.parametrize(("wanted", "reached"), [("push.after_send", "0\n"), ("push.after_send:3", "0\n1\n2\n")])
def test_the_process_dies_at_the_passing_asked_for(wanted: str, reached: str) -> None:
    """By SIGKILL: nothing is tidied up, as in a power failure."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={VARIABLE: wanted},
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, reached)


@pytest.mark.parametrize("wanted", [":2", "push.after_send:0", "push.after_send:x"])
def test_a_malformed_wish_is_refused(wanted: str) -> None:
    """A kill test that never kills would prove nothing."""
    with pytest.raises(ConfigError, match=VARIABLE):
        crash_probe({VARIABLE: wanted})
