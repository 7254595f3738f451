"""One table serves both directions: whatever goes out comes back, and cleaning is idempotent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mappings import load_mappings
from mappings.codecs import CODECS
from sync_service.domain.errors import RecordError
from sync_service.domain.streams import Reject, RemoteRecord, Stream

MAPPINGS = load_mappings()
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
TYPED = st.one_of(
    st.text(max_size=25),
    st.text("0123456789+-() .", max_size=20),
    st.text("абвёАБВЁ-' ", max_size=20),
    st.dates().map(lambda day: f"{day:%d.%m.%Y}"),
    st.dates().map(str),
    st.integers(),
)


@pytest.mark.parametrize("stream", list(Stream))
@given(seed=st.integers(0, 2**32))
def test_every_canonical_record_returns_from_the_region_unchanged(stream: Stream, seed: int) -> None:
    assert MAPPINGS[stream].round_trip_check(seed=seed, rounds=1) == []


@pytest.mark.parametrize("name", sorted(CODECS))
@given(typed=TYPED)
@example(typed="ß")
@example(typed="ŉ")
def test_cleaning_is_idempotent_and_survives_the_journey(name: str, typed: Any) -> None:
    """Whatever a person types either is refused with a code or becomes a value that travels and returns."""
    codec = CODECS[name]
    try:
        clean = codec.clean(typed)
    except RecordError:
        return
    if clean is None:
        return
    assert codec.clean(clean) == clean
    if name != "ref":  # local references are numbers and never travel
        assert codec.decode(codec.encode(clean)) == clean


@pytest.mark.parametrize("stream", list(Stream))
@given(data=st.data())
def test_any_json_is_a_record_or_a_reject(stream: Stream, data: st.DataObject) -> None:
    """Ten thousand malformed items, no crash: each becomes a record or is set aside with its payload."""
    mapping = MAPPINGS[stream]
    shapes = {row.remote: ANYTHING for row in mapping.rows.values()}
    shapes |= {"id": st.just("guid-1") | ANYTHING, "version": st.just(1) | ANYTHING, "deleted": ANYTHING}
    item = data.draw(ANYTHING | st.fixed_dictionaries({}, optional=shapes))
    outcome = mapping.to_canonical(item)
    if isinstance(outcome, Reject):
        assert outcome.code
        assert outcome.reason
        assert outcome.signature.startswith(stream.value)
        assert json.loads(outcome.payload) == item
    else:
        assert isinstance(outcome, RemoteRecord)
        assert mapping.normalise_local(outcome.values) == outcome.values


@given(text=st.text(max_size=40))
def test_decoded_text_is_normal_and_storable(text: str) -> None:
    """NFC, no blank ends, no control characters: equal values are equal text on both sides."""
    codec = CODECS["text"]
    try:
        clean = codec.decode(text)
    except RecordError:
        return
    if clean is not None:
        assert isinstance(clean, str)
        assert clean == clean.strip() != ""
        assert "\x00" not in clean
