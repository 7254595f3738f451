"""Names of people: tidied as people would write them, and compared as people would compare them.

Written decisions:

- A word typed all in capitals (two letters or more) or all in small letters becomes «Фамилия»: the capitals
  of a register are layout, not spelling. Mixed case («МакГрегор») is left as it was typed. The file itself
  stays as it is, so nothing is lost.
- «оглы», «кызы», «угли» and their relatives are written small and stay with the patronymic.
- Latin look-alikes become Cyrillic only in words that hold a Cyrillic letter; a Latin name stays Latin.
- ё is kept in the value and equals е in comparison only; a hyphen equals a space in comparison only.
- A full name is split only where there is one way to do it; everything else is refused, not guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sync_service.domain.rules.outcome import Accepted, Outcome, Refused
from sync_service.domain.rules.text import cyrillic_look_alikes, plain_apostrophes, plain_hyphens, squeeze

PATRONYMIC_SUFFIXES = frozenset({"оглы", "оглу", "улы", "уулу", "угли", "кызы", "гызы", "кизи"})

_NO_PATRONYMIC = frozenset({"", "-", "--", "---", ".", "нет", "б/о", "без отчества", "отсутствует", "прочерк"})
_SURNAME_ENDING = re.compile(r"(?:ов|ев|ёв|ин|ын|ова|ева|ёва|ина|ына|ский|ская|цкий|цкая|ко|ук|юк|их|ых|ян)$")
_COMMON_FIRST_NAMES = frozenset(
    """александр александра алексей алина алиса алла алёна альбина анастасия анатолий ангелина андрей анна
    антон арина арсений артемий артур артём богдан борис вадим валентин валентина валерий валерия варвара
    василий василиса вера вероника виктор виктория виталий владимир владислав вячеслав галина георгий герман
    глеб григорий давид даниил данил данила дарина дарья денис диана дмитрий ева евгений евгения егор
    екатерина елена елизавета есения захар злата иван игорь илья инна ирина камилла карина кира кирилл
    константин кристина ксения лариса лев леонид любовь людмила макар максим маргарита марина мария марк
    марьяна матвей милана мирон мирослава михаил назар надежда наталья никита николай нина оксана олег
    олеся ольга павел пелагея полина пётр раиса регина родион роман ростислав руслан савелий светлана
    святослав семён сергей снежана софия софья станислав степан стефания тамара таисия татьяна тимофей
    тимур ульяна фёдор эвелина эдуард эльвира элина эмилия юлия юрий яна ярослав""".replace("ё", "е").split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FullName:
    """A person's name in its parts, tidied."""

    last_name: str
    first_name: str
    patronymic: str | None


def tidy_name(text: str | None) -> str | None:
    """The name as people would write it; None for an empty one. Idempotent."""
    plain = plain_apostrophes(plain_hyphens(squeeze(text or "")))
    joined = re.sub(r"(?<=\w) ?- ?(?=\w)", "-", cyrillic_look_alikes(plain))
    return " ".join(_tidy_word(word) for word in joined.split()) or None


def tidy_patronymic(text: str | None) -> str | None:
    """The patronymic as people would write it; None for «-», «нет» and other ways of saying there is none."""
    tidy = tidy_name(text)
    if tidy is None or tidy.casefold() in _NO_PATRONYMIC:
        return None
    return tidy


def split_full_name(text: str | None) -> Outcome[FullName]:
    """«Фамилия Имя Отчество» in its parts; refused (empty, parts) where that cannot be told for certain."""
    words = (tidy_name(text) or "").split()
    if not words:
        return Refused(code="empty", reason="имя не заполнено")
    if len(words) == 3 and words[2].casefold() in _NO_PATRONYMIC:
        words.pop()
    head, tail = words, ""
    if len(words) == 4 and words[3].casefold() in PATRONYMIC_SUFFIXES:
        head, tail = words[:3], " " + words[3]
    if len(head) == 2 and not tail:
        return Accepted(value=FullName(last_name=head[0], first_name=head[1], patronymic=None))
    if len(head) == 3 and head[2].casefold() not in PATRONYMIC_SUFFIXES:
        return Accepted(value=FullName(last_name=head[0], first_name=head[1], patronymic=head[2] + tail))
    return Refused(code="parts", reason="не удаётся однозначно разделить ФИО на фамилию, имя и отчество")


def comparison_key(text: str | None) -> str:
    """Equal for spellings of one name that differ in ё, case, hyphens, spaces, apostrophes or look-alikes."""
    tidy = tidy_name(text) or ""
    return " ".join(tidy.casefold().replace("ё", "е").replace("'", "").replace("-", " ").split())


def patronymic_key(text: str | None) -> str:
    """Like `comparison_key`, and all ways of saying «no patronymic» are equal to none."""
    return comparison_key(tidy_patronymic(text))


def full_name_key(last_name: str | None, first_name: str | None, patronymic: str | None) -> tuple[str, str, str]:
    """What two cards must share to bear the same name."""
    return comparison_key(last_name), comparison_key(first_name), patronymic_key(patronymic)


def looks_swapped(last_name: str | None, first_name: str | None) -> bool:
    """Whether first and last name seem to stand in each other's column; a hint for a person, never acted on."""
    last, first = comparison_key(last_name), comparison_key(first_name)
    if last not in _COMMON_FIRST_NAMES or first in _COMMON_FIRST_NAMES:
        return False
    return _SURNAME_ENDING.search(first) is not None


def _tidy_word(word: str) -> str:
    if word.casefold() in PATRONYMIC_SUFFIXES:
        return word.lower()
    return "-".join(_tidy_part(part) for part in word.split("-"))


def _tidy_part(part: str) -> str:
    if part.casefold() in PATRONYMIC_SUFFIXES:
        return part.lower()
    letters = [char for char in part if char.isalpha()]
    if len(letters) < 2 or not (part.isupper() or part.islower()):
        # «ß» has no capital of one letter; two would be tidied anew the next time.
        raised = part.upper() if len(letters) == 1 and part.islower() else part
        return raised if len(raised) == len(part) else part
    return "'".join(piece[:1].upper() + piece[1:].lower() for piece in part.split("'"))
