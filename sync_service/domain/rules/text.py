"""Tidying of typed text that every rule needs: spaces, hyphens, apostrophes, Latin look-alikes."""

from __future__ import annotations

import re
import unicodedata

HYPHENS = "-\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
APOSTROPHES = "'\u2018\u2019\u201b\u02bc\u02b9\u0060\u00b4\u2032"

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"))
_HYPHEN_TABLE = str.maketrans(dict.fromkeys(HYPHENS, "-"))
_APOSTROPHE_TABLE = str.maketrans(dict.fromkeys(APOSTROPHES, "'"))

# Letters that look the same on screen; lower-case pairs only where the shapes really coincide.
_LATIN_TO_CYRILLIC = str.maketrans("ABEKMHOPCTYXaeopcyx", "АВЕКМНОРСТУХаеорсух")

_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_WORD = re.compile(r"[^\W\d_]+")


def squeeze(text: str) -> str:
    """NFC text without invisible characters, with single plain spaces and no space at either end."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_INVISIBLE).split())


def plain_cell(text: str) -> str:
    """A cell of a table no spreadsheet takes for a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def plain_hyphens(text: str) -> str:
    """Every dash and hyphen, the no-break one included, becomes «-»."""
    return text.translate(_HYPHEN_TABLE)


def spelling_key(text: str) -> str:
    """Equal for texts that differ in ё and е, in case, in spaces or in hyphens alone."""
    return "".join(plain_hyphens(text).casefold().replace("ё", "е").replace("-", "").split())


def plain_apostrophes(text: str) -> str:
    """Every apostrophe and single quotation mark becomes «'»."""
    return text.translate(_APOSTROPHE_TABLE)


def cyrillic_look_alikes(text: str) -> str:
    """Latin look-alikes become Cyrillic in words that already hold a Cyrillic letter; other words stay."""

    def whole_word(match: re.Match[str]) -> str:
        word = match.group()
        return word.translate(_LATIN_TO_CYRILLIC) if _CYRILLIC.search(word) else word

    return _WORD.sub(whole_word, text)


def all_look_alikes(text: str) -> str:
    """Latin look-alikes become Cyrillic everywhere; for codes that are Cyrillic by definition (OT, HП, B)."""
    return text.translate(_LATIN_TO_CYRILLIC)


def ascii_digits(text: str) -> str:
    """Decimal digits of any script become 0–9; the rest is unchanged."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(char, char)) for char in text)
