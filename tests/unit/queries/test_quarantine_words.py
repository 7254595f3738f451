"""The quarantine speaks the school's words: captions of fields, never the region's names or our tables'."""

from __future__ import annotations

import re

import pytest

from mappings import load_mappings
from sync_service.domain.streams import BOTH_WAYS, Reject, Stream
from sync_service.engine import queries_words as words
from sync_service.engine.queries_quarantine_words import REASONS, plain_reason, plain_remedy

MAPPINGS = load_mappings()
NAMES = {row.remote: field for mapping in MAPPINGS.values() for field, row in mapping.rows.items()}
LATIN = re.compile("[A-Za-z_]{2,}")


@pytest.mark.parametrize("stream", BOTH_WAYS)
def test_every_field_that_cannot_be_read_is_called_by_its_caption(stream: Stream) -> None:
    mapping = MAPPINGS[stream]
    checked = 0
    for field, row in mapping.rows.items():
        found = mapping.to_canonical({"id": "r1", row.remote: ["?"]})
        if not isinstance(found, Reject) or f".{field}" not in found.signature:
            continue  # another required field is missing first
        said = plain_reason("pull", found.code, found.signature, found.reason, NAMES)
        assert said.titles == (words.FIELDS[field],)
        assert not LATIN.search(said.text), said.text
        checked += 1
    assert checked


@pytest.mark.parametrize(
    ("code", "signature", "reason", "text"),
    [
        ("broken_date", "students:broken_date", "birth_date: такого дня нет", "«Дата рождения»: такой даты нет"),
        ("required", "marks:required", "marks 5: не указано поле student_id.", "«Ученик»: не заполнено"),
        (
            "movement_incomplete",
            "movements:movement_incomplete",
            "Движение учащихся: не заполнено order_number, order_date. Внесите данные приказа.",
            "«Номер приказа», «Дата приказа»: не заполнены данные приказа",
        ),
        ("invalid", "students:invalid:data.birthDate", "(invalid: data.birthDate)", "«Дата рождения»: ГИС не"),
        ("new_code", "students:new_code:data.unknown", "ГИС не приняла запись (new_code)", "ГИС не приняла запись"),
    ],
)
def test_what_did_not_leave_is_told_in_words(code: str, signature: str, reason: str, text: str) -> None:
    said = plain_reason("push", code, signature, reason, NAMES).text
    assert said.startswith(text)
    assert not LATIN.search(said)


def test_nobody_is_sent_to_a_table_of_the_program() -> None:
    for direction in ("pull", "push"):
        for code in (*REASONS, "unheard_of"):
            assert not LATIN.search(plain_remedy(direction, code)), (direction, code)
