"""Find a pupil by the beginning of the family name or by СНИЛС; the query never stands in an address."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sync_service.domain.links import LocalId
from sync_service.domain.policies import folded
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.engine.queries_captions import load_captions, person_name
from sync_service.engine.stores import Database

MOST_FOUND = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPupil:
    student_id: int
    caption: str
    linked: bool


def find_pupils(db: Database, school: School, query: str) -> list[FoundPupil]:
    """Up to 50 pupils; a query of digits is a СНИЛС, else the beginning of «Фамилия Имя»."""
    digits = re.sub(r"\D", "", query)
    wanted = str(folded(" ".join(query.split())))
    if not wanted:
        return []
    with db.read(school.school_id) as uow:
        if len(digits) == 11:
            rows = uow.staging.where(Stream.STUDENTS, "snils", [digits])
        else:
            every = uow.staging.all_rows(Stream.STUDENTS)
            rows = {i: row for i, row in every.items() if str(folded(person_name(row))).startswith(wanted)}
        ids = sorted(rows, key=lambda i: person_name(rows[i]))[:MOST_FOUND]
        captions = load_captions(uow, {Stream.STUDENTS: set(ids)})
        linked = uow.links.remote_ids(Stream.STUDENTS, ids)
    return [FoundPupil(student_id=i, caption=captions.pupil(i), linked=LocalId(i) in linked) for i in ids]
