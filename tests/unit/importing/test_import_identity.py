"""Whose card a pupil of a file is: found by strong evidence, never guessed."""

from __future__ import annotations

from typing import Any

import pytest

from sync_service.domain.links import LocalId
from sync_service.domain.records import Values
from sync_service.domain.school_files import ParsedPupil, ReportPupil
from sync_service.engine.import_identity import (
    AMBIGUOUS,
    Doubt,
    Identity,
    Known,
    Unknown,
    identify_listed,
    identify_reported,
)
from tests.unit.importing.office import ANNA, pupil

SNILS, OTHER_SNILS = "11223344595", "08765430300"
CLASS, OTHER_CLASS = LocalId(7), LocalId(8)


def card(**values: Any) -> Values:
    known: Values = {
        "last_name": "Ли",
        "first_name": "Анна",
        "patronymic": "Ивановна",
        "birth_date": "2012-05-11",
        "snils": None,
        "personal_file_no": None,
        "incomplete": False,
        "listed_class_id": None,
    }
    return known | values


def unfinished(**values: Any) -> Values:
    return card(birth_date=None, incomplete=True, **({"listed_class_id": CLASS} | values))


def listed(pupils: list[ParsedPupil], *cards: Values) -> list[Identity]:
    return identify_listed(pupils, {"8А": CLASS}, {LocalId(i): row for i, row in enumerate(cards, start=1)})


def reported(*cards: Values, current: dict[LocalId, int] | None = None, been: set[LocalId] | None = None) -> Identity:
    rows = {LocalId(i): row for i, row in enumerate(cards, start=1)}
    (identity,) = identify_reported([ANNA], CLASS, rows, current or {}, been or set())
    return identity


ONE, TWO = Known(LocalId(1)), Known(LocalId(2))


@pytest.mark.parametrize(
    ("row", "cards", "expected"),
    [
        pytest.param(pupil(), [], Unknown(), id="nobody"),
        pytest.param(pupil(), [card(birth_date="2012-05-12")], Unknown(), id="another-birth-date"),
        pytest.param(pupil(), [card()], ONE, id="name-and-birth-date"),
        pytest.param(pupil(patronymic=None), [card(patronymic="нет")], ONE, id="no-patronymic-in-two-ways"),
        pytest.param(pupil(), [card(), card()], AMBIGUOUS, id="two-namesakes"),
        pytest.param(pupil(snils=SNILS), [card(), card(snils=SNILS)], TWO, id="snils-tells-namesakes-apart"),
        pytest.param(
            pupil(personal_file_no="Л-2"),
            [card(personal_file_no="Л-1"), card(personal_file_no="Л-2")],
            TWO,
            id="file-number-tells-namesakes-apart",
        ),
        pytest.param(pupil(snils=SNILS), [card(last_name="Ким", snils=SNILS)], ONE, id="surname-changed"),
        pytest.param(
            pupil(snils=SNILS), [card(birth_date="2012-11-05", snils=SNILS)], ONE, id="birth-date-corrected"
        ),
        pytest.param(pupil(snils=SNILS), [card(snils="112-233-445 95")], ONE, id="snils-typed-with-hyphens"),
        pytest.param(
            pupil(snils=SNILS),
            [card(last_name="Ким", birth_date="2012-11-05", snils=SNILS)],
            Doubt("snils_of_another"),
            id="snils-of-somebody-else",
        ),
        pytest.param(
            pupil(snils=SNILS),
            [card(last_name="Ким", snils=SNILS), card()],
            AMBIGUOUS,
            id="two-cards-each-half-right",
        ),
        pytest.param(pupil(snils=SNILS), [card(snils=SNILS), card(snils=SNILS)], AMBIGUOUS, id="snils-on-two-cards"),
        pytest.param(pupil(snils=SNILS), [card()], ONE, id="card-without-snils"),
        pytest.param(pupil(snils=SNILS), [card(snils=OTHER_SNILS)], Doubt("snils_differs"), id="another-snils"),
        pytest.param(
            pupil(snils=SNILS, personal_file_no="Л-1"),
            [card(snils=OTHER_SNILS, personal_file_no="Л-1")],
            ONE,
            id="snils-corrected",
        ),
        pytest.param(
            pupil(snils=SNILS, personal_file_no="Л-1"),
            [card(snils=OTHER_SNILS, personal_file_no="Л-2")],
            Unknown(),
            id="a-namesake-with-another-file",
        ),
        pytest.param(pupil(), [unfinished()], ONE, id="incomplete-card-of-the-class"),
        pytest.param(pupil(), [unfinished(listed_class_id=OTHER_CLASS)], Unknown(), id="incomplete-card-elsewhere"),
        pytest.param(pupil(class_name="9Б"), [unfinished(listed_class_id=None)], Unknown(), id="class-not-known-yet"),
        pytest.param(pupil(), [unfinished(), unfinished()], AMBIGUOUS, id="two-incomplete-cards"),
        pytest.param(pupil(), [unfinished(), card()], TWO, id="complete-card-goes-first"),
        pytest.param(
            pupil(),
            [card(birth_date="2012-01-01", incomplete=True, listed_class_id=CLASS)],
            Unknown(),
            id="born-else",
        ),
    ],
)
def test_a_listed_pupil_meets_one_card_or_none(row: ParsedPupil, cards: list[Values], expected: Identity) -> None:
    """СНИЛС, then full name and birth date, then an incomplete card of the class; two answers are no answer."""
    assert listed([row], *cards) == [expected]


