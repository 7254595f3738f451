"""What a template does to one value: numbers, sentences, the differences of two texts, the bars of a chart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from sync_service.domain.rules.text import spelling_key
from sync_service.engine import queries_words as words
from sync_service.engine.queries_state import Day

_NUMBER = re.compile(r"[\d+(][\d() .-]{4,18}\d")


def figure(number: int) -> str:
    """«22 596», with a space that does not break."""
    return f"{number:,}".replace(",", "\u00a0")


def inside(sentence: str) -> str:
    """A sentence as it stands after a colon: its first letter small, «ГИС» as it is."""
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart 160 wide and 30 high. ``failed`` are y and height of its red part, 0 high for none."""

    x: float
    y: float
    height: float
    failed_y: float
    failed_height: float


BAR_STEP, BAR_BASE, BAR_TOP = 11.4, 30.0, 7.0


def bars(days: Sequence[Day]) -> list[Bar]:
    """One bar for each day; the highest fills the chart, the smallest can still be seen."""
    counts = [(one.done, one.failed) for one in days]
    most = max((done + failed for done, failed in counts), default=0) or 1
    room = BAR_BASE - BAR_TOP
    found = []
    for place, (done, failed) in enumerate(counts):
        height = max(2.3, room * done / most) if done else 0.0
        red = max(3.0, room * failed / most) if failed else 0.0
        height = min(height, room - red)
        top = BAR_BASE - height
        gap = 1.0 if red and height else 0.0
        found.append(
            Bar(round(place * BAR_STEP, 1), round(top, 1), round(height, 1), round(top - gap - red, 1), round(red, 1))
        )
    return found


def marked(text: str, other: str) -> Sequence[tuple[str, bool]]:
    """The text in pieces; True marks what the other side has differently."""
    if not text or not other or text == words.NOTHING or other == words.NOTHING:
        return [(text, False)]
    matcher = SequenceMatcher(None, text, other, autojunk=False)
    if matcher.ratio() < 0.5:
        return [(text, False)]  # nearly nothing is alike: highlighting everything would say nothing
    pieces = [(text[start:end], tag != "equal") for tag, start, end, _, _ in matcher.get_opcodes() if end > start]
    return pieces or [(text, False)]


def is_number(text: str) -> bool:
    """Phones, СНИЛС and dates: broken over two lines they are hard to read out and to compare."""
    return _NUMBER.fullmatch(text) is not None


def differs_in_spelling_only(one: str, other: str) -> bool:
    """ё/е, case, spaces and hyphens: labelled, not highlighted as a difference of fact."""
    return one != other and spelling_key(one) == spelling_key(other)
