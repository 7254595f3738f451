"""Only the symbols of the regulation stand in a cell; everything else is refused."""

from __future__ import annotations

import pytest

from sync_service.domain.rules import cell_symbols
from sync_service.domain.rules.outcome import Accepted, Refused


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("ОТ", "ОТ"),
        ("от", "ОТ"),
        ("OT", "ОТ"),
        ("HП", "НП"),
        ("B", "В"),
        ("Б", "Б"),
        (" б. ", "Б"),
        ("оп", "ОП"),
        ("yп", "УП"),
        ("осв.", "осв"),
        ("ОСВ", "осв"),
        ("Ocв.", "осв"),
    ],
)
def test_attendance_spellings(text: str, symbol: str) -> None:
    """Case, a trailing dot and Latin look-alikes are spelling; Latin B resembles В, which is no symbol."""
    outcome = cell_symbols.attendance(text)
    if symbol in cell_symbols.ATTENDANCE:
        assert outcome == Accepted(value=symbol)
    else:
        assert isinstance(outcome, Refused)


@pytest.mark.parametrize("text", ["", None, "Н", "О", "У", "Х", "5", "ОТУП", "болел"])
def test_unknown_symbols_are_never_guessed(text: str | None) -> None:
    """A lone letter has no meaning without a legend."""
    outcome = cell_symbols.attendance(text)
    assert isinstance(outcome, Refused)
    assert outcome.code == "unknown_symbol"


@pytest.mark.parametrize("text", ["1", "2", "3", "4", "5", " 5 "])
def test_current_marks(text: str) -> None:
    """1 to 5 are marks."""
    assert cell_symbols.current_mark(text) == Accepted(value=text.strip())


@pytest.mark.parametrize("text", ["0", "6", "10", "5+", "5-", "", None, "зач", "٥"])
def test_no_current_marks(text: str | None) -> None:
    """Nothing else is a mark, nor is a five with a plus."""
    assert isinstance(cell_symbols.current_mark(text), Refused)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("5", "5"),
        ("зачёт", "зач"),
        ("Зачет.", "зач"),
        ("зач.", "зач"),
        ("незачёт", "незач"),
        ("н/а", "н/а"),
        ("Н/А.", "н/а"),
        ("H/A", "н/а"),
        ("осв.", "осв"),
    ],
)
def test_final_marks(text: str, mark: str) -> None:
    """Spellings of the final marks end in their only spelling inside."""
    assert cell_symbols.final_mark(text) == Accepted(value=mark)


@pytest.mark.parametrize("text", ["1", "", None, "6", "ОТ"])
def test_no_final_marks(text: str | None) -> None:
    """A final mark of 1 does not exist."""
    assert isinstance(cell_symbols.final_mark(text), Refused)


@pytest.mark.parametrize(
    ("text", "symbol"),
    [("Неуважительная", "НП"), ("Опоздание", "ОП"), ("Болезнь", "Б"), ("Уважительная", "УП"), ("Освобождён", "осв")],
)
def test_legends(text: str, symbol: str) -> None:
    """The wording of a legend names the regional symbol."""
    assert cell_symbols.meaning_of_legend(text) == Accepted(value=symbol)


def test_an_unknown_legend_is_refused() -> None:
    """A wording that is not in the table gives the letter no meaning."""
    assert isinstance(cell_symbols.meaning_of_legend("Карантин"), Refused)
