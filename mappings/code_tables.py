"""Code tables: the canonical word of a meaning, the region's word, and the spellings accepted for it.

A spelling that is in no table is never guessed: the record is set aside with code ``unmapped_code`` until
somebody adds a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from mappings.codecs import Codec, wrong_type
from sync_service.domain.errors import RecordError
from sync_service.domain.rules.cell_symbols import symbol_key


def _exact(text: str) -> str:
    return text.strip()


COMPARISONS = {
    "exact": _exact,  # letter by letter
    "cell": symbol_key,  # without difference of case, trailing dot, ё/е and Latin look-alikes
}


def _is_latin(text: str) -> bool:
    return any(char.isascii() and char.isalpha() for char in text)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTable:
    """``codes``: canonical → regional, one to one. ``variants``: other accepted spellings → canonical.

    A variant with Latin letters is taken letter by letter even in a ``cell`` table: Latin «B» may stand for Б
    without making Cyrillic «В», which it resembles, a symbol.
    """

    name: str
    codes: Mapping[str, str]
    variants: Mapping[str, str] = field(default_factory=dict)
    compare: str = "exact"

    def problems(self) -> list[str]:
        """Why the table cannot be used, each naming the row; empty when it can."""
        found = []
        if self.compare not in COMPARISONS:
            return [f"compare: «{self.compare}» неизвестно, допустимо: {', '.join(COMPARISONS)}"]
        if len(set(self.codes.values())) != len(self.codes):
            found.append("codes: одно региональное значение стоит у двух кодов")
        for spelling, code in self.variants.items():
            if code not in self.codes:
                found.append(f"variants: «{spelling}» ведёт к коду «{code}», которого нет в codes")
        found += self._ambiguous("из региона", {text: code for code, text in self.codes.items()})
        found += self._ambiguous("из школы", {code: code for code in self.codes})
        return found

    def _ambiguous(self, where: str, primary: Mapping[str, str]) -> list[str]:
        key = COMPARISONS[self.compare]
        meanings: dict[str, str] = {}
        found = []
        for spelling, code in (*primary.items(), *self.variants.items()):
            if spelling in self.variants and _is_latin(spelling):
                continue
            if meanings.setdefault(key(spelling), code) != code:
                found.append(f"«{spelling}» {where} читается двояко")
        return found

    def codec(self) -> Codec:
        """The codec ``code:<name>`` of a table without problems."""
        regional = {text: code for code, text in self.codes.items()}
        return Codec(
            name=f"code:{self.name}",
            decode=self._reader(regional),
            encode=self._encode,
            clean=self._reader({code: code for code in self.codes}),
            example=self._example,
        )

    def _reader(self, primary: Mapping[str, str]) -> Any:
        key = COMPARISONS[self.compare]
        exact = {**self.variants, **primary}
        folded = {key(text): code for text, code in exact.items() if text in primary or not _is_latin(text)}
        unmapped = f"значения нет в таблице кодов {self.name}: добавьте строку в codes/{self.name}.toml"

        def read(raw: Any) -> str | None:
            if type(raw) is not str:
                raise wrong_type("код текстом")
            code = exact.get(raw)
            if code is None and not (code := folded.get(key(raw))):
                if not raw or raw.isspace():
                    return None
                raise RecordError(unmapped, code="unmapped_code")
            return code

        return read

    def _encode(self, value: Any) -> str:
        regional = self.codes.get(value)
        if regional is None:
            raise RecordError(f"кода нет в таблице {self.name}", code="unmapped_code")
        return regional

    def _example(self, random: Random) -> str:
        return random.choice(list(self.codes))
