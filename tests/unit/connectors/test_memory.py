"""The levers of the in-memory region; its behaviour as a regional system is in tests/contract."""

from __future__ import annotations

import pytest

from connectors.memory import MemoryRemote
from sync_service.domain.errors import AccessRefused, LoginNeeded, OutcomeUnknown, RateLimited, Unreachable
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine.ports import Op, WriteItem
from tests.unit.connectors.regions import Clock


def create(ref: str, **values: str) -> WriteItem:
    return WriteItem(client_ref=ref, op=Op.CREATE, values=dict(values))


def write(remote: MemoryRemote, ref: str) -> None:
    remote.write(Stream.GUARDIANS, [create(ref, last_name="Иванова", first_name=ref)], key=ref)


def test_equal_histories_have_equal_ids() -> None:
    """A seed replays identically."""
    worlds = [MemoryRemote(Clock()) for _ in range(2)]
    for world in worlds:
        world.create(Stream.STUDENTS, {"last_name": "Иванов", "first_name": "Пётр"})
        write(world, "a")
    assert worlds[0].records(Stream.STUDENTS) == worlds[1].records(Stream.STUDENTS)
    assert worlds[0].records(Stream.GUARDIANS).keys() == worlds[1].records(Stream.GUARDIANS).keys()


def test_a_clone_goes_its_own_way() -> None:
    first = MemoryRemote(Clock())
    pupil = first.create(Stream.STUDENTS, {"last_name": "Иванов", "first_name": "Пётр"})
    person = first.add_person({"last_name": "Зайцев", "first_name": "Олег"}, organization_id="school-2")
    first.fail_next(Unreachable("no"))
    second = first.clone()
    second.edit(Stream.STUDENTS, pupil, last_name="Петров")
    second.release(person)
    with pytest.raises(Unreachable):
        second.change_versions()
    assert first.records(Stream.STUDENTS)[pupil]["last_name"] == "Иванов"
    assert first.region.persons[person].organization_id == "school-2"
    with pytest.raises(Unreachable):
        first.change_versions()


def test_what_is_handed_out_is_a_copy() -> None:
    remote = MemoryRemote(Clock())
    pupil = remote.create(Stream.STUDENTS, {"last_name": "Иванов", "first_name": "Пётр"})
    remote.get(Stream.STUDENTS, [pupil]).records[0].values["last_name"] = "Петров"
    remote.records(Stream.STUDENTS)[pupil]["last_name"] = "Петров"
    assert remote.records(Stream.STUDENTS)[pupil]["last_name"] == "Иванов"


def test_faults_meet_the_call_they_are_meant_for() -> None:
    """By name, after some calls, several times; others pass."""
    remote = MemoryRemote(Clock())
    remote.fail_next(RateLimited("wait", retry_after=5), call="write", skip=1, times=2)
    remote.change_versions()
    write(remote, "a")
    for _ in range(2):
        with pytest.raises(RateLimited):
            write(remote, "b")
    write(remote, "b")
    assert len(remote.records(Stream.GUARDIANS)) == 2


def test_before_the_commit_nothing_is_stored_after_it_everything() -> None:
    remote = MemoryRemote(Clock())
    remote.fail_next(Unreachable("not sent"), call="write")
    with pytest.raises(Unreachable):
        write(remote, "a")
    assert remote.records(Stream.GUARDIANS) == {}
    remote.fail_next(OutcomeUnknown("lost"), after_commit=True)
    with pytest.raises(OutcomeUnknown):
        write(remote, "a")
    assert len(remote.records(Stream.GUARDIANS)) == 1
    write(remote, "a")  # the same key again: the stored answer
    assert len(remote.records(Stream.GUARDIANS)) == 1


def test_a_refused_stream_refuses_reads_and_writes_alike() -> None:
    remote = MemoryRemote(Clock())
    remote.refused.add(Stream.GUARDIANS)
    with pytest.raises(AccessRefused):
        write(remote, "a")
    with pytest.raises(AccessRefused):
        remote.find(Stream.GUARDIANS, client_refs=["a"])


def test_a_normalising_region_stores_something_else_than_it_was_sent() -> None:
    def shout(stream: Stream, values: Values) -> Values:
        return {name: value.upper() if isinstance(value, str) else value for name, value in values.items()}

    remote = MemoryRemote(Clock())
    remote.rewrite = shout
    (result,) = remote.write(Stream.GUARDIANS, [create("a", last_name="Иванова", first_name="Мария")], key="a")
    assert result.stored is not None
    assert result.stored.values["last_name"] == "ИВАНОВА"


def test_the_state_of_the_connection_needs_no_call() -> None:
    remote = MemoryRemote(Clock())
    assert remote.connection_state() == "unknown"
    remote.change_versions()
    assert remote.connection_state() == "ok"
    remote.login_needed = True
    assert remote.connection_state() == "login_needed"
    assert remote.calls["change_versions"] == 1
    with pytest.raises(LoginNeeded):
        remote.change_versions()
