"""The audit journal's chain: any change of what happened shows, erasing personal data does not break it."""

from __future__ import annotations

import pytest

from sync_service.domain.audit import DIGEST_BYTES, entry_digest, item_digest

SALT = bytes(range(16))
ITEMS = [item_digest(SALT, payload) for payload in (b"one", b"two", b"three")]
HEADER = b'{"act": "pull", "actor": "system"}'
GENESIS = b""
DIGEST = entry_digest(GENESIS, HEADER, ITEMS)


def test_digests_have_a_fixed_size_and_are_repeatable() -> None:
    assert len(DIGEST) == len(ITEMS[0]) == DIGEST_BYTES
    assert entry_digest(GENESIS, HEADER, iter(ITEMS)) == DIGEST


@pytest.mark.parametrize(
    ("previous", "header", "items"),
    [
        (b"x" * DIGEST_BYTES, HEADER, ITEMS),
        (GENESIS, HEADER + b" ", ITEMS),
        (GENESIS, HEADER, ITEMS[:2]),
        (GENESIS, HEADER, [*ITEMS, ITEMS[0]]),
        (GENESIS, HEADER, ITEMS[::-1]),
        (GENESIS, HEADER, []),
    ],
    ids=["an earlier entry", "the header", "an item removed", "an item added", "their order", "all items removed"],
)
def test_any_change_shows(previous: bytes, header: bytes, items: list[bytes]) -> None:
    assert entry_digest(previous, header, items) != DIGEST


def test_an_item_cannot_pass_for_a_part_of_the_header() -> None:
    """The header's length stands before it: what follows cannot be moved into it."""
    assert entry_digest(GENESIS, HEADER + ITEMS[0], ITEMS[1:]) != DIGEST


def test_a_change_of_an_early_entry_changes_every_later_one() -> None:
    def chain(headers: list[bytes]) -> list[bytes]:
        digests, last = [], GENESIS
        for header in headers:
            last = entry_digest(last, header, ITEMS)
            digests.append(last)
        return digests

    honest, forged = chain([b"a", b"b", b"c", b"d"]), chain([b"a", b"B", b"c", b"d"])
    assert [one == other for one, other in zip(honest, forged, strict=True)] == [True, False, False, False]


def test_the_same_value_under_another_salt_has_another_digest() -> None:
    """Once salt and value are erased, nobody can find the value again by trying names."""
    assert item_digest(SALT, b"one") != item_digest(bytes(16), b"one")
    assert item_digest(SALT, b"one") == ITEMS[0]
