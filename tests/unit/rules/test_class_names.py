"""Class names of files and groups become one spelling."""

from __future__ import annotations

import pytest

from sync_service.domain.rules import class_names
from sync_service.domain.rules.class_names import ClassName
from sync_service.domain.rules.outcome import Accepted, Refused


@pytest.mark.parametrize(
    ("text", "name", "grade", "group"),
    [
        ("5А", "5А", 5, None),
        ("10 Б", "10Б", 10, None),
        ("8б", "8Б", 8, None),
        ("8-А", "8А", 8, None),
        ("8A", "8А", 8, None),
        ("11а", "11А", 11, None),
        ("8 «А»", "8А", 8, None),
        ("8А класс", "8А", 8, None),
        ("класс 8А", "8А", 8, None),
        ("5ж/Русский язык", "5Ж", 5, "Русский язык"),
        ("9", "9", 9, None),
        ("5 инж", "5инж", 5, None),
        ("12А", "12А", None, None),
        ("Подготовишки", "Подготовишки", None, None),
    ],
)
def test_canonical_names(text: str, name: str, grade: int | None, group: str | None) -> None:
    """Spaces, dashes, quotes, case and look-alikes are spelling; the group stands after a slash."""
    assert class_names.normalise(text) == Accepted(value=ClassName(name=name, grade=grade, group=group))


@pytest.mark.parametrize(
    ("text", "code"), [("", "empty"), (None, "empty"), ("  ", "empty"), ("8" + "ж" * 15, "length")]
)
def test_refused_names(text: str | None, code: str) -> None:
    """A class has a name of at most 15 characters."""
    outcome = class_names.normalise(text)
    assert isinstance(outcome, Refused)
    assert outcome.code == code


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("8А", "8А"),
        ("Список 8а класса", "8А"),
        ("список_10Б_2026", "10Б"),
        ("Список учеников 8 «А» класса", "8А"),
        ("8A (копия 8А)", "8А"),
    ],
)
def test_the_class_in_a_file_name(text: str, name: str) -> None:
    """A file name that mentions one class, even twice, names that class."""
    outcome = class_names.in_text(text)
    assert isinstance(outcome, Accepted)
    assert outcome.value.name == name


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("список учеников", "none"),
        ("школа 900", "none"),
        ("СОШ № 5 г. Ревда", "none"),
        ("школа 5 г. Ревда", "none"),
        ("2026-09-01", "none"),
        ("8А и 8Б", "several"),
    ],
)
def test_no_class_or_several_are_told_apart(text: str, code: str) -> None:
    """Without exactly one class there is no answer."""
    outcome = class_names.in_text(text)
    assert isinstance(outcome, Refused)
    assert outcome.code == code
