"""The virtual environment of the peers, made on first use from ``benchmarks/requirements-peers.lock``."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import ROOT

LOCK = ROOT / "benchmarks" / "requirements-peers.lock"
FOLDER = ROOT / ".venv" / "peers"


def peers_python(folder: Path = FOLDER) -> Path:
    """The interpreter of an environment that holds exactly what the lock names; made anew when the lock changes."""
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    python, ready = folder / "bin" / "python", folder / "ready"
    if ready.exists() and ready.read_text(encoding="ascii") == wanted:
        return python
    print("making the environment of the peers …", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    install = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--require-hashes"]
    subprocess.run([*install, "-r", str(LOCK)], check=True)
    ready.write_text(wanted, encoding="ascii")
    return python
