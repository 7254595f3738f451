"""What the page says of a hold: its title, the usual limit, and the effect of every button."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sync_service.domain.guards import Limits, Operation, Way
from sync_service.domain.holds import VALID_FOR, HoldState
from sync_service.domain.streams import Stream
from sync_service.engine import queries_words as words
from sync_service.engine.queries_holds import HoldRow

_IN: dict[str, str] = {
    Stream.ORGANIZATIONS: "организациях",
    Stream.PERIODS: "учебных периодах",
    Stream.CLASSES: "классах",
    Stream.SUBJECTS: "предметах",
    Stream.LESSONS: "уроках",
    Stream.STUDENTS: "карточках учеников",
    Stream.GUARDIANS: "карточках родителей",
    Stream.GUARDIANSHIPS: "связях с родителями",
    Stream.MOVEMENTS: "движении",
    Stream.MARKS: "отметках",
    Stream.FINAL_MARKS: "итоговых отметках",
    Stream.ATTENDANCE: "пропусках",
}
_WHAT: dict[str, tuple[str, str, str]] = {
    Operation.CREATE: ("новая запись", "новые записи", "новых записей"),
    Operation.UPDATE: ("изменение", "изменения", "изменений"),
    Operation.DELETE: ("удаление", "удаления", "удалений"),
}
_MANY: dict[str, str] = {
    Operation.CREATE: "Новых записей",
    Operation.UPDATE: "Изменений",
    Operation.DELETE: "Удалений",
}
_UNTOUCHED: dict[str, str] = {
    Operation.CREATE: "Ничего не добавлено",
    Operation.UPDATE: "Ничего не изменено",
    Operation.DELETE: "Ничего не удалено",
}
_LET_GO: dict[str, str] = {
    Operation.CREATE: "Добавить",
    Operation.UPDATE: "Изменить",
    Operation.DELETE: "Удалить",
}
_DISCARD: dict[tuple[str, str], str] = {
    (Way.PUSH, Operation.DELETE): "Не удалять, вернуть в базу школы",
    (Way.PUSH, Operation.UPDATE): "Не отправлять в ГИС",
    (Way.PUSH, Operation.CREATE): "Не отправлять в ГИС",
    (Way.PULL, Operation.DELETE): "Не удалять, оставить в школе",
    (Way.PULL, Operation.UPDATE): "Не менять в школе",
    (Way.PULL, Operation.CREATE): "Не добавлять в школу",
}
_SOURCE: dict[str, str] = {Way.PUSH: "Прочитать базу школы ещё раз", Way.PULL: "Проверить ГИС ещё раз"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldWords:
    """Sentences about one hold. ``let_go`` is the verb of the main button, ``promise`` what has not happened."""

    title: str
    over: str
    promise: str
    usual: str
    let_go: str
    discard: str
    recheck: str


def hold_words(row: HoldRow, limits: Limits, zone: str) -> HoldWords:
    """``limits`` are those of the installation; the day the hold was opened chooses among them."""
    return HoldWords(
        title=hold_title(row),
        over=f"{_MANY[row.operation]} больше обычного.",
        promise=f"{_UNTOUCHED[row.operation]}, пока вы не решите.",
        usual=_usual(row, limits, zone),
        let_go=_LET_GO[row.operation],
        discard=_DISCARD[row.direction, row.operation],
        recheck=_SOURCE[row.direction],
    )


def hold_title(row: HoldRow) -> str:
    """«14 удалений в отметках», «30 изменений в карточках учеников: Телефон»."""
    field = f": {words.FIELDS.get(row.field, row.field)}" if row.field else ""
    what = words.plural(row.records, *_WHAT[row.operation])
    return f"{row.records} {what} в {_IN[row.stream]}{field}"


def hold_detail(row: HoldRow, names: Mapping[str, str]) -> str:
    """«Удалений больше обычного. Ничего не удалено, пока вы не проверите.» ``names``: login → name."""
    if row.state == HoldState.SECONDING and row.first_by:
        first = names.get(row.first_by, row.first_by)
        return f"Первое слово: {first}. Должен подтвердить второй человек. {_UNTOUCHED[row.operation]}."
    return f"{_MANY[row.operation]} больше обычного. {_UNTOUCHED[row.operation]}, пока вы не проверите."


def awaits_second(row: HoldRow, now: datetime) -> bool:
    """Whether the first word about a deletion still counts."""
    if row.state != HoldState.SECONDING or row.first_at is None:
        return False
    return now - datetime.fromisoformat(row.first_at) < VALID_FOR


def reversible(row: HoldRow) -> bool:
    """Whether a decision may still be taken back. What a discard has put into the school's base stays there."""
    stays = row.direction == Way.PUSH and (
        row.operation == Operation.DELETE or (row.operation == Operation.CREATE and row.stream == Stream.STUDENTS)
    )
    match row.state:
        case HoldState.SECONDING | HoldState.RELEASED:
            return True
        case HoldState.DISCARDED:
            return not stays
        case _:
            return False


def _usual(row: HoldRow, limits: Limits, zone: str) -> str:
    opened = datetime.fromisoformat(row.opened_at) if row.opened_at else None
    chosen = limits.on(opened.astimezone(ZoneInfo(zone)).date()) if opened else limits
    limit = chosen.of(Operation(row.operation))
    allowed = int(limit.allowed(row.total))
    if not allowed:
        return "Без вопроса не проходит ни одно."
    if allowed > limit.at_least:
        return f"Обычно за сутки не больше {allowed} ({limit.percent:g}\u00a0% от\u00a0{row.total})."
    return f"Обычно за сутки не больше {allowed}; всего записей {row.total}."
