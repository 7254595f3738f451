"""The named points of a run, read from the code, so that tests know of a new one from the day it is written."""

from __future__ import annotations

import re
from pathlib import Path

import sync_service

_CALL = re.compile(r'\bprobe\(\s*"([^"]+)"')

POINTS = sorted(
    {
        point
        for path in Path(sync_service.__file__).parent.rglob("*.py")
        for point in _CALL.findall(path.read_text(encoding="utf-8"))
    }
)
