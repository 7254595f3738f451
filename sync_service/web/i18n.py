"""The catalogue: Russian is the source, other languages are ``locale/<code>/messages.po``.

The catalogue is read as text at the start, so that nothing has to be compiled into the package. A counted word is two
entries, its form for one and its form for many: «запись» and «записей».
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files

from babel.messages.pofile import read_po

from sync_service.engine import queries_words as words

RUSSIAN, ENGLISH = "ru", "en"
LANGUAGES = (RUSSIAN, ENGLISH)
UNITS = {"дн.": "d", "ч": "h", "мин": "min", "с": "s"}


@cache
def catalogue(language: str) -> dict[str, str]:
    """Source text → text; empty for Russian, which is the source."""
    if language == RUSSIAN:
        return {}
    with (files("sync_service.web") / "locale" / language / "messages.po").open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.id and m.string and isinstance(m.id, str)}


def translator(language: str) -> Callable[[str], str]:
    """The text in ``language``; a text without translation stays Russian."""
    texts = catalogue(language)
    return lambda text: texts.get(text, text)


def pluralizer(language: str) -> Callable[[int, str, str, str], str]:
    """The form that goes with a number; a word without translation keeps its three Russian forms."""
    texts = catalogue(language)

    def plural(number: int, one: str, few: str, many: str) -> str:
        return texts.get(one if number == 1 else many) or words.plural(number, one, few, many)

    return plural


def spans(language: str) -> Callable[[float], str]:
    """A length of time: «15 мин», in any other language «15 min»."""

    def span(seconds: float) -> str:
        number, unit = words.span(seconds).split("\u00a0")
        return f"{number}\u00a0{UNITS[unit]}"

    return words.span if language == RUSSIAN else span
