"""``python -m tests.browser.catalogue`` (``make catalogue``): brings the English catalogue up to the page's texts.

Texts of the templates stand in ``_("…")`` and in the forms of ``plural`` and ``part.count``, which Babel's extractor
does not see. Of the page's Python, literals that begin with a capital letter belong to it: the others are pieces and
heads of files. The engine's words that a template hands to ``_`` are named below. A new text comes in without
translation, one that is no longer there goes out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2 import nodes

from sync_service import notify_trial
from sync_service.engine import (
    contacts,
    erasure_words,
    failure_words,
    judging,
    messages,
    queries_holds,
    queries_journal,
    queries_movements,
    queries_retry,
)
from sync_service.engine import queries_hold_words as hold_words
from sync_service.engine import queries_quarantine_words as quarantine_words
from sync_service.engine import queries_resync_words as resync_words
from sync_service.engine import queries_words as words
from sync_service.engine.queries_run_page import STAGES
from sync_service.web import i18n, rendering

WEB = Path(i18n.__file__).parent
CATALOGUE = WEB / "locale" / i18n.ENGLISH / "messages.po"
HEAD = b'msgid ""\nmsgstr ""\n"Language: en\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
RUSSIAN = re.compile("[а-яё]", re.IGNORECASE)
PYTHON = (*sorted((WEB / "routes").glob("*.py")), WEB / "app.py", WEB / "errands.py", WEB / "refusals.py")
# Names and words that stand inside sentences.
WHOLE = (WEB / "rendering.py", WEB / "navigation.py", WEB / "clockface.py", WEB / "routes" / "state.py")

NAMED = (
    words.STREAMS,
    erasure_words.REASONS,
    erasure_words.CATEGORIES,
    erasure_words.OBSTACLES,
    words.FIELDS,
    words.CONFLICT_STATES,
    words.RELATIVES,
    words.SUGGESTIONS,
    words.MATCH_STATES,
    words.SAME,
    words.OTHER,
    words.HOLD_STATES,
    words.ITEM_STATES,
    words.RUN_STATUS,
    words.WAITING,
    words.RELEASE_STATES,
    words.RELEASE_CASES,
    words.STEPS,
    words._CODES["origin_kind"][None],
    words._OTHER_REASONS,
    words._REMEDIES,
    words._REMEDY,
    quarantine_words.REASONS,
    quarantine_words._FAMILIES,
    quarantine_words.REMEDIES,
    STAGES,
    queries_movements.KINDS,
    queries_journal.ACTS,
    queries_holds._DISCARDS,
    hold_words._LET_GO,
    hold_words._DISCARD,
    hold_words._SOURCE,
    resync_words.PLAN_KINDS,
    resync_words.PLAN_STATES,
    resync_words.PLAN_ACTS,
    resync_words.LEFT,
    contacts.ROLES,
    contacts.WRONG,
)
# What the engine says without a table; «прежняя школа» stands where a school has no name.
OF_TRIALS = (notify_trial.NO_CHANNELS, notify_trial.NOT_FOR_THIS)
OF_TODAY = (
    "расхождение",
    "возможный двойник",
    "возможный двойник родителя",
    "задержаны",
    "задержано",
    "неясно, откуда прибыл",
    "не отчислен",
    "Неясно, откуда прибыл. Укажите в движении.",
    "Прежний район не ведёт движение в ГИС: нужны звонок и новая карточка.",
    "прежняя школа не оформила выбытие. Ещё не звонили.",
    "зачислен, в ГИС новая карточка",
    "прежняя школа отчислила, зачислен без новой карточки",
    "Без вопроса не проходит ни одно.",
)
OF_A_PUPIL = ("Расхождение между школой и ГИС", "Возможный двойник")


def constants(node: nodes.Node) -> Iterator[str]:
    found = [node] if isinstance(node, nodes.Const) else list(node.find_all(nodes.Const))
    yield from (one.value for one in found if isinstance(one.value, str))


def template_texts(source: str) -> Iterator[str]:
    for call in rendering.environment(i18n.RUSSIAN).parse(source).find_all(nodes.Call):
        match call.node:
            case nodes.Name(name="_"):
                yield from constants(call.args[0])
            case nodes.Name(name="plural") | nodes.Getattr(attr="count") if len(call.args) == 4:
                yield from (*constants(call.args[1]), *constants(call.args[3]))


def python_texts(source: str, *, whole: bool) -> Iterator[str]:
    tree = ast.parse(source)
    passed: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):  # a docstring
            passed.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):  # a sentence with values in it is no text of the catalogue
            passed |= {id(part) for part in node.values}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "replace":
            passed |= {id(argument) for argument in node.args}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in passed:
            continue
        if whole or (node.value[:1].isupper() and node.value == node.value.rstrip()):
            yield node.value


def engine_texts() -> Iterator[str]:
    for table in NAMED:
        yield from table.values()
    yield from (words.reason(f"{key}_{likeness}") for key in words._KEYS for likeness in words._LIKENESS)
    yield from (word.value for word in (*judging.Word, *failure_words.Origin))
    for one in (*failure_words.WORDS.values(), failure_words._DIED):
        yield from (one.what, one.todo, one.who)
    yield from (f"{many} больше обычного." for many in hold_words._MANY.values())
    yield from (f"{untouched}, пока вы не решите." for untouched in hold_words._UNTOUCHED.values())
    yield from messages._STEPS.values()
    yield queries_retry.BUSY
    yield from (quarantine_words._REFUSED, quarantine_words._UNREADABLE)
    yield from (resync_words.EXPIRED_TEXT, *OF_TODAY, *OF_TRIALS, *OF_A_PUPIL)


def texts() -> list[str]:
    """All texts of the page, in the order of its files."""
    found: dict[str, None] = {}
    for path in sorted((WEB / "templates").glob("*.html")):
        found |= dict.fromkeys(template_texts(path.read_text(encoding="utf-8")))
    for path in (*PYTHON, *WHOLE):
        found |= dict.fromkeys(python_texts(path.read_text(encoding="utf-8"), whole=path in WHOLE))
    found |= dict.fromkeys(engine_texts())
    return [text for text in found if RUSSIAN.search(text)]


def translations() -> dict[str, str]:
    """Everything in the file, with what is not translated yet."""
    with CATALOGUE.open("rb") as file:
        return {str(one.id): str(one.string) for one in read_po(file) if one.id}


def main() -> None:
    known = translations()
    fresh = Catalog(locale=i18n.ENGLISH)
    for text in texts():
        fresh.add(text, known.get(text, ""))
    with CATALOGUE.open("wb") as file:
        file.write(HEAD)
        write_po(file, fresh, width=0, omit_header=True)


if __name__ == "__main__":
    main()