def test_two_rows_of_a_list_never_meet_one_card() -> None:
    """Namesakes of one list who both fit a card are both left to a person."""
    rows = [pupil(2, personal_file_no="Л-1"), pupil(3, personal_file_no="Л-2")]
    assert listed(rows, card()) == [AMBIGUOUS, AMBIGUOUS]


def test_the_one_with_the_snils_keeps_the_card() -> None:
    """Of two namesakes the card belongs to the one whose СНИЛС it holds; the other stays in doubt."""
    rows = [pupil(2, snils=SNILS, personal_file_no="Л-1"), pupil(3, personal_file_no="Л-2")]
    assert listed(rows, card(snils=SNILS)) == [ONE, AMBIGUOUS]


def test_one_snils_on_two_pupils_of_a_list_is_nobodys() -> None:
    """A repeated СНИЛС identifies nobody, also when no card has it yet."""
    rows = [pupil(2, snils=SNILS), pupil(3, snils=SNILS, first_name="Вера")]
    assert listed(rows) == [AMBIGUOUS, AMBIGUOUS]


def test_two_namesakes_of_a_class_do_not_share_an_incomplete_card() -> None:
    """A class report knew a name only: it cannot be told which of two namesakes it meant."""
    rows = [pupil(2), pupil(3, birth_date="2012-08-01")]
    assert listed(rows, unfinished()) == [AMBIGUOUS, AMBIGUOUS]


@pytest.mark.parametrize(
    ("cards", "current", "been", "expected"),
    [
        pytest.param([], {}, (), Unknown(), id="nobody"),
        pytest.param([card()], {1: CLASS}, (), ONE, id="in-the-class-by-movement"),
        pytest.param([card(listed_class_id=CLASS)], {}, (), ONE, id="in-the-class-by-list"),
        pytest.param([card()], {1: OTHER_CLASS}, (), Unknown(), id="in-another-class"),
        pytest.param([card(), card()], {1: OTHER_CLASS, 2: CLASS}, (), TWO, id="namesake-elsewhere"),
        pytest.param([card(), card()], {1: CLASS, 2: CLASS}, (), AMBIGUOUS, id="namesakes-in-the-class"),
        pytest.param([card()], {1: OTHER_CLASS}, (1,), ONE, id="moved-to-another-class-since"),
        pytest.param([card(), card()], {1: OTHER_CLASS, 2: CLASS}, (1,), TWO, id="who-is-there-now-goes-first"),
        pytest.param([unfinished()], {}, (), ONE, id="incomplete-card"),
        pytest.param([unfinished(listed_class_id=OTHER_CLASS)], {}, (), Unknown(), id="incomplete-card-elsewhere"),
        pytest.param([unfinished(), unfinished()], {}, (), AMBIGUOUS, id="two-incomplete-cards"),
        pytest.param([unfinished(), card()], {2: CLASS}, (), TWO, id="complete-card-goes-first"),
        pytest.param([card(last_name="Лим", listed_class_id=CLASS)], {}, (), Unknown(), id="another-name"),
    ],
)
def test_a_reported_pupil_is_found_by_name_within_the_class(
    cards: list[Values], current: dict[int, int], been: tuple[int, ...], expected: Identity
) -> None:
    """A name alone counts within its class only, and only where one pupil bears it."""
    by_id = {LocalId(i): class_id for i, class_id in current.items()}
    assert reported(*cards, current=by_id, been={LocalId(i) for i in been}) == expected


def test_nobody_is_in_a_class_that_does_not_exist_yet() -> None:
    """Without a class there is nothing to look a name up in."""
    stranger = ReportPupil(last_name="Ли", first_name="Анна", patronymic=None)
    assert identify_reported([stranger], None, {LocalId(1): card()}, {}, set()) == [Unknown()]
