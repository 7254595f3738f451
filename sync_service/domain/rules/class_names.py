"""Names of classes: «5А», «10 Б», «8б», «5-Б», the group «5ж/Русский язык» → canonical name and grade.

A class is any string of up to 15 characters (DOMAIN.md sections 2 and 4). Written decisions: one or two
letters after the grade are capitals without a separator («8 б» → «8Б»); a longer word keeps its case
(«5инж»); a name without a grade of 1–11 keeps its text and has no grade.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sync_service.domain.rules.outcome import Accepted, Outcome, Refused
from sync_service.domain.rules.text import all_look_alikes, cyrillic_look_alikes, plain_hyphens, squeeze

LONGEST = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassName:
    """A class as it is kept: the name, its grade where it has one, and the group within it."""

    name: str
    grade: int | None
    group: str | None = None


_GRADED = re.compile(r"(1[01]|[1-9])(?!\d)[\s\-_.]*(.*)", re.DOTALL)
_WORD_CLASS = re.compile(r"^класс\s+|\s*класс[а]?$|\s+кл\.?$", re.IGNORECASE)
_IN_TEXT = re.compile(
    r"(?<![\w./\-№])(?<!№ )(1[01]|[1-9])[ _\-]?[«\"]?([A-Za-zА-Яа-яЁё])[»\"]?(?![A-Za-zА-Яа-яЁё\d]|\.\s*[А-Яа-яЁё])"
)


def normalise(text: str | None) -> Outcome[ClassName]:
    """Canonical name, grade and group; refused as empty or length (over 15 characters)."""
    typed, slash, group = plain_hyphens(squeeze(text or "")).partition("/")
    name = _WORD_CLASS.sub("", re.sub('[«»"„“]', "", typed)).strip(" .,")
    if not name:
        return Refused(code="empty", reason="класс не указан")
    graded = _GRADED.fullmatch(name)
    grade = int(graded[1]) if graded else None
    if graded:
        letters = cyrillic_look_alikes(graded[2]).strip()
        if len(letters) <= 2:
            letters = all_look_alikes(letters.upper())
        name = f"{grade}{letters}"
    if len(name) > LONGEST:
        return Refused(code="length", reason=f"название класса длиннее {LONGEST} знаков")
    return Accepted(value=ClassName(name=name, grade=grade, group=squeeze(group) or None if slash else None))


def in_text(text: str) -> Outcome[ClassName]:
    """The only class with a one-letter name that a title or file name mentions; refused as none or several."""
    plain = plain_hyphens(squeeze(text.replace("_", " ")))
    found = {f"{grade}{all_look_alikes(letter.upper())}" for grade, letter in _IN_TEXT.findall(plain)}
    if len(found) == 1:
        return normalise(found.pop())
    if found:
        return Refused(code="several", reason="упомянуто несколько классов")
    return Refused(code="none", reason="класс не упомянут")
