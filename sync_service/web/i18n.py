"""The catalogue: Russian is the source, other languages are ``locale/<code>/messages.po``.

The catalogue is read as text at the start, so that nothing has to be compiled into the package.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files

from babel.messages.pofile import read_po

RUSSIAN, ENGLISH = "ru", "en"
LANGUAGES = (RUSSIAN, ENGLISH)


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
