"""Answers that are JSON and yet not what the contract says: another shape, or single items out of form."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from connectors.ecp.simulator.schema_drift import LISTS

Broken = Callable[[Any, random.Random], Any]
NEEDED = (*LISTS, "totalCount", "pageSize", "streams", "accessToken", "refreshToken")  # what a reader must look at
_UNREAD = frozenset({"changedAt", "clientRef", "workType", "teacherName"})  # a reader may pass over these
_HUGE = 2**70
_VALUES: tuple[Any, ...] = (None, True, -1, 0.5, _HUGE, "text", "", [], [[]], {"a": 1})
_CONTROLS = ("\0", "\x1b[31m", "\u202e", "\x7f", "\ufffe")


def _strangers(value: Any) -> list[Any]:
    """Values of another type than the given one; of a number also one that no database takes."""
    huge = [_HUGE] if type(value) is int else []
    return [other for other in _VALUES if type(other) is not type(value)] + huge


def _key(answer: Any, source: random.Random) -> str:
    """A key of the answer that a reader needs; of a single item its id."""
    if not isinstance(answer, dict):
        return "items"
    return source.choice([key for key in NEEDED if key in answer] or ["id"])


def _lost_key(answer: Any, source: random.Random) -> Any:
    lost = _key(answer, source)
    return {key: value for key, value in answer.items() if key != lost} if lost in answer else {}


def _key_of_other_type(answer: Any, source: random.Random) -> Any:
    key = _key(answer, source)
    return {**answer, key: source.choice(_strangers(answer.get(key)))}


def _error_as_answer(_answer: Any, source: random.Random) -> Any:
    return source.choice(
        (
            {"issue": [{"severity": "error", "code": "internal", "details": "Ошибка", "path": None}]},
            {"error": "internal", "status": 500},
            {"success": False},
        )
    )


SHAPES: dict[str, Broken] = {
    "answer_null": lambda _answer, _source: None,
    "answer_flag": lambda _answer, source: source.random() < 0.5,
    "answer_number": lambda _answer, source: source.randrange(-1_000, 1_000),
    "answer_text": lambda _answer, source: f"text {source.randrange(1_000)}",
    "answer_list": lambda answer, source: source.choice(([], [answer], [1, 2])),
    "answer_empty": lambda _answer, _source: {},
    "lost_key": _lost_key,
    "key_of_other_type": _key_of_other_type,
    "error_as_answer": _error_as_answer,
}


def _one(change: Callable[[Any, random.Random], Any]) -> Broken:
    """Change one item of the list, the item itself where the answer is one, the shape where there is none."""

    def put(answer: Any, source: random.Random) -> Any:
        key = next((name for name in LISTS if name in answer), None)
        if key is None and "id" in answer:
            return change(answer, source)
        if key is None or not answer[key]:
            return _lost_key(answer, source)
        items = list(answer[key])
        place = source.randrange(len(items))
        items[place] = change(items[place], source)
        return {**answer, key: items}

    return put


def _name_of(item: Any) -> str:
    """The key by which a reader tells what an item is about."""
    return next((key for key in ("id", "ref", "clientRef") if key in item), "id")


def _ids(*choices: Any) -> Callable[[Any, random.Random], Any]:
    return lambda item, source: {**item, _name_of(item): source.choice(choices)}


def _nameless(item: Any, _: random.Random) -> Any:
    lost = _name_of(item)
    return {key: value for key, value in item.items() if key != lost}


def _meta(item: Any, source: random.Random) -> Any:
    name = source.choice([key for key in ("version", "changeVersion", "deleted") if key in item] or [_name_of(item)])
    odd = [value for value in _strangers(item.get(name)) if value is not None]
    return {**item, name: source.choice(odd)}


def _field(item: Any, source: random.Random) -> Any:
    """A field that holds something gets a value of another type."""
    filled = [key for key, value in item.items() if value is not None and key not in _UNREAD]
    name = source.choice(filled)
    odd = [value for value in _strangers(item[name]) if value is not None and value != ""]
    return {**item, name: source.choice(odd)}


def _text(change: Callable[[str, random.Random], str]) -> Callable[[Any, random.Random], Any]:
    """Change a field that holds text."""

    def put(item: Any, source: random.Random) -> Any:
        name = source.choice([key for key, value in item.items() if isinstance(value, str) and key not in _UNREAD])
        return {**item, name: change(item[name], source)}

    return put


ITEMS: dict[str, Broken] = {
    "item_null": _one(lambda _item, _source: None),
    "item_scalar": _one(lambda _item, source: source.choice((0, 1.5, True, "text", ""))),
    "item_list": _one(lambda item, source: source.choice(([], [item], list(item)))),
    "item_empty": _one(lambda _item, _source: {}),
    "item_without_id": _one(_nameless),
    "item_id": _one(_ids(None, 17, True, [], {}, 0.5)),
    "item_meta": _one(_meta),
    "item_field": _one(_field),
    "item_control": _one(_text(lambda text, source: text[:1] + source.choice(_CONTROLS) + text[1:])),
    "item_long": _one(_text(lambda text, source: text + "я" * source.choice((5_000, 100_000)))),
}
