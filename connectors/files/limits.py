"""How large a school's file may be before it is refused unread."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """Upper bounds, all inclusive. The defaults hold a school of several thousand pupils many times over."""

    max_bytes: int = 20 * 1024 * 1024
    max_unpacked_bytes: int = 200 * 1024 * 1024
    """Sum over all parts of a workbook: what a zip bomb would exceed."""
    max_parts: int = 2_000
    max_rows: int = 100_000
    max_columns: int = 500
    max_cells: int = 4_000_000
    """Rows × columns of the used area of one sheet: readers hold it in memory whole."""


DEFAULT_LIMITS = FileLimits()
