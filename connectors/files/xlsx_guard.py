"""Looks into a workbook before the real reader does, so that a hostile file costs neither memory nor data.

Refuses zip bombs, encrypted and broken archives, other Office documents, XML with entity declarations, and
sheets whose used area is larger than the limits (two cells at opposite corners would make a reader fill the
area between). It also notes what the reader would silently turn into an empty cell: formulas that were never
calculated and cells that hold an error.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from xml.parsers import expat

from connectors.files.limits import FileLimits
from sync_service.domain.school_files import FileRejected

_CHUNK = 1 << 20
_ADDRESS = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6})")
_RESAVE = "Откройте файл в Excel или LibreOffice и сохраните его заново как «Книга Excel (.xlsx)»."


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetFacts:
    """What is known of one sheet: cells whose value a reader cannot give, by row and
    column from 1, as «formula» or «error»."""

    unreadable: dict[int, dict[int, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkbookFacts:
    """Facts of every sheet in the order of the workbook, and its date system."""

    sheets: tuple[SheetFacts, ...]
    date1904: bool


@dataclass(slots=True)
class _Part:
    """One XML part after scanning; a worksheet fills the cell fields, workbook and relations the others."""

    unreadable: dict[int, dict[int, str]] = field(default_factory=dict)
    sheet_relations: list[str] = field(default_factory=list)
    targets: dict[str, str] = field(default_factory=dict)
    date1904: bool = False


def inspect(content: bytes, limits: FileLimits) -> WorkbookFacts:
    """Facts of a sound workbook; anything else raises `FileRejected`."""
    parts: dict[str, _Part] = {}
    try:
        for name, data in _unpacked(content, limits):
            if name.endswith((".xml", ".rels")) or data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
                parts[name] = _scanned(data, limits)
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, NotImplementedError) as error:
        raise _broken() from error
    except (expat.ExpatError, LookupError, OverflowError) as error:
        raise _broken() from error
    return _facts(parts)


def _facts(parts: dict[str, _Part]) -> WorkbookFacts:
    if "word/document.xml" in parts:
        raise FileRejected(
            code="word", reason="Это документ Word, а не таблица.", remedy="Перенесите список в таблицу Excel."
        )
    workbook, relations = parts.get("xl/workbook.xml"), parts.get("xl/_rels/workbook.xml.rels")
    if workbook is None or relations is None:
        raise FileRejected(code="not_a_workbook", reason="Это архив, но не книга Excel (.xlsx).", remedy=_RESAVE)
    sheets = []
    for relation in workbook.sheet_relations:
        part = parts.get(_resolved(relations.targets.get(relation, "")))
        if part is None:
            raise _broken()
        sheets.append(SheetFacts(unreadable=part.unreadable))
    return WorkbookFacts(sheets=tuple(sheets), date1904=workbook.date1904)


def _resolved(target: str) -> str:
    path = PurePosixPath(target.lstrip("/")) if target.startswith("/") else PurePosixPath("xl") / target
    return _folded(str(path))


def _folded(name: str) -> str:
    # Some export programs write backslashes or capitals; the reader proper takes them all.
    return name.replace("\\", "/").lower()


def _unpacked(content: bytes, limits: FileLimits) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
    names = {_folded(entry.filename) for entry in entries}
    if len(entries) > limits.max_parts or len(names) != len(entries):
        raise _broken()
    left = limits.max_unpacked_bytes
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise FileRejected(
                code="password", reason="Файл защищён паролем.", remedy="Снимите пароль и загрузите файл снова."
            )
        data = _inflated(content, entry, left)
        left -= len(data)
        yield _folded(entry.filename), data


def _inflated(content: bytes, entry: zipfile.ZipInfo, left: int) -> bytes:
    """The unpacked part, however large its directory entry claims it to be; at most `left` bytes."""
    header = content[entry.header_offset : entry.header_offset + 30]
    name_length, extra_length = struct.unpack("<HH", header[26:30])
    start = entry.header_offset + 30 + name_length + extra_length
    packed = content[start : start + entry.compress_size]
    if len(packed) != entry.compress_size:
        raise _broken()
    if entry.compress_type == zipfile.ZIP_STORED:
        data = packed
    elif entry.compress_type == zipfile.ZIP_DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        data = inflater.decompress(packed, left + 1)
        if len(data) <= left and not inflater.eof:
            raise _broken()
    else:
        raise _broken()
    if len(data) > left:
        raise FileRejected(
            code="too_large", reason="После распаковки файл слишком велик.", remedy="Выгрузите список заново."
        )
    return data


class _Scanner:
    """Receives the events of one XML part."""

    def __init__(self, limits: FileLimits) -> None:
        self.part = _Part()
        self._limits = limits
        self._row = self._column = 0
        self._last_row = self._last_column = 0
        self._kind = ""
        self._filled = self._formula = self._value = False
        self._text = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition(" ")[2]:
            case "row":
                self._row = int(attributes.get("r", self._row + 1))
                self._column = 0
            case "c":
                self._begin_cell(attributes)
            case "is":
                self._filled = True
            case "f":
                self._filled = self._formula = True
            case "v":
                self._filled = True
                self._value = self._kind == "str"
                self._text = True
            case "sheet":
                relation = next((value for key, value in attributes.items() if key.endswith(" id")), "")
                self.part.sheet_relations.append(relation)
            case "Relationship":
                self.part.targets[attributes.get("Id", "")] = attributes.get("Target", "")
            case "workbookPr":
                self.part.date1904 = attributes.get("date1904", "0") in ("1", "true")

    def text(self, text: str) -> None:
        if self._text and text.strip():
            self._value = True

    def end(self, name: str) -> None:
        match name.rpartition(" ")[2]:
            case "v":
                self._text = False
            case "c":
                self._end_cell()

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        self._kind = attributes.get("t", "")
        self._filled = self._formula = self._value = False
        if address := attributes.get("r"):
            self._row, self._column = position_of(address)
        else:
            self._column += 1

    def _end_cell(self) -> None:
        if not self._filled:
            return  # a cell that only carries a format; programs format whole rows to the last column
        self._last_row = max(self._last_row, self._row)
        self._last_column = max(self._last_column, self._column)
        check_area(self._last_row, self._last_column, self._limits)
        if self._kind == "e":
            self.part.unreadable.setdefault(self._row, {})[self._column] = "error"
        elif self._formula and not self._value:
            self.part.unreadable.setdefault(self._row, {})[self._column] = "formula"


def _scanned(data: bytes, limits: FileLimits) -> _Part:
    scanner = _Scanner(limits)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = scanner.start
    parser.EndElementHandler = scanner.end
    parser.CharacterDataHandler = scanner.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    for start in range(0, len(data), _CHUNK):
        parser.Parse(data[start : start + _CHUNK], False)
    parser.Parse(b"", True)
    return scanner.part


def _refuse_doctype(*_: object) -> None:
    # A workbook has no use for entities; they serve attacks only.
    raise _broken()


def position_of(address: str) -> tuple[int, int]:
    """Row and column of an address such as «B12»; ValueError on anything else."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ValueError("not the address of a cell")
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - 64
    return int(match[2]), column


def check_area(rows: int, columns: int, limits: FileLimits) -> None:
    """Raises `FileRejected` when a used area of this size is beyond the limits."""
    if rows > limits.max_rows or columns > limits.max_columns or rows * columns > limits.max_cells:
        raise FileRejected(
            code="too_many_cells",
            reason=f"В таблице больше {limits.max_rows} строк, {limits.max_columns} столбцов или просто слишком "
            "много ячеек.",
            remedy="Удалите лишние строки и столбцы или разделите файл на несколько.",
        )


def _broken() -> FileRejected:
    return FileRejected(code="broken", reason="Файл Excel повреждён или обрезан.", remedy=_RESAVE)
