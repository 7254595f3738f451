"""The rotating token pair: stored before use, one refresh at a time, a rejection remembered."""

from __future__ import annotations

import threading

import pytest

from connectors.auth import Tokens, TokenSession
from sync_service.domain.errors import LoginNeeded, TransientError
from tests.unit.connectors.regions import Store


class Region:
    """Rotates like the contract: a refresh token works once."""

    def __init__(self, valid: str = "refresh-1") -> None:
        self.valid = valid
        self.asked: list[str] = []

    def refresh(self, token: str) -> Tokens:
        self.asked.append(token)
        if token != self.valid:
            raise LoginNeeded("rejected")
        number = len(self.asked) + 1
        self.valid = f"refresh-{number}"
        return Tokens(access=f"access-{number}", refresh=self.valid)


class Failing(Store):
    """Has no room until somebody mends it."""

    broken = True

    def save(self, tokens: Tokens, *, made_from: str) -> bool:
        if self.broken:
            raise OSError("disk full")
        return super().save(tokens, made_from=made_from)


def test_a_stored_access_token_is_used_without_asking() -> None:
    region = Region()
    session = TokenSession(Store(), region.refresh)
    assert session.state() == "unknown"
    assert session.access() == "access-1"
    assert (region.asked, session.state()) == ([], "ok")


def test_the_first_refresh_token_of_a_person_is_exchanged() -> None:
    region, store = Region(), Store(access=None)
    assert TokenSession(store, region.refresh).access() == "access-2"
    assert store.tokens == Tokens(access="access-2", refresh="refresh-2")


def test_the_new_pair_is_stored_before_it_is_used() -> None:
    """If storing fails the pair is kept and stored at the next call; the region is not asked again."""
    region = Region()

    store = Failing()
    session = TokenSession(store, region.refresh)
    for _ in range(2):
        with pytest.raises(OSError, match="disk full"):
            session.renew("access-1")
    store.broken = False
    assert session.access() == "access-2"
    assert store.tokens == Tokens(access="access-2", refresh="refresh-2")
    assert region.asked == ["refresh-1"]


def test_a_rejection_is_remembered_until_a_new_token_is_entered() -> None:
    """«Нужен вход»: nothing is asked of the region until a person has entered another token."""
    region, store = Region(valid="another"), Store()
    session = TokenSession(store, region.refresh)
    assert session.access() == "access-1"
    for _ in range(3):
        with pytest.raises(LoginNeeded):
            session.renew("access-1")
        with pytest.raises(LoginNeeded):
            session.access()
        assert session.state() == "login_needed"
    assert region.asked == ["refresh-1"]
    store.tokens = Tokens(access=None, refresh="another")
    assert session.access() == "access-3"
    assert session.state() == "ok"


def test_no_token_at_all_needs_a_login_too() -> None:
    store = Store()
    store.tokens = None
    session = TokenSession(store, Region().refresh)
    with pytest.raises(LoginNeeded):
        session.access()
    assert session.state() == "login_needed"
    store.tokens = Tokens(access=None, refresh="refresh-1")
    assert session.access() == "access-2"


def test_a_pair_renewed_by_another_process_is_taken_from_the_store() -> None:
    region, store = Region(), Store()
    session = TokenSession(store, region.refresh)
    session.access()
    store.tokens = Tokens(access="theirs", refresh="refresh-9")
    assert session.renew("access-1") == "theirs"
    assert region.asked == []


def test_a_race_lost_to_another_process_is_no_rejection() -> None:
    """The other process used our refresh token while we asked: its pair is used."""
    store = Store()

    def refresh(token: str) -> Tokens:
        store.tokens = Tokens(access="theirs", refresh="refresh-9")
        raise LoginNeeded("rejected")

    session = TokenSession(store, refresh)
    assert session.renew("access-1") == "theirs"
    assert session.state() == "ok"


def test_a_failed_refresh_changes_nothing() -> None:
    def refresh(token: str) -> Tokens:
        raise TransientError("later")

    session = TokenSession(Store(), refresh)
    with pytest.raises(TransientError):
        session.renew("access-1")
    assert session.access() == "access-1"


def test_threads_refresh_once() -> None:
    """Ten calls meet the same expired token: one refresh serves them all."""
    region = Region()
    session = TokenSession(Store(), region.refresh)
    together = threading.Barrier(10)
    got: list[str] = []

    def call() -> None:
        access = session.access()
        together.wait(10)
        got.append(session.renew(access))

    threads = [threading.Thread(target=call) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["access-2"] * 10
    assert region.asked == ["refresh-1"]


def test_who_comes_late_goes_on_with_what_a_person_has_entered() -> None:
    """The region has answered, and before the pair is stored a person logs in: the late pair is not stored, and the
    person's token is exchanged."""
    region, store = Region(), Store()

    def slow(token: str) -> Tokens:
        fresh = region.refresh(token)
        if token == "refresh-1":
            region.valid = "entered"
            store.tokens = Tokens(access=None, refresh="entered")
        return fresh

    session = TokenSession(store, slow)
    assert session.renew("access-1") == "access-3"
    assert store.tokens == Tokens(access="access-3", refresh="refresh-3")
    assert region.asked == ["refresh-1", "entered"]
    assert session.access() == "access-3"


def test_who_comes_late_uses_the_pair_another_process_has_stored() -> None:
    """Also when the late pair could not be stored at first."""
    region = Region()

    store = Failing()
    session = TokenSession(store, region.refresh)
    with pytest.raises(OSError, match="disk full"):
        session.renew("access-1")
    store.broken, store.tokens = False, Tokens(access="theirs", refresh="their-refresh")
    assert session.access() == "theirs"
    assert store.tokens == Tokens(access="theirs", refresh="their-refresh")
    assert region.asked == ["refresh-1"]
