"""Every error has an origin, a sentence and somebody who acts."""

from __future__ import annotations

import inspect
import re

import pytest

from sync_service.domain import errors
from sync_service.engine.failure_words import NOBODY, WORDS, Origin, words_of

CLASSES = {
    name for name, found in vars(errors).items() if inspect.isclass(found) and issubclass(found, errors.SyncError)
}


def test_no_class_of_error_is_left_without_words() -> None:
    assert set(WORDS) == CLASSES


@pytest.mark.parametrize("name", sorted(WORDS))
def test_the_words_are_plain_russian(name: str) -> None:
    """Whole sentences without technical words; nobody acts exactly where it heals by itself."""
    words = words_of(f"{name}: some technical words")
    assert not re.search(r"[A-Za-z]", words.what + words.todo)
    assert words.what.endswith(".")
    assert words.todo.endswith(".")
    assert (words.who == NOBODY) == words.heals


def test_what_nobody_knows_is_our_mistake() -> None:
    """Also the database, which is not the region."""
    for error in (
        "KeyError: x",
        "mistake of the program: KeyError at x.py:1",
        "TransientError: the database is away",
    ):
        assert words_of(error).origin is Origin.OURS
