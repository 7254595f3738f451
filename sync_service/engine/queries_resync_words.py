"""The Russian words of a resync: what a plan is for, what happens to a record, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync_service.domain.plans import ItemResult, PlanAct, PlanKind, PlanState, Target, Why
from sync_service.domain.streams import Stream
from sync_service.engine import queries_words

PLAN_KINDS: dict[str, str] = {
    PlanKind.COMPARE: "сверка заново",
    PlanKind.ACCEPT_GIS: "принять сторону ГИС",
    PlanKind.ACCEPT_LOCAL: "принять сторону школы",
}

EXPIRED = "expired"  # a state nobody writes down: the clock makes it
PLAN_STATES: dict[str, str] = {
    PlanState.PLANNED: "составлен",
    PlanState.APPLYING: "выполняется",
    PlanState.APPLIED: "выполнен",
}
EXPIRED_TEXT = "просрочен"

PLAN_ACTS: dict[str, str] = {
    PlanAct.CREATE_HERE: "завести в школе",
    PlanAct.LINK: "связать",
    PlanAct.UPDATE_HERE: "изменить в школе",
    PlanAct.FILL_HERE: "дополнить в школе",
    PlanAct.SEND_CREATE: "создать в ГИС",
    PlanAct.SEND_UPDATE: "изменить в ГИС",
    PlanAct.CONFLICT: "спросить: расхождение",
    PlanAct.DELETION_QUESTION: "спросить: удалено на одной стороне",
    PlanAct.MATCH_QUESTION: "спросить: возможный двойник",
    PlanAct.CLOSE_CONFLICT: "закрыть сошедшееся расхождение",
    PlanAct.DECIDE: "решить расхождение",
    PlanAct.AGREE: "запомнить согласие",
}

TARGETS: dict[str, str] = {
    Target.SCHOOL: "в школе",
    Target.GIS: "в ГИС",
    Target.ASK: "решит человек",
}

WHY: dict[str, str] = {
    Why.CREATE: "новая запись",
    Why.UPDATE: "изменилось на другой стороне",
    Why.FILL: "было пусто",
    Why.OWNER: "поле ведёт ГИС",
    Why.DECISION: "принята сторона целиком",
    Why.CLASH: "стороны расходятся",
}

RESULTS: dict[str, str] = {
    ItemResult.QUEUED: "в очереди",
    ItemResult.APPLIED: "внесено",
    ItemResult.SENT: "принято ГИС",
    ItemResult.DRIFTED: "изменилось с тех пор",
    ItemResult.REFUSED: "не принято",
}

LEFT: dict[str, str] = {
    "unreadable": "не читаются (карантин)",
    "missing": "связаны, но ГИС их не перечислила",
    "inventory": "нужна сверка всего потока",
    "under_way": "сейчас отправляются или задержаны",
    "undoing": "отменяется решение",
    "deletion": "удалены на одной стороне",
    **{f"waiting_{reason}": text for reason, text in queries_words.WAITING.items()},
}


def result(stored: str | None) -> str:
    """What became of an item, in words; a dash while nothing has."""
    if stored is None:
        return queries_words.NOTHING
    name, _, code = stored.partition(":")
    reason = LEFT.get(code, code)
    return f"{RESULTS[name]} ({reason})" if reason else RESULTS[name]


def title(kind: str, scope: Mapping[str, Any]) -> str:
    """«сверка заново: Отметки», of a scope as a plan in a list has it."""
    return f"{PLAN_KINDS[kind]}: {scope_text(scope)}"


def scope_text(scope: Mapping[str, Any]) -> str:
    """«всё», «Отметки, Пропуски», «с 01.09.2026 по 12.09.2026», «Ученики, 17»."""
    streams = ", ".join(queries_words.STREAMS[name] for name in scope["streams"])
    if scope["record"] is not None:
        return f"{streams}, {scope['record'].partition(':')[2]}"
    if scope["since"] is not None:
        last = f" по {queries_words.day(scope['until'])}" if scope["until"] else ""
        return f"с {queries_words.day(scope['since'])}{last}"
    return "всё" if len(scope["streams"]) == len(Stream) else streams


def state(name: str) -> str:
    """The state of a plan in a word; one that nobody wrote down is «просрочен»."""
    return PLAN_STATES.get(name, EXPIRED_TEXT)
