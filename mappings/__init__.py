"""Mapping tables: how each regional system writes what we mean. Data first, code only where data ends.

``ecp/*.toml`` hold one table per stream, ``codes/*.toml`` the code tables, ``files/*.toml`` the column names of
school exports. :func:`load_mappings` compiles them; a real specification is a new table, not new code.
"""

from mappings.mapping import RecordMapping
from mappings.tables import Mappings, load_mappings

__all__ = ["Mappings", "RecordMapping", "load_mappings"]
