"""The service: schools, logins, files and runs, wired together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.ecp.simulator import Handle, build_world, start_in_thread
from connectors.memory import MemoryRemote
from sync_service import connections
from sync_service.bootstrap import Service
from sync_service.clock import SystemClock
from sync_service.config import Settings
from sync_service.domain.errors import AccessRefused, ConfigError, LoginNeeded, Unreachable
from sync_service.domain.links import RemoteId
from sync_service.domain.reports import RunStatus
from sync_service.domain.school_files import FileRejected, ParsedPupilList
from sync_service.domain.streams import Stream
from tests.unit.bootstrap.region_in_memory import Regions, logged_in, settings

DATA = Path(__file__).resolve().parents[2] / "data"


@pytest.fixture
def regions(monkeypatch: pytest.MonkeyPatch) -> Regions:
    made = Regions(SystemClock())
    monkeypatch.setattr(connections, "connect", made.connect)
    return made


@pytest.fixture
def service(regions: Regions, tmp_path: Path) -> Iterator[Service]:
    with Service.open(settings(tmp_path), create=True) as opened:
        yield logged_in(opened)


def region_of(service: Service) -> MemoryRemote:
    remote = service.remote(service.school(None))
    assert isinstance(remote, MemoryRemote)
    return remote


# Schools


def test_the_only_school_needs_no_name(service: Service) -> None:
    """None means the one there is."""
    assert service.school(None).code == "school-900"
    assert [school.code for school in service.schools()] == ["school-900"]


def test_among_several_schools_one_must_be_named(regions: Regions, tmp_path: Path) -> None:
    """The error lists the codes, in the order of the settings."""
    with Service.open(settings(tmp_path, "b", "a"), create=True) as service:
        assert service.school("a").code == "a"
        for code in (None, "c"):
            with pytest.raises(ConfigError, match="b, a"):
                service.school(code)


def test_a_school_keeps_its_id_and_follows_the_settings(regions: Regions, tmp_path: Path) -> None:
    """Name, zone and the day from which arrivals are watched may change at any time."""
    with Service.open(settings(tmp_path), create=True) as service:
        former = service.school(None)
    with Service.open(settings(tmp_path, zone="Europe/Moscow", watch_from="2026-09-01")) as service:
        school = service.school(None)
    assert (school.school_id, school.zone, school.watch_from) == (former.school_id, "Europe/Moscow", "2026-09-01")


def test_an_organization_without_links_may_be_corrected(service: Service, tmp_path: Path) -> None:
    """A mistyped id is put right before anything was synchronised."""
    school = service.school(None)
    corrected = with_organization(service.settings, "organization-2")
    with Service.open(corrected) as other:
        assert other.school(None).organization_id == "organization-2"
        assert other.school(None).school_id == school.school_id


def test_a_school_with_links_cannot_become_another_organization(service: Service) -> None:
    """Its links would point at records of strangers."""
    region_of(service).create(Stream.SUBJECTS, {"name": "Алгебра"})
    service.sync(service.school(None))
    with pytest.raises(ConfigError, match="linked to another organization"):
        Service.open(with_organization(service.settings, "organization-2"))


def with_organization(made: Settings, organization: str) -> Settings:
    (school,) = made.schools
    return made.model_copy(update={"schools": (school.model_copy(update={"organization_id": organization}),)})


def test_a_database_that_is_not_there_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    """Only ``create`` makes one."""
    with pytest.raises(ConfigError, match="ecp-sync migrate"):
        Service.open(settings(tmp_path))


OPENING = """
import json, sys
from sync_service.bootstrap import Service
from sync_service.config import Settings
with Service.open(Settings.model_validate(json.loads(sys.argv[1]))) as service:
    service.schools()
print(sorted({"httpx", "alembic", "openpyxl", "python_calamine", "apscheduler"} & set(sys.modules)))
"""


def test_opening_a_service_loads_no_http(tmp_path: Path) -> None:
    """Commands that look at the database do not pay for libraries they do not use."""
    made = settings(tmp_path)
    Service.open(made, create=True).close()
    done = subprocess.run(
        [sys.executable, "-c", OPENING, made.model_dump_json()],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert done.stdout == "[]\n"


# Runs


def test_a_run_pulls_and_is_on_record(service: Service) -> None:
    """What the region has arrives in staging; ``runs`` knows the report."""
    region_of(service).create(Stream.SUBJECTS, {"name": "Алгебра"})
    school = service.school(None)
    report = service.sync(school, streams=[Stream.SUBJECTS])
    assert report.status is RunStatus.SUCCEEDED
    assert list(report.streams) == [Stream.SUBJECTS]
    assert service.db.runs.latest(school.school_id) == [report]
    with service.db.read(school.school_id) as uow:
        assert [row["name"] for row in uow.staging.all_rows(Stream.SUBJECTS).values()] == ["Алгебра"]


def test_a_rejected_token_is_remembered_for_every_process(service: Service) -> None:
    """After the run the stored connection says that a person is needed."""
    school = service.school(None)
    region_of(service).login_needed = True
    assert not service.needs_login(school)
    assert service.sync(school).status is RunStatus.LOGIN_NEEDED
    assert service.needs_login(school)
    assert service.db.connection(school.school_id).state() == "login_needed"


def test_a_token_entered_during_the_run_is_not_called_rejected(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person logs in while the region refuses the former token: the new one stands."""
    school = service.school(None)
    region = region_of(service)

    def refuse() -> None:
        service.db.connection(school.school_id).save("access-2", "refresh-2")
        raise LoginNeeded("rejected")

    monkeypatch.setattr(region, "change_versions", refuse)
    assert service.sync(school).status is RunStatus.LOGIN_NEEDED
    assert not service.needs_login(school)


