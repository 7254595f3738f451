"""Reading mapping and code tables: ours from the package, a user's from a folder of the same shape.

A file of the user replaces ours of the same name whole, so that a table is always read in one place. Every
problem of every file is reported at once.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from mappings.code_tables import CodeTable
from mappings.codecs import CODECS, Codec
from mappings.mapping import FieldRow, RecordMapping
from sync_service.domain.errors import ConfigError, RecordError
from sync_service.domain.policies import OnClash, Owner
from sync_service.domain.records import Scalar
from sync_service.domain.streams import SPECS, Stream, StreamSpec

Mappings = dict[Stream, RecordMapping]

_ROW_KEYS = ("remote", "codec", "owner", "on_clash", "group", "required", "default")
_CODE_KEYS = ("compare", "codes", "variants")
_FOLDERS_OF_OTHERS = ("files",)  # layouts of school files are read by mappings.files


def load_mappings(overrides: Path | None = None, *, system: str = "ecp") -> Mappings:
    """The compiled mapping of every stream of a regional system.

    ``overrides`` is a folder with ``<system>/<stream>.toml`` and ``codes/<table>.toml``. Raises ConfigError
    naming every problem of every file.
    """
    problems: list[str] = []
    tables = _read_folder("codes", overrides, problems)
    streams = _read_folder(system, overrides, problems)
    if overrides is not None:
        problems += _strangers(overrides, {system: set(streams), "codes": set(tables)})
    codecs = dict(CODECS)
    recipes: dict[str, str] = {}
    broken: set[str] = set()
    for name, content in tables.items():
        found, table = _code_table(name, content)
        problems += [f"codes/{name}.toml: {text}" for text in found]
        if table is None:
            broken.add(f"code:{name}")
        else:
            codecs[f"code:{name}"] = table.codec()
            recipes[f"code:{name}"] = repr((sorted(table.codes.items()), sorted(table.variants.items())))
    mappings: Mappings = {}
    for stream in Stream:
        content = streams.get(stream.value)
        if content is None:
            if stream.value not in streams:
                problems.append(f"{system}/{stream}.toml: таблицы нет")
            continue
        found, rows = _rows(SPECS[stream], content, codecs, broken)
        problems += [f"{system}/{stream}.toml: {text}" for text in found]
        if not found:
            used = "".join(recipes.get(row.codec.name, "") for row in rows)
            mappings[stream] = RecordMapping(stream, rows, recipe=used)
    if problems:
        raise ConfigError(problems)
    return mappings


def _read_folder(folder: str, overrides: Path | None, problems: list[str]) -> dict[str, dict[str, Any] | None]:
    """Parsed tables by name; None where a file could not be read (the problem is noted)."""
    texts: dict[str, bytes] = {}
    ours = resources.files("mappings").joinpath(folder)
    if ours.is_dir():
        texts = {
            entry.name.removesuffix(".toml"): entry.read_bytes()
            for entry in ours.iterdir()
            if entry.name.endswith(".toml")
        }
    theirs = None if overrides is None else overrides / folder
    if theirs is not None and theirs.is_dir():
        for path in sorted(theirs.glob("*.toml")):
            try:
                texts[path.stem] = path.read_bytes()
            except OSError as error:
                problems.append(f"{folder}/{path.name}: файл не читается ({error.strerror})")
                texts.pop(path.stem, None)
    parsed: dict[str, dict[str, Any] | None] = {}
    for name, text in texts.items():
        try:
            parsed[name] = tomllib.loads(text.decode("utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            problems.append(f"{folder}/{name}.toml: это не TOML в UTF-8 ({error})")
            parsed[name] = None
    return parsed


def _strangers(overrides: Path, known: Mapping[str, set[str]]) -> list[str]:
    """Files and folders of the user that nothing reads, most likely misspelt."""
    if not overrides.is_dir():
        return [f"папки с таблицами {overrides} нет: исправьте mappings_dir или создайте её"]
    ours = {folder: _names_of_ours(folder) for folder in known}
    found = []
    for entry in sorted(overrides.iterdir()):
        if entry.name.startswith(".") or entry.name in _FOLDERS_OF_OTHERS:
            continue
        if entry.is_file():
            found.append(f"{entry.name}: таблицы лежат в папках {', '.join(known)}, этот файл не читается")
        elif entry.name not in known:
            found.append(f"{entry.name}/: такая папка не читается{_suggest(entry.name, known)}")
    stream_folder = next(iter(known))
    for path in sorted((overrides / stream_folder).glob("*.toml")):
        if path.stem not in ours[stream_folder]:
            found.append(f"{stream_folder}/{path.name}: такого потока нет{_suggest(path.stem, ours[stream_folder])}")
    return found


def _names_of_ours(folder: str) -> set[str]:
    where = resources.files("mappings").joinpath(folder)
    if not where.is_dir():
        return {stream.value for stream in Stream}
    return {entry.name.removesuffix(".toml") for entry in where.iterdir() if entry.name.endswith(".toml")}


def _suggest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f", возможно, имелось в виду «{close[0]}»" if close else ""


def _code_table(name: str, content: dict[str, Any] | None) -> tuple[list[str], CodeTable | None]:
    if content is None:
        return [], None
    problems = [f"неизвестный ключ «{key}»{_suggest(key, _CODE_KEYS)}" for key in content if key not in _CODE_KEYS]
    codes, variants = content.get("codes", {}), content.get("variants", {})
    for key, part in (("codes", codes), ("variants", variants)):
        if not isinstance(part, dict) or not all(isinstance(value, str) for value in part.values()):
            problems.append(f"{key}: нужны строки вида «слово» = «слово»")
    if not codes:
        problems.append("codes: таблица пуста")
    if problems:
        return problems, None
    table = CodeTable(name=name, codes=codes, variants=variants, compare=str(content.get("compare", "exact")))
    problems = table.problems()
    return problems, None if problems else table


def _rows(
    spec: StreamSpec, content: dict[str, Any], codecs: Mapping[str, Codec], broken: set[str]
) -> tuple[list[str], list[FieldRow]]:
    problems = [f"неизвестный ключ «{key}»{_suggest(key, ['fields'])}" for key in content if key != "fields"]
    fields = content.get("fields")
    if not isinstance(fields, dict) or not fields:
        return [*problems, "нет раздела [fields] со строками полей"], []
    rows: list[FieldRow] = []
    for field, row in fields.items():
        if field not in spec.fields:
            problems.append(f"{field}: такого поля нет{_suggest(field, spec.fields)}")
        elif not isinstance(row, dict):
            problems.append(f'{field}: нужна строка вида {{ remote = "…", codec = "…" }}')
        else:
            found, parsed = _row(spec, field, row, codecs, broken)
            problems += [f"{field}: {text}" for text in found]
            rows += [parsed] if parsed else []
    return problems + _across_rows(spec, rows, set(fields)), rows


def _row(
    spec: StreamSpec, field: str, row: dict[str, Any], codecs: Mapping[str, Codec], broken: set[str]
) -> tuple[list[str], FieldRow | None]:
    problems = [f"неизвестный ключ «{key}»{_suggest(key, _ROW_KEYS)}" for key in row if key not in _ROW_KEYS]
    for key in ("remote", "codec"):
        if not isinstance(row.get(key), str) or not row[key]:
            problems.append(f"{key}: обязателен, текст")
    owner, on_clash = row.get("owner", "both" if spec.both_ways else "gis"), row.get("on_clash", "ask")
    for key, value, kinds in (("owner", owner, Owner), ("on_clash", on_clash, OnClash)):
        if value not in list(kinds):
            problems.append(f"{key}: «{value}» неизвестно, допустимо: {', '.join(kinds)}")
    if not spec.both_ways and owner != Owner.GIS:
        problems.append("owner: этот поток только читается, допустимо только gis")
    if not isinstance(row.get("required", False), bool):
        problems.append("required: true или false")
    if not isinstance(row.get("group", ""), str):
        problems.append("group: текст")
    codec_name = row.get("codec")
    codec = codecs.get(codec_name) if isinstance(codec_name, str) else None
    if codec is None and isinstance(codec_name, str) and codec_name and codec_name not in broken:
        problems.append(f"codec: «{codec_name}» неизвестен{_suggest(codec_name, codecs)}")
    if codec is not None and (codec.name == "ref") != (field in spec.references):
        problems.append("codec: ref ставится у ссылок на другие записи и только у них")
    if problems or codec is None:
        return problems, None
    default: Scalar = row.get("default")
    if default is not None and not _is_canonical(codec, default):
        return ["default: это не каноническое значение поля"], None
    return [], FieldRow(
        field=field,
        remote=row["remote"],
        codec=codec,
        owner=Owner(owner),
        on_clash=OnClash(on_clash),
        group=row.get("group", ""),
        required=row.get("required", False),
        default=default,
    )


def _is_canonical(codec: Codec, value: Scalar) -> bool:
    try:
        return codec.clean(value) == value
    except RecordError:
        return False


def _across_rows(spec: StreamSpec, rows: list[FieldRow], named: set[str]) -> list[str]:
    problems = []
    obligatory = {field.name for field in dataclasses.fields(spec.record) if field.default is dataclasses.MISSING}
    for field in spec.fields:
        if field in obligatory and field not in named:
            problems.append(f"{field}: строка обязательна")
    by_remote: dict[str, str] = {}
    by_group: dict[str, FieldRow] = {}
    for row in rows:
        if by_remote.setdefault(row.remote, row.field) != row.field:
            problems.append(f"{row.field}: региональное поле {row.remote} уже занято полем {by_remote[row.remote]}")
        if row.field in obligatory and not row.required:
            problems.append(f"{row.field}: без этого поля записи не бывает, нужно required = true")
        first = by_group.setdefault(row.group or row.field, row)
        if (first.owner, first.on_clash) != (row.owner, row.on_clash):
            problems.append(f"{row.field}: у группы {row.group} должны быть одни owner и on_clash")
    return problems
