"""What may stand in a cell of the journal, in its only spelling inside: ОТ УП Б НП ОП осв, 1–5, зач, …

Source: regulation 3.4 (the allowed set) and DOMAIN.md section 2. Case, a trailing dot and Latin look-alikes
(OT, HП, B) are spelling; anything else unknown is refused and never guessed. A lone «Н», «О» or «У» is unknown
here: only the legend of a report gives such letters a meaning, see `meaning_of_legend`.
"""

from __future__ import annotations

import re

from sync_service.domain.rules.outcome import Accepted, Outcome, Refused
from sync_service.domain.rules.text import all_look_alikes, squeeze

ATTENDANCE = ("ОТ", "УП", "Б", "НП", "ОП", "осв")
CURRENT_MARKS = ("1", "2", "3", "4", "5")
FINAL_MARKS = ("2", "3", "4", "5", "зач", "незач", "н/а", "осв")

_ATTENDANCE = {symbol.casefold(): symbol for symbol in ATTENDANCE} | {"освобожден": "осв", "освобождена": "осв"}
_FINAL = {mark: mark for mark in FINAL_MARKS} | {
    "зачет": "зач",
    "зачтено": "зач",
    "незачет": "незач",
    "не зачет": "незач",
    "не зач": "незач",
    "не зачтено": "незач",
    "незачтено": "незач",
    "не аттестован": "н/а",
    "не аттестована": "н/а",
    "неаттестован": "н/а",
    "неаттестована": "н/а",
    "на": "н/а",
    "освобожден": "осв",
    "освобождена": "осв",
}
_LEGEND = {
    "неуважительная": "НП",
    "неуважительная причина": "НП",
    "по неуважительной причине": "НП",
    "уважительная": "УП",
    "уважительная причина": "УП",
    "по уважительной причине": "УП",
    "болезнь": "Б",
    "по болезни": "Б",
    "болеет": "Б",
    "опоздание": "ОП",
    "опоздал": "ОП",
    "отсутствовал": "ОТ",
    "отсутствие": "ОТ",
    "отсутствие без указания причины": "ОТ",
    "причина не указана": "ОТ",
    "освобожден": "осв",
    "освобождение": "осв",
}

_UNKNOWN_SYMBOL = Refused(code="unknown_symbol", reason="такого обозначения нет среди ОТ, УП, Б, НП, ОП, осв.")
_UNKNOWN_MARK = Refused(code="unknown_mark", reason="текущая отметка — целое число от 1 до 5")
_UNKNOWN_FINAL = Refused(code="unknown_final_mark", reason="такой итоговой отметки нет")
_UNKNOWN_MEANING = Refused(code="unknown_meaning", reason="значение этого обозначения системе неизвестно")


def attendance(text: str | None) -> Outcome[str]:
    """One of `ATTENDANCE`, or refused as unknown_symbol."""
    symbol = _ATTENDANCE.get(_folded(text))
    return _UNKNOWN_SYMBOL if symbol is None else Accepted(value=symbol)


def current_mark(text: str | None) -> Outcome[str]:
    """One of `CURRENT_MARKS`, or refused as unknown_mark."""
    mark = squeeze(text or "")
    return Accepted(value=mark) if mark in CURRENT_MARKS else _UNKNOWN_MARK


def final_mark(text: str | None) -> Outcome[str]:
    """One of `FINAL_MARKS`, or refused as unknown_final_mark."""
    mark = _FINAL.get(re.sub(r"\s*/\s*", "/", _folded(text)))
    return _UNKNOWN_FINAL if mark is None else Accepted(value=mark)


def meaning_of_legend(text: str | None) -> Outcome[str]:
    """The attendance symbol that a legend's wording stands for, or refused as unknown_meaning."""
    symbol = _LEGEND.get(_folded(text))
    return _UNKNOWN_MEANING if symbol is None else Accepted(value=symbol)


def symbol_key(text: str | None) -> str:
    """Equal for spellings of one symbol that differ in case, trailing dot or look-alikes."""
    return _folded(text)


def _folded(text: str | None) -> str:
    # Upper case first: small Latin letters such as «b» resemble no Cyrillic letter, their capitals do.
    upper = squeeze(text or "").rstrip(". ").upper()
    return all_look_alikes(upper).casefold().replace("ё", "е")
