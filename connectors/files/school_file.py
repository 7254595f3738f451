"""One door for any file a school brings: tells what it is and reads it."""

from __future__ import annotations

from datetime import date

from connectors.files.class_report import is_class_report, report_of
from connectors.files.limits import DEFAULT_LIMITS, FileLimits
from connectors.files.pupil_list import pupils_of
from connectors.files.tables import read_table
from sync_service.domain.school_files import ParsedClassReport, ParsedPupilList


def read_school_file(
    content: bytes, *, file_name: str, today: date, limits: FileLimits = DEFAULT_LIMITS
) -> ParsedPupilList | ParsedClassReport:
    """The pupil list or class report that the content is; `FileRejected` when it is neither.

    `file_name` serves only to name the class of a list without a class column; `today` is the day in the
    school's zone.
    """
    table = read_table(content, limits)
    if is_class_report(table):
        return report_of(table)
    return pupils_of(table, file_name=file_name, today=today)