def test_without_any_token_a_login_is_needed(regions: Regions, tmp_path: Path) -> None:
    """Nobody has logged in yet."""
    with Service.open(settings(tmp_path), create=True) as service:
        assert service.needs_login(service.school(None))


# Login, against a real region


@pytest.fixture(scope="module")
def handle() -> Iterator[Handle]:
    made = start_in_thread(build_world(seed=1, date="2026-11-20", population="small"), host="127.0.0.1", port=0)
    yield made
    made.stop()


@pytest.fixture
def real(handle: Handle, tmp_path: Path) -> Iterator[Service]:
    made = settings(tmp_path, base_url=handle.url)
    with Service.open(with_organization(made, handle.organizations[0]["id"]), create=True) as service:
        yield service


def issue(handle: Handle, organization: int = 0) -> str:
    whose = {"organizationId": handle.organizations[organization]["id"]}
    return str(handle.admin("POST", "/simulator/tokens/issue", whose)["refreshToken"])


def test_a_token_is_proven_and_kept(real: Service, handle: Handle) -> None:
    """One request exchanges it; the pair in the database is the new one, and runs work with it."""
    school = real.school(None)
    entered = issue(handle)
    real.connections.login(school, entered)
    stored = real.db.connection(school.school_id).load()
    assert stored is not None
    assert stored[0] is not None
    assert stored[1] != entered
    assert not real.needs_login(school)
    assert real.sync(school, streams=[Stream.SUBJECTS]).status is RunStatus.SUCCEEDED


def test_a_mistyped_token_leaves_the_former_one_in_place(real: Service, handle: Handle) -> None:
    """The pair that works is not lost to a typing mistake."""
    school = real.school(None)
    real.connections.login(school, issue(handle))
    stored = real.db.connection(school.school_id).load()
    with pytest.raises(LoginNeeded):
        real.connections.login(school, "mistyped")
    assert real.db.connection(school.school_id).load() == stored
    assert real.sync(school, streams=[Stream.SUBJECTS]).status is RunStatus.SUCCEEDED


def test_a_token_of_another_school_leaves_the_former_one_in_place(real: Service, handle: Handle) -> None:
    """The region takes it, and refuses our school's data with it."""
    school = real.school(None)
    with pytest.raises(AccessRefused):
        real.connections.login(school, issue(handle, 1))
    real.connections.login(school, issue(handle))
    stored = real.db.connection(school.school_id).load()
    with pytest.raises(AccessRefused):
        real.connections.login(school, issue(handle, 1))
    assert real.db.connection(school.school_id).load() == stored
    assert real.sync(school, streams=[Stream.SUBJECTS]).status is RunStatus.SUCCEEDED


def test_a_token_entered_while_the_region_is_away_is_used_later(tmp_path: Path) -> None:
    """It is kept unproven, and the error says that it could not be tried."""
    with Service.open(settings(tmp_path, base_url="http://127.0.0.1:9"), create=True) as service:
        school = service.school(None)
        with pytest.raises(Unreachable):
            service.connections.login(school, "entered")
        assert service.db.connection(school.school_id).load() == (None, "entered")
        assert not service.needs_login(school)


def test_a_new_token_ends_the_need_for_a_login(real: Service, handle: Handle) -> None:
    """The region rejects the pair, a run says so, a person enters a new token, the next run works."""
    school = real.school(None)
    real.connections.login(school, issue(handle))
    fresh = issue(handle)  # kills the former one
    handle.admin("POST", "/simulator/tokens/expire", {})
    assert real.sync(school).status is RunStatus.LOGIN_NEEDED
    assert real.needs_login(school)
    real.connections.login(school, fresh)
    assert not real.needs_login(school)
    assert real.sync(school, streams=[Stream.SUBJECTS]).status is RunStatus.SUCCEEDED


# Files


def test_a_file_is_read_and_imported(service: Service) -> None:
    """The shared pupil list lands in staging; a dry run leaves nothing."""
    path = DATA / "pupils_cp1251.csv"
    school = service.school(None)
    parsed = service.files.read(school, path)
    assert isinstance(parsed, ParsedPupilList)
    assert service.files.bring_in(school, path, actor="secretary", dry_run=True).dry_run
    with service.db.read(school.school_id) as uow:
        assert uow.staging.all_rows(Stream.STUDENTS) == {}
    service.files.bring_in(school, path, actor="secretary")
    with service.db.read(school.school_id) as uow:
        assert len(uow.staging.all_rows(Stream.STUDENTS)) == len(parsed.pupils)


def test_a_file_that_cannot_be_opened_is_refused_in_words(service: Service, tmp_path: Path) -> None:
    """No traceback for a mistyped name."""
    with pytest.raises(FileRejected, match="не открывается"):
        service.files.read(service.school(None), tmp_path / "missing.csv")


def test_decisions_have_a_desk_with_a_name(service: Service) -> None:
    """What is decided at it is recorded under the actor."""
    desk = service.desk(service.school(None), "secretary")
    assert (desk.actor, desk.school.organization_id) == ("secretary", RemoteId("organization-school-900"))
    assert desk.remote is region_of(service)
