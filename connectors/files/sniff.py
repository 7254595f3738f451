"""What a file is, by its content alone: a file's name ending proves nothing.

Everything here either answers or raises `FileRejected` with a Russian reason and remedy.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from enum import Enum

from connectors.files.limits import FileLimits
from sync_service.domain.school_files import FileRejected

DELIMITERS = (";", ",", "\t")

_SAVE_AS = "Откройте файл в программе таблиц и сохраните его как «Книга Excel (.xlsx)» или «CSV UTF-8»."
_FOREIGN = (
    (b"%PDF", "pdf", "Это документ PDF, а не таблица."),
    (b"\xd0\xcf\x11\xe0", "old_excel", "Это файл старого формата Excel (.xls) или файл, защищённый паролем."),
    (b"{\\rtf", "rtf", "Это текстовый документ, а не таблица."),
    (b"\x89PNG", "image", "Это изображение, а не таблица."),
    (b"\xff\xd8\xff", "image", "Это изображение, а не таблица."),
    (b"Rar!", "archive", "Это архив, а не таблица."),
    (b"7z\xbc\xaf", "archive", "Это архив, а не таблица."),
    (b"\x1f\x8b", "archive", "Это архив, а не таблица."),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_HTML = re.compile(r"\s*<(?:!doctype|html|head|body|table|meta|\?xml)", re.IGNORECASE)
_SAMPLE_ROWS = 50
_SAMPLE_CHARACTERS = 200_000


class FileKind(Enum):
    XLSX = "xlsx"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedText:
    """The text of a CSV file and the encoding it was in."""

    text: str
    encoding: str


def kind_of(content: bytes, limits: FileLimits) -> FileKind:
    """XLSX or CSV; empty, oversized and foreign files are refused."""
    if not content.strip(b"\x00 \t\r\n"):
        raise FileRejected(code="empty", reason="Файл пуст.", remedy="Выгрузите список ещё раз.")
    if len(content) > limits.max_bytes:
        raise FileRejected(
            code="too_large",
            reason=f"Файл больше {limits.max_bytes // 2**20} МБ.",
            remedy="Разделите его на несколько файлов, например по классам.",
        )
    for magic, code, reason in _FOREIGN:
        if content.startswith(magic):
            raise FileRejected(code=code, reason=reason, remedy=_SAVE_AS)
    return FileKind.XLSX if content.startswith(b"PK") else FileKind.CSV


def decoded(content: bytes) -> DecodedText:
    """Text from UTF-8 (with or without mark), UTF-16 or Windows-1251; everything else is refused."""
    for encoding in _candidates(content):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _HTML.match(text):
            raise FileRejected(code="html", reason="Это веб-страница, а не таблица.", remedy=_SAVE_AS)
        if _CONTROL.search(text):
            break
        return DecodedText(text=text, encoding=encoding)
    raise FileRejected(code="encoding", reason="Файл не похож ни на таблицу, ни на текст.", remedy=_SAVE_AS)


def delimiter_of(text: str) -> str:
    """The delimiter under which most rows of the beginning have the same, largest number of fields."""
    return max(DELIMITERS, key=lambda delimiter: _regularity(text[:_SAMPLE_CHARACTERS], delimiter))


def _candidates(content: bytes) -> tuple[str, ...]:
    if content.startswith(b"\xef\xbb\xbf"):
        return ("utf-8-sig",)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    sample = content[:4_000]
    # In UTF-16 the delimiters and digits of a table leave a zero in every other byte.
    if sample[1::2].count(0) * 5 > len(sample) // 2:
        return ("utf-16-le",)
    if sample[0::2].count(0) * 5 > len(sample) // 2:
        return ("utf-16-be",)
    return ("utf-8", "cp1251")


def _regularity(text: str, delimiter: str) -> int:
    counts: Counter[int] = Counter()
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in rows:
            if any(row):
                counts[len(row)] += 1
            if rows.line_num >= _SAMPLE_ROWS:
                break
    except csv.Error:
        pass  # the reader proper names the row; here only what was readable counts
    return max(((width - 1) * times for width, times in counts.items()), default=0)
