"""Hand out everything that is stored about one pupil (152-ФЗ, article 14): a ZIP of JSON and of tables.

Tables keep the names of the database; docs/operations.md says what each holds. That somebody took it is in the
journal before anything is given.
"""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from io import BytesIO, StringIO
from typing import Any

from sync_service.domain.audit import Act, AuditItem
from sync_service.domain.errors import NoSuchCase
from sync_service.domain.links import LocalId
from sync_service.domain.rules.text import plain_cell
from sync_service.domain.streams import Stream
from sync_service.engine.decisions import Desk, journal

CAUSE = "subject-export"


def export_subject(desk: Desk, student_id: LocalId) -> bytes:
    """The ZIP. Raises NoSuchCase when the school has no such pupil."""
    with desk.db.write(desk.school.school_id) as uow:
        if not uow.staging.rows(Stream.STUDENTS, [student_id]):
            raise NoSuchCase(f"Ученик {student_id}: нет такой записи. Найдите ученика снова.")
        item = AuditItem(stream=Stream.STUDENTS, act=Act.VIEW, local_id=student_id, student_id=int(student_id))
        journal(uow, desk, Act.VIEW, CAUSE, stream=Stream.STUDENTS, items=(item,), note="everything stored")
        uow.commit()
    with desk.db.read(desk.school.school_id) as uow:  # the entry above is part of what is stored
        return packed(uow.subjects.everything(student_id))


def packed(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    """``data.json`` with everything, and one CSV per table for a spreadsheet."""
    out = BytesIO()
    plain = {
        name: [{key: _plain(value) for key, value in row.items()} for row in rows] for name, rows in tables.items()
    }
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", json.dumps(plain, ensure_ascii=False, indent=2))
        for name, rows in plain.items():
            archive.writestr(f"{name}.csv", _csv(rows))
    return out.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (bytes, memoryview)):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            return bytes(value).hex()
    return value


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(rows[0])
    writer.writerows([["" if value is None else plain_cell(str(value)) for value in row.values()] for row in rows])
    return "\ufeff" + text.getvalue()
