"""Database files of our school in a chosen state, from which measured processes take copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.measuring import run
from benchmarks.region import DATE, Region

# Every stream but marks, parents first. Names, so that the parent process imports nothing heavy.
BEFORE_MARKS = (
    "organizations",
    "periods",
    "classes",
    "subjects",
    "lessons",
    "students",
    "guardians",
    "guardianships",
    "movements",
    "final_marks",
    "attendance",
)


def job_of(region: Region, file: Path) -> dict[str, Any]:
    """What every job of a region names; fresh tokens, which take the place of those in the file."""
    return {
        "url": region.url,
        "organization": region.organization,
        "tokens": region.tokens(),
        "date": DATE,
        "file": str(file),
    }


def school_without_marks(region: Region, folder: Path) -> Path:
    """A database that agrees with the region on everything but the marks, of which it has none."""
    file = folder / "without-marks.sqlite"
    if not file.exists():
        run("benchmarks.work", {**job_of(region, file), "task": "pull", "streams": list(BEFORE_MARKS)})
    return file


def full_school(region: Region, folder: Path) -> Path:
    """A database that agrees with the region on everything."""
    file = folder / "full.sqlite"
    if not file.exists():
        run("benchmarks.work", {**job_of(region, file), "task": "pull", "streams": [*BEFORE_MARKS, "marks"]})
    return file
