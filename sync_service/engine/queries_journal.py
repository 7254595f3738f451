"""The journal as people read it: who saw or changed which pupil, when."""

from __future__ import annotations

from dataclasses import dataclass

from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.engine.queries_captions import load_captions
from sync_service.engine.stores import Database

ACTS = {
    "link": "связаны записи",
    "agree": "сверено: совпадает",
    "pull": "записано из ГИС",
    "ack": "ГИС приняла",
    "create": "новая запись из ГИС",
    "delete": "удалено",
    "conflict": "замечено расхождение",
    "decide": "решено",
    "undo": "решение отменено",
    "match": "решено о двойниках",
    "release": "не отчислен: шаг",
    "import": "загружен файл",
    "enter": "внесено на странице",
    "view": "просмотр",
    "erase": "данные ученика уничтожены",
    "configure": "настройка",
    "mixed": "сверка",
}
_NAMES_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """One entry. ``who`` are names of the first pupils, ``more`` how many follow; ``at`` is ISO 8601 in UTC."""

    seq: int
    at: str
    actor: str
    act: str
    act_text: str
    cause: str
    note: str
    records: int
    students: tuple[int, ...]
    who: tuple[str, ...]
    more: int


def journal_rows(
    db: Database,
    school: School,
    *,
    before: int | None = None,
    limit: int = 50,
    actor: str | None = None,
    student: int | None = None,
    run: str | None = None,
    names: int = _NAMES_SHOWN,
) -> list[JournalRow]:
    """Entries, newest first; of one person, about one pupil, of one run."""
    with db.read(school.school_id) as uow:
        rows = uow.audited.page(before=before, limit=limit, actor=actor, student=student, cause=run)
        shown = {LocalId(pupil) for row in rows for pupil in row.students[:names]}
        captions = load_captions(uow, {Stream.STUDENTS: shown})
    return [
        JournalRow(
            seq=row.seq,
            at=row.at.isoformat(),
            actor=row.actor,
            act=row.act,
            act_text=ACTS.get(row.act, row.act),
            cause=row.cause,
            note=row.note,
            records=row.records,
            students=row.students,
            who=tuple(captions.pupil(pupil) for pupil in row.students[:names]),
            more=max(0, len(row.students) - names),
        )
        for row in rows
    ]
