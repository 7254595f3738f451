"""Answers as a later version of the region might give them: what was added, and what breaks a reader.

A drift works on one decoded item, or on the whole decoded answer. Which field it concerns follows from the
stream unless a rule names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.ecp.simulator.fields import Json, check_date
from connectors.ecp.simulator.shapes import SHAPES

_CODES = {
    "periods": "periodType",
    "students": "genderCode",
    "guardianships": "relationCode",
    "movements": "movementType",
    "marks": "grade",
    "final-marks": "gradeKind",
    "attendance": "absenceCode",
}
_NUMBERS = {"classes": "parallel", "lessons": "lessonNumber", "marks": "weight"}
LISTS = ("items", "results")  # the key under which an answer lists things
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """``item`` changes one item given the field it is about, ``answer`` the whole answer; one of them is there.

    ``about`` names what kind of field is chosen; a stream without one (no code, say) is left as it is.
    """

    breaking: bool = True
    about: str = "required"
    item: Callable[[Json, str], Any] | None = None
    answer: Callable[[Json, str], Any] | None = None


def _renamed(item: Json, name: str) -> Json:
    return {f"{key}V2" if key == name else key: value for key, value in item.items()}


def _with(change: Callable[[Any], Any]) -> Callable[[Json, str], Json]:
    """Change the value of the field where it is there."""
    return lambda item, name: {**item, name: change(item[name])} if item.get(name) is not None else item


def _without(item: Json, name: str) -> Json:
    return {key: value for key, value in item.items() if key != name}


def _list_key(answer: Json) -> str | None:
    return next((key for key in LISTS if key in answer), None)


def _list_renamed(answer: Json, _: str) -> Json:
    key = _list_key(answer)
    return {("data" if name == key else name): value for name, value in answer.items()}


def _only_the_list(answer: Json, _: str) -> Any:
    key = _list_key(answer)
    return answer if key is None else answer[key]


def _by_id(answer: Json, _: str) -> Json:
    key = _list_key(answer)
    if key is None:
        return answer
    return {**answer, key: {str(place): item for place, item in enumerate(answer[key])}}


def _enveloped(answer: Json, _: str) -> Json:
    return {"status": "ok", "payload": answer}


def _russian(day: str) -> str:
    year, month, rest = day[:4], day[5:7], day[8:]
    return f"{rest[:2]}.{month}.{year}{rest[2:]}"


def _total(change: Callable[[Any], Any]) -> Callable[[Json, str], Json]:
    return lambda answer, _: (
        {**answer, "totalCount": change(answer["totalCount"])} if "totalCount" in answer else answer
    )


DRIFTS: dict[str, Drift] = {
    # additive: a reader goes on
    "added_field": Drift(breaking=False, item=lambda item, _: {**item, "futureField": "новое"}),
    "added_object": Drift(breaking=False, item=lambda item, _: {**item, "futureObject": {"list": [1, None, {}]}}),
    "added_envelope_field": Drift(breaking=False, answer=lambda answer, _: {**answer, "futureEnvelope": {"a": [1]}}),
    "reordered_keys": Drift(breaking=False, item=lambda item, _: dict(reversed(item.items()))),
    # breaking, in every item
    "renamed_field": Drift(item=_renamed),
    "missing_field": Drift(item=_without),
    "null_field": Drift(item=lambda item, name: {**item, name: None}),
    "number_as_text": Drift(about="number", item=_with(str)),
    "number_as_fraction": Drift(about="number", item=_with(lambda value: value + 0.5)),
    "text_as_object": Drift(item=_with(lambda value: {"value": value})),
    "text_as_list": Drift(item=_with(lambda value: [value])),
    "text_as_number": Drift(item=_with(lambda _: 17)),
    "unknown_code": Drift(about="code", item=_with(lambda _: "НОВОЕ_ЗНАЧЕНИЕ")),
    "date_as_russian": Drift(about="date", item=_with(_russian)),
    "date_as_number": Drift(about="date", item=_with(lambda day: int(day[:10].replace("-", "")))),
    "missing_id": Drift(item=lambda item, _: _without(item, "id")),
    "id_as_number": Drift(item=lambda item, _: {**item, "id": int(str(item["id"])[:8], 16)}),
    "snake_case_keys": Drift(
        item=lambda item, _: {_WORD.sub("_", key).lower(): value for key, value in item.items()}
    ),
    "nested_item": Drift(item=lambda item, _: {"id": item["id"], "attributes": _without(item, "id")}),
    "item_as_list": Drift(item=lambda item, _: list(item.values())),
    # breaking, in the answer around them
    "renamed_list": Drift(answer=_list_renamed),
    "list_as_object": Drift(answer=_by_id),
    "bare_list": Drift(answer=_only_the_list),
    "wrapped_answer": Drift(answer=_enveloped),
    "missing_total": Drift(answer=lambda answer, _: _without(answer, "totalCount")),
    "total_as_text": Drift(answer=_total(str)),
    "total_as_null": Drift(answer=_total(lambda _: None)),
}


def field_of(stream: str, about: str) -> str:
    """The field a drift is about in this stream, empty when it has none such."""
    if about == "code":
        return _CODES.get(stream, "")
    if about == "number":
        return _NUMBERS.get(stream, "changeVersion")
    fields = SHAPES[stream].fields
    if about == "date":
        return next((field.name for field in fields if field.check is check_date and field.required), "changedAt")
    return next(field.name for field in fields if field.required)


def drifted_item(stream: str, item: Json, params: Mapping[str, Any]) -> Any:
    """One item after the drift ``params`` names."""
    drift = DRIFTS[params["drift"]]
    return item if drift.item is None else drift.item(item, params.get("field") or field_of(stream, drift.about))


def drifted_answer(answer: Json, params: Mapping[str, Any]) -> Any:
    """The whole answer after the drift ``params`` names."""
    drift = DRIFTS[params["drift"]]
    return answer if drift.answer is None else drift.answer(answer, "")
