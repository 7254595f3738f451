"""Rows that speak of one pupil → that pupil, without guessing where they contradict each other.

Rows of one pupil share full name and birth date. An optional value on which they disagree stays empty and is
reported; disagreement about the class rejects the pupil. Namesakes born on one day are told apart by СНИЛС
together with the number of the personal file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from connectors.files.problems import in_row
from connectors.files.pupil_row import PupilRow
from sync_service.domain.rules import names
from sync_service.domain.school_files import OriginKind, ParsedGuardian, ParsedPupil, RowProblem, Sex

_MERGED_FIELDS = (
    "sex",
    "snils",
    "document_series",
    "document_number",
    "personal_file_no",
    "admitted_on",
    "enrolled_on",
    "order_number",
    "order_date",
    "address",
    "phone",
    "email",
    "origin_name",
    "never_studied",
    "origin_keeps_movement",
)
_AGREE = "Оставьте в строках ученика одно и то же значение и загрузите файл снова."


def grouped(rows: list[PupilRow], problems: list[RowProblem]) -> list[list[PupilRow]]:
    """Rows of one pupil together, pupils in the order of their first row."""
    groups: defaultdict[tuple[object, ...], list[PupilRow]] = defaultdict(list)
    for row in rows:
        name = names.full_name_key(row.values["last_name"], row.values["first_name"], row.values.get("patronymic"))
        groups[name, row.values["birth_date"]].append(row)
    result: list[list[PupilRow]] = []
    for group in groups.values():
        result += _namesakes(group, problems) if _holds_namesakes(group) else [group]
    return sorted(result, key=lambda group: group[0].row)


def _holds_namesakes(group: list[PupilRow]) -> bool:
    return all(
        len({row.values[name] for row in group if name in row.values}) > 1 for name in ("snils", "personal_file_no")
    )


def _namesakes(group: list[PupilRow], problems: list[RowProblem]) -> list[list[PupilRow]]:
    parts: defaultdict[str, list[PupilRow]] = defaultdict(list)
    for row in group:
        if "personal_file_no" in row.values:
            parts[row.values["personal_file_no"]].append(row)
            continue
        problems.append(
            in_row(
                row.row,
                field="personal_file_no",
                code="namesake_unclear",
                reason="в файле есть полные тёзки, родившиеся в один день, и не понятно, о ком эта строка",
                remedy="Укажите номер личного дела и загрузите файл снова.",
                severity="rejected",
            )
        )
    return list(parts.values())


def merged(group: list[PupilRow], class_of_file: str | None, problems: list[RowProblem]) -> ParsedPupil | None:
    """One pupil of its rows; None when no class, or more than one, is given."""
    problems += _once(problem for row in group for problem in row.problems)
    classes = {row.values["class_name"] for row in group if "class_name" in row.values}
    if class_of_file is not None:
        classes = {class_of_file}
    if len(classes) != 1:
        problems += [_class_problem(row.row, several=bool(classes)) for row in group]
        return None
    values = {name: _agreed(group, name, problems) for name in _MERGED_FIELDS}
    first = group[0].values
    return ParsedPupil(
        rows=tuple(row.row for row in group),
        last_name=_best_spelling(row.values["last_name"] for row in group),
        first_name=_best_spelling(row.values["first_name"] for row in group),
        patronymic=_best_spelling(row.values.get("patronymic", "") for row in group) or None,
        birth_date=first["birth_date"],
        class_name=classes.pop(),
        sex=cast("Sex | None", values["sex"]),
        snils=values["snils"],
        document_series=values["document_series"] if values["document_number"] else None,
        document_number=values["document_number"] if values["document_series"] else None,
        personal_file_no=values["personal_file_no"],
        admitted_on=values["admitted_on"],
        enrolled_on=values["enrolled_on"],
        order_number=values["order_number"],
        order_date=values["order_date"],
        address=values["address"],
        phone=values["phone"],
        email=values["email"],
        guardians=_guardians(group, problems),
        origin_kind=_origin_kind(values),
        origin_name=values["origin_name"],
    )


def _once(found: Iterable[RowProblem]) -> list[RowProblem]:
    """The rows of one pupil repeat the same cell: the first report of a field and reason is enough.

    Fields of a guardian are different cells in every row and are all reported.
    """
    kept: dict[tuple[object, ...], RowProblem] = {}
    for problem in found:
        of_guardian = (problem.column or "").startswith("guardian.")
        kept.setdefault((problem.column, problem.code, problem.row if of_guardian else None), problem)
    return list(kept.values())


def _class_problem(row: int, *, several: bool) -> RowProblem:
    return in_row(
        row,
        field="class_name",
        code="contradiction" if several else "missing",
        reason="строки одного ученика называют разные классы" if several else "класс не указан",
        remedy=_AGREE if several else "Заполните столбец «Класс» и загрузите файл снова.",
        severity="rejected",
    )


def _agreed(group: list[PupilRow], name: str, problems: list[RowProblem]) -> str | None:
    """The only value that the rows give; None, reported, where they give several."""
    given: dict[str, str] = {}
    for row in group:
        if name in row.values:
            given.setdefault(row.values[name].casefold().replace("ё", "е"), row.values[name])
    if len(given) < 2:
        return next(iter(given.values()), None)
    differing = next(
        row.row for row in group if row.values.get(name, "").casefold().replace("ё", "е") == list(given)[1]
    )
    problems.append(
        in_row(
            differing,
            field=name,
            code="contradiction",
            reason="строки одного ученика противоречат друг другу, значение не загружено",
            remedy=_AGREE,
            severity="warning",
        )
    )
    return None


def _best_spelling(spellings: Iterable[str]) -> str:
    """Of spellings that compare equal the first with ё: the letter is dropped often and added never."""
    found = list(spellings)
    return next((spelling for spelling in found if "ё" in spelling.casefold()), next(filter(None, found), ""))


def _guardians(group: list[PupilRow], problems: list[RowProblem]) -> tuple[ParsedGuardian, ...]:
    """Each guardian once, in the order of the file; a repeated one brings what was empty."""
    kept: dict[tuple[str, str, str], ParsedGuardian] = {}
    for row in group:
        for guardian in row.guardians:
            key = names.full_name_key(guardian.last_name, guardian.first_name, guardian.patronymic)
            before = kept.setdefault(key, guardian)
            kept[key] = replace(
                before,
                phone=before.phone or guardian.phone,
                home_phone=before.home_phone or guardian.home_phone,
                email=before.email or guardian.email,
            )
            if not _agree(before, guardian):
                problems.append(
                    in_row(
                        row.row,
                        field="guardian.1.name",
                        code="contradiction",
                        reason="тот же родитель указан ещё раз с другими данными; загружены первые",
                        remedy="Проверьте карточку родителя.",
                        severity="warning",
                    )
                )
    return tuple(kept.values())


def _agree(one: ParsedGuardian, other: ParsedGuardian) -> bool:
    same_kin = (one.relation, one.relation_note) == (other.relation, other.relation_note)
    pairs = ((one.phone, other.phone), (one.home_phone, other.home_phone), (one.email, other.email))
    return same_kin and all(left is None or right is None or left == right for left, right in pairs)


def _origin_kind(values: dict[str, str | None]) -> OriginKind | None:
    if values["never_studied"] == "да":
        return "none"
    match values["origin_keeps_movement"]:
        case "да":
            return "school"
        case "нет":
            return "other_district"
        case _:
            return None
