"""Import of a school's own file: what a reader made of it goes into staging, whole or not at all.

The changes enter the change journal as the school's own and travel like any other; a dry run is the same work
without the commit. Reading the file is the connectors' part, done before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from sync_service.domain.audit import Act, AuditEntry
from sync_service.domain.rules.school_year import school_year_of
from sync_service.domain.school_files import ParsedClassReport, ParsedPupilList
from sync_service.engine import import_class_report, import_pupils
from sync_service.engine.context import School, nothing
from sync_service.engine.import_changes import Changes
from sync_service.engine.import_report import FileKind, ImportCounts, ImportReport
from sync_service.engine.ports import Clock
from sync_service.engine.stores import Database, UnitOfWork

__all__ = ["ImportCounts", "ImportReport", "import_parsed"]

LAST_IMPORT = "last_import"
"""Note of the school: when a file, or a person in «Движение», last brought something in, ISO 8601 in UTC."""


def import_parsed(
    db: Database,
    school: School,
    clock: Clock,
    parsed: ParsedPupilList | ParsedClassReport,
    *,
    actor: str,
    file_name: str,
    dry_run: bool = False,
    probe: Callable[[str], None] = nothing,
) -> ImportReport:
    """One transaction for the whole file; nothing is kept of a file that fails, of one that changes nothing, or
    of a dry run. ``actor`` is who imports. A list without a school year is about the one of today.

    Raises FileRejected when the file cannot be used here, and what ``db.write`` raises.
    """
    kind: FileKind = "pupil_list" if isinstance(parsed, ParsedPupilList) else "class_report"
    with db.write(school.school_id, own=False) as uow:
        # Imports of a school stand in line at this row: two that look for one pupil at once would both add the card.
        uow.cursors.put_note(LAST_IMPORT, clock.now().isoformat())
        changes = _write(uow, school, clock, parsed)
        report = changes.report(kind, dry_run=dry_run)
        if dry_run or not report.changed:
            return report
        entry = AuditEntry(
            act=Act.IMPORT, actor=actor, cause=_cause(file_name), items=changes.audit_items(), note=_note(parsed)
        )
        uow.audit.append([entry])
        probe("import.before_commit")
        uow.commit()
    return report


def _write(uow: UnitOfWork, school: School, clock: Clock, parsed: ParsedPupilList | ParsedClassReport) -> Changes:
    if isinstance(parsed, ParsedPupilList):
        changes = Changes(uow, import_pupils.STREAMS, parsed.problems)
        school_year = parsed.school_year
        if school_year is None:
            school_year = school_year_of(clock.today(school.zone))
        import_pupils.import_pupils(uow, changes, parsed, school_year)
    else:
        changes = Changes(uow, import_class_report.STREAMS, parsed.problems)
        import_class_report.import_class_report(uow, changes, parsed)
    return changes


def _cause(file_name: str) -> str:
    """Names the file for whoever has it. A digest, because a file may be called after a pupil, and the header
    of an audit entry is never erased."""
    return f"import:{hashlib.blake2b(file_name.encode(), digest_size=8).hexdigest()}"


def _note(parsed: ParsedPupilList | ParsedClassReport) -> str:
    if isinstance(parsed, ParsedPupilList):
        return f"pupil list, {len(parsed.pupils)} pupils"
    return f"class report, {parsed.class_name}, {parsed.period_from} to {parsed.period_to}"
