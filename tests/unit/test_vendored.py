"""Files of others are what they were when they were taken in, and none is there without its origin."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

WEB = Path(__file__).parents[2] / "sync_service" / "web"


def test_every_vendored_file_is_the_one_that_was_taken() -> None:
    """Its sum, its source with a version, and its licence beside it; every font and foreign script is listed."""
    listed = tomllib.loads((WEB / "VENDORED.toml").read_text(encoding="utf-8"))["files"]
    for one in listed:
        assert hashlib.sha256((WEB / one["path"]).read_bytes()).hexdigest() == one["sha256"], one["path"]
        assert any(figure.isdigit() for figure in one["source"])
        _, _, licence = one["licence"].partition(", ")
        assert not licence or (WEB / licence).exists(), one["licence"]
    foreign = {p for kind in ("*.woff2", "*.ttf", "*.min.js") for p in WEB.rglob(kind)}
    assert foreign == {WEB / one["path"] for one in listed}
