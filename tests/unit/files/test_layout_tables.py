"""The tables of column names are complete, free of contradictions and part of the package."""

from __future__ import annotations

from importlib import resources

import pytest

from connectors.files.problems import FIELD_NAMES
from mappings.files import PupilListLayout, class_report_layout, fold_header, pupil_list_layouts


@pytest.mark.parametrize("layout", pupil_list_layouts(), ids=lambda layout: layout.name)
def test_a_header_names_one_field_and_every_field_has_a_russian_name(layout: PupilListLayout) -> None:
    """No header is claimed by two fields; a secretary never reads a canonical name."""
    headers = [header for column in layout.columns for header in column.headers]
    assert len(headers) == len(set(headers))
    assert {column.field for column in layout.columns} <= FIELD_NAMES.keys()
    assert {"last_name", "first_name", "birth_date"} <= {column.field for column in layout.columns if column.required}


def test_every_table_of_the_folder_is_used() -> None:
    """A table that nothing reads would be a silent promise."""
    tables = {entry.name for entry in resources.files("mappings.files").iterdir() if entry.name.endswith(".toml")}
    assert tables == {f"{layout.name}.toml" for layout in pupil_list_layouts()} | {"class_report.toml"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Дата приёма в школу", "дата приема  в школу:"),
        ("Родитель (ФИО)", "РОДИТЕЛЬ ( ФИО )"),
        ("№ личного дела", "№личного дела"),
        ("Средневзвешенный \n балл", "Средневзвешенный балл"),
        ("E‑mail", "e-mail *"),
    ],
)
def test_headers_are_compared_without_layout(one: str, other: str) -> None:
    """Case, ё, spaces, line breaks, dashes and punctuation at the ends do not matter."""
    assert fold_header(one) == fold_header(other)


def test_the_report_knows_its_lines_and_headers() -> None:
    """The words of the sample report are known, and other words are not."""
    layout = class_report_layout()
    assert layout.is_title("Отчет об успеваемости и посещаемости ученика")
    assert (layout.line_of("Учебный год"), layout.line_of("Ученик"), layout.line_of("Директор")) == (
        "school_year",
        "pupil",
        None,
    )
    assert (layout.header_of("Предмет"), layout.header_of("Сентябрь")) == ("subject", None)


def test_a_layout_says_what_it_lacks() -> None:
    """A full name replaces its three columns; a missing birth date is named."""
    layout = next(layout for layout in pupil_list_layouts() if layout.name == "pupils_only")
    assert layout.missing({"full_name", "class_name"}) == ("birth_date",)
    assert layout.missing({"last_name", "first_name", "birth_date"}) == ()
