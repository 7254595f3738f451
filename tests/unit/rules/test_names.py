"""Names are tidied as people write them and compared as people compare them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.rules import names
from sync_service.domain.rules.names import FullName
from sync_service.domain.rules.outcome import Accepted, Refused


@pytest.mark.parametrize(
    ("typed", "tidy"),
    [
        ("  Зубрилин  ", "Зубрилин"),
        ("СЕНИНА", "Сенина"),
        ("сенина", "Сенина"),
        ("Kурочкин", "Курочкин"),
        ("Cтефанов", "Стефанов"),
        ("Smith", "Smith"),
        ("ПЕТРОВ-ВОДКИН", "Петров-Водкин"),
        ("Петров \u2013 Водкин", "Петров-Водкин"),
        ("Петров\u2011Водкин", "Петров-Водкин"),
        ("Вагиф\u00a0оглы", "Вагиф оглы"),
        ("ВАГИФ ОГЛЫ", "Вагиф оглы"),
        ("Вагиф-Оглы", "Вагиф-оглы"),
        ("О\u2019НИЛ", "О'Нил"),
        ("МакГрегор", "МакГрегор"),
        ("Артём", "Артём"),
        ("Арте\u0308м", "Артём"),
        ("", None),
        (" \u200b ", None),
        (None, None),
    ],
)
def test_a_name_is_tidied(typed: str | None, tidy: str | None) -> None:
    """Spaces, dashes, capitals, look-alikes and composed letters end in one spelling; ё is kept."""
    assert names.tidy_name(typed) == tidy


@pytest.mark.parametrize("typed", ["-", "—", "нет", "НЕТ", "", None, "без отчества", " - "])
def test_no_patronymic_has_many_spellings(typed: str | None) -> None:
    """Every way of saying that there is no patronymic means None and equals an empty one."""
    assert names.tidy_patronymic(typed) is None
    assert names.patronymic_key(typed) == ""


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("Николенко Ангелина Петровна", ("Николенко", "Ангелина", "Петровна")),
        ("Ли Анна", ("Ли", "Анна", None)),
        ("Ли Анна -", ("Ли", "Анна", None)),
        ("Ли Анна нет", ("Ли", "Анна", None)),
        ("Алиев Вагиф Али оглы", ("Алиев", "Вагиф", "Али оглы")),
        ("АЛИЕВА ЛЕЙЛА АЛИ КЫЗЫ", ("Алиева", "Лейла", "Али кызы")),
        ("Петров - Водкин Кузьма Сергеевич", ("Петров-Водкин", "Кузьма", "Сергеевич")),
    ],
)
def test_a_full_name_is_split(typed: str, parts: tuple[str, str, str | None]) -> None:
    """Two or three words are split by position; оглы and кызы stay with the patronymic."""
    last, first, patronymic = parts
    assert names.split_full_name(typed) == Accepted(
        value=FullName(last_name=last, first_name=first, patronymic=patronymic)
    )


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (None, "empty"),
        ("  ", "empty"),
        ("Иванов", "parts"),
        ("Иванов Петров Анна Мария Ивановна", "parts"),
        ("Де Ла Крус Мария", "parts"),
        ("Алиев Вагиф оглы", "parts"),
    ],
)
def test_what_cannot_be_split_for_certain_is_refused(typed: str | None, code: str) -> None:
    """One word, too many words, or a suffix without its patronymic are not guessed at."""
    outcome = names.split_full_name(typed)
    assert isinstance(outcome, Refused)
    assert outcome.code == code


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Фёдоров", "ФЕДОРОВ"),
        ("Анна-Мария", "анна мария"),
        ("Kурочкин", "Курочкин"),
        ("О'Нил", "О’нил"),
        ("Вагиф оглы", "Вагиф-Оглы"),
    ],
)
def test_spellings_of_one_name_are_equal(one: str, other: str) -> None:
    """Comparison overlooks ё, case, hyphens, apostrophes and look-alikes."""
    assert names.comparison_key(one) == names.comparison_key(other)


def test_different_names_stay_different() -> None:
    """Comparison overlooks spelling only: a changed letter is a different name."""
    assert names.comparison_key("Иванов") != names.comparison_key("Иванова")
    assert names.full_name_key("Ли", "Анна", None) != names.full_name_key("Ли", "Анна", "Ивановна")
    assert names.full_name_key("Ли", "Анна", "-") == names.full_name_key("Ли", "Анна", None)


@pytest.mark.parametrize(
    ("last", "first", "swapped"),
    [
        ("Анна", "Иванова", True),
        ("Фёдор", "Петровский", True),
        ("Иванова", "Анна", False),
        ("Роман", "Давид", False),
        ("Данил", "Иван", False),
        ("Анна", "Смит", False),
    ],
)
def test_swapped_names_are_only_hinted_at(last: str, first: str, swapped: bool) -> None:
    """A common first name in the surname's column beside a surname's ending looks swapped."""
    assert names.looks_swapped(last, first) is swapped


@given(st.text(alphabet="АбВгдЁёЖзиКлоНYxAo-'’– \u00a0", max_size=24))
def test_tidying_is_idempotent_and_keeps_the_key(text: str) -> None:
    """Tidying twice changes nothing more, and never changes what a name is compared by."""
    once = names.tidy_name(text)
    assert names.tidy_name(once) == once
    assert names.comparison_key(once) == names.comparison_key(text)
