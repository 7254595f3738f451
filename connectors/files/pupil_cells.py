"""One cell of a pupil list → its canonical value, or why it has none. None means that nothing was given."""

from __future__ import annotations

import re

from sync_service.domain.rules import class_names, names
from sync_service.domain.rules.outcome import Accepted, Outcome, Refused
from sync_service.domain.school_files import Relation

_LONGEST_TEXT = 500
_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]+")
_SEX = {"м": "М", "муж": "М", "мужской": "М", "мальчик": "М", "m": "М", "male": "М"} | {
    "ж": "Ж",
    "жен": "Ж",
    "женский": "Ж",
    "девочка": "Ж",
    "f": "Ж",
    "female": "Ж",
}
_YES = frozenset({"да", "+", "1", "x", "х", "v", "истина", "true", "не обучался", "не обучалась"})
_NO = frozenset({"нет", "-", "0", "ложь", "false"})
RELATIONS: dict[str, Relation] = {
    "мать": "мать",
    "мама": "мать",
    "отец": "отец",
    "папа": "отец",
    "опекун": "опекун",
    "опекунша": "опекун",
    "попечитель": "попечитель",
    "иной": "иной",
    "иной законный представитель": "иной",
    "законный представитель": "иной",
    "другое": "иной",
}


def name(text: str) -> Outcome[str | None]:
    """A surname or first name, tidied."""
    tidy = names.tidy_name(text)
    if tidy is not None and (not any(char.isalpha() for char in tidy) or any(char.isdigit() for char in tidy)):
        return Refused(code="not_a_name", reason="это не похоже на имя или фамилию")
    return plain_text(tidy)


def patronymic(text: str) -> Outcome[str | None]:
    """A patronymic, tidied; None for «-» and «нет»."""
    tidy = names.tidy_patronymic(text)
    return Accepted(value=None) if tidy is None else name(tidy)


def full_name(text: str) -> Outcome[names.FullName | None]:
    """A full name in its parts; None for «-» and «нет»."""
    if names.tidy_patronymic(text) is None:
        return Accepted(value=None)  # «-» or «нет»: there is no such parent
    outcome = names.split_full_name(text)
    if isinstance(outcome, Accepted) and any(char.isdigit() for char in text):
        return Refused(code="not_a_name", reason="в имени стоят цифры")
    return outcome


def class_name(text: str) -> Outcome[str | None]:
    """The canonical name of a class."""
    outcome = class_names.normalise(text)
    return Accepted(value=outcome.value.name) if isinstance(outcome, Accepted) else outcome


def sex(text: str) -> Outcome[str | None]:
    """«М» or «Ж»."""
    sex = _SEX.get(text.casefold().rstrip("."))
    return Refused(code="sex", reason="пол не указан как М или Ж") if sex is None else Accepted(value=sex)


def email(text: str) -> Outcome[str | None]:
    """An e-mail address as typed; None for «нет»."""
    if text.casefold() in _NO:
        return Accepted(value=None)
    if _EMAIL.fullmatch(text) and len(text) <= _LONGEST_TEXT:
        return Accepted(value=text)
    return Refused(code="email", reason="это не адрес электронной почты")


def yes_or_no(text: str) -> Outcome[str | None]:
    """«да» or «нет»."""
    word = text.casefold().rstrip(".")
    if word in _YES:
        return Accepted(value="да")
    if word in _NO:
        return Accepted(value="нет")
    return Refused(code="yes_or_no", reason="нужно «да» или «нет»")


def plain_text(text: str | None) -> Outcome[str | None]:
    """The text as it is, unless it is longer than any field."""
    if text is not None and len(text) > _LONGEST_TEXT:
        return Refused(code="too_long", reason=f"значение длиннее {_LONGEST_TEXT} знаков")
    return Accepted(value=text)
