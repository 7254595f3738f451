"""What is wrong with a record in quarantine, in the words of the school: fields by their captions, no names of the
region's fields and of code tables. Those stand in ``QuarantineGroup.reason`` for whoever keeps the program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sync_service.engine import queries_words as words

REASONS: dict[str, str] = {
    "unmapped_code": "значение, которого программа не знает",
    "required": "не заполнено",
    "wrong_type": "значение не того вида",
    "too_long": "текст слишком длинный",
    "control_characters": "в тексте есть недопустимые знаки",
    "out_of_range": "число вне допустимых пределов",
    "broken_date": "такой даты нет, или она записана не по правилам",
    "broken_school_year": "учебный год записан не по правилам",
    "phone_extension": "телефон с добавочным номером",
    "snils_checksum": "контрольные цифры не сходятся",
    "no_id": "ГИС прислала запись без номера",
    "not_an_object": "ГИС прислала не запись, а что-то другое",
    "pupil_deleted": "карточка удалена в школе, а в ГИС ученик есть",
    "second_card": "вторая карточка ученика, который уже зачислен в ГИС",
    "which_lesson": "в этот день несколько таких уроков: непонятно, о котором речь",
    "movement_incomplete": "не заполнены данные приказа",
    "undo_refused": "ГИС не приняла запись, которую возвращала отмена решения",
    "invalid": "ГИС не приняла значение",
    "refused_whole": "ГИС отклоняет любой пакет с этой записью",
    "unknown_reference": "ГИС не знает того, к чему относится запись",
}
_FAMILIES = {"phone_": "телефон записан не по правилам", "snils_": "номер записан не по правилам"}
_REFUSED = "ГИС не приняла запись"
_UNREADABLE = "запись не прошла проверку"
REMEDIES: dict[tuple[str, str], str] = {
    ("pull", "unmapped_code"): "Скажите администратору: программе надо объяснить новое значение. Потом записи"
    " прочитаются сами.",
    ("pull", ""): "Исправьте запись в ГИС. Если там всё верно, скажите администратору. Прочитаются записи сами.",
    ("push", "second_card"): "Уберите лишнюю карточку в базе школы. Если это другой ребёнок, исправьте её.",
    ("pull", "no_id"): "Скажите администратору: это вопрос к поддержке ГИС.",
    ("pull", "not_an_object"): "Скажите администратору: это вопрос к поддержке ГИС.",
}
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainReason:
    """``titles`` are captions of the fields concerned, none where the whole record is; ``what`` is wrong."""

    titles: tuple[str, ...]
    what: str

    @property
    def text(self) -> str:
        """«Дата рождения»: не заполнено."""
        named = ", ".join(f"«{title}»" for title in self.titles)
        return f"{named}: {self.what}" if named else words.first_capital(self.what)


def plain_reason(direction: str, code: str, signature: str, reason: str, names: Mapping[str, str]) -> PlainReason:
    """``names``: what the region calls a field → what we call it."""
    fields = _fields(direction, signature, reason, names)
    what = REASONS.get(code) or next((text for head, text in _FAMILIES.items() if code.startswith(head)), None)
    if what is None:
        what = _REFUSED if direction == "push" else _UNREADABLE
    return PlainReason(titles=tuple(words.FIELDS[field] for field in fields), what=what)


def plain_remedy(direction: str, code: str) -> str:
    """What the secretary does about it."""
    return REMEDIES.get((direction, code)) or REMEDIES.get((direction, "")) or words.remedy(direction, code)


def _fields(direction: str, signature: str, reason: str, names: Mapping[str, str]) -> list[str]:
    """A signature of what was read names the field; a row of the school names it in its reason, and what the
    region refused by the region's word at the end of the signature."""
    if direction == "pull":
        found = _WORD.findall(signature.partition(".")[2])[:1]
    else:
        found = _WORD.findall(reason)
        path = signature.count(":") > 1 and _WORD.findall(signature.rpartition(":")[2])
        if path:
            found = [names.get(path[-1], "")]
    return list(dict.fromkeys(field for field in found if field in words.FIELDS))
