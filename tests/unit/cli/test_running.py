"""``sync``, ``status``, ``runs`` and ``import``: what they say and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from connectors.files.writers import pupil_list_csv
from sync_service.clock import SystemClock
from sync_service.domain.errors import ContractError, FatalError, Unreachable
from sync_service.domain.links import SchoolId
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.school_files import ParsedGuardian, ParsedPupil
from sync_service.domain.streams import BOTH_WAYS, Stream
from sync_service.persistence import open_database
from tests.unit.cli.office import Office
from tests.unit.engine.world import PUPIL

SILENCE = "changeVersion: the region could not be reached (ConnectError); it is tried again later"


def test_a_green_run_is_zero_and_balances(office: Office) -> None:
    office.region.create(Stream.STUDENTS, dict(PUPIL))
    report = office.json("sync")
    pull = report["streams"]["students"]["pull"]
    assert (report["status"], pull["received"], pull["applied"]) == ("succeeded", 1, 1)
    assert "Всё сверено" in (office.must("sync") + office.told)


def test_a_run_that_leaves_something_waiting_does_not_call_everything_agreed(office: Office) -> None:
    """How many wait and for what is said, now and by ``runs show``."""
    office.agreed()
    office.sql(
        "INSERT INTO students (school_id, last_name, first_name, incomplete) VALUES (1, 'Новенький', 'Пётр', 1)"
    )
    office.must("sync")
    assert "Сверка завершена." in office.told
    assert "Всё сверено" not in office.said + office.told
    assert "Ещё не согласовано 1. Из них ждут решения: 1." in office.said
    (newest,) = office.json("runs", "list", "--limit", "1")
    assert "Из них ждут решения: 1." in office.must("runs", "show", newest["id"])


def test_an_old_question_is_not_everything_agreed_either(office: Office) -> None:
    office.clashing()
    office.must("sync")
    assert "Сверка завершена." in office.told
    assert "Всё сверено" not in office.told


def test_the_answer_alone_stands_on_standard_output(office: Office) -> None:
    """What is said beside it goes to standard error."""
    office.clashing()
    office.run("sync", "--json")
    assert json.loads(office.said)["school"] == "school-900"
    assert office.told == ""


def test_something_new_to_decide_is_three_and_only_once(office: Office) -> None:
    """A known question does not raise the alarm again."""
    office.clashing()
    assert office.run("sync") == 0
    office.region.edit(Stream.STUDENTS, next(iter(office.region.records(Stream.STUDENTS))), phone="+79001112233")
    assert office.run("sync") == 0


def test_reconcile_compares_what_is_named_and_ends_like_sync(office: Office) -> None:
    """Drift is repaired and told in the same report; a list that lacks most of what is shared is three."""
    office.agreed()
    (pupil,) = office.region.records(Stream.STUDENTS)
    item = office.region.region.items[Stream.STUDENTS][pupil]
    item.values["phone"], item.version = "+79001112233", item.version + 1
    assert office.json("sync")["streams"]["students"]["pull"]["received"] == 0
    report = office.json("reconcile", "--stream", "students")
    assert (report["status"], report["streams"]["students"]["pull"]["applied"]) == ("succeeded", 1)
    assert list(report["streams"]) == ["students"]
    assert office.sql("SELECT phone FROM students") == [("+79001112233",)]
    del office.region.region.items[Stream.STUDENTS][pupil]
    assert "the region lists 0 of 1" in office.json("reconcile", code=3)["streams"]["students"]["error"]
    assert office.sql("SELECT count(*) FROM students") == [(1,)]


def test_a_failing_stream_is_three(office: Office) -> None:
    """The others go on; the stream is named with its error."""
    office.agreed()
    office.region.edit(Stream.STUDENTS, next(iter(office.region.records(Stream.STUDENTS))), phone="+79001112233")
    office.region.fail_next(ContractError("students: not the contract"), call="pages")
    report = office.json("sync", code=3)
    assert report["status"] == "completed_with_errors"
    assert report["streams"]["students"]["error"].startswith("ContractError")


def test_a_silent_region_is_five(office: Office) -> None:
    """At the first request, and in the middle of a run."""
    office.region.fail_next(Unreachable(SILENCE))
    assert office.run("sync") == 5
    assert "ГИС не отвечает" in office.told
    office.region.create(Stream.STUDENTS, dict(PUPIL))
    office.region.fail_next(Unreachable(SILENCE), call="pages")
    assert office.run("sync") == 5


def test_a_rejected_token_is_six(office: Office) -> None:
    """The state is remembered and shown, and the way out is said."""
    office.sql("UPDATE connections SET refresh_token = 'bad-token'")
    assert office.json("sync", code=6)["status"] == "login_needed"
    assert office.run("sync") == 6
    assert "connection login" in office.told
    assert office.json("status")["schools"][0]["connection"] == "login_needed"
    assert "нужен вход" in office.must("status")


def test_a_fatal_error_is_one(office: Office) -> None:
    office.region.fail_next(FatalError("the address is wrong"))
    assert office.json("sync", code=1)["status"] == "failed"


def test_a_mistake_of_the_program_is_one_and_quotes_nothing(office: Office) -> None:
    """A foreign error in the middle of a run: a document with --json, its text nowhere."""

    def broken() -> None:
        raise ValueError("Ёлкина Анна")

    office.monkeypatch.setattr(office.region, "change_versions", broken)
    document = office.json("sync", code=1)
    assert document["error"]["kind"] == "FatalError"
    assert "Ёлкина" not in office.said + office.told


@contextmanager
def held_by_another(office: Office, streams: list[Stream]) -> Iterator[Callable[[], bool]]:
    """A living run holds these streams; yields its heartbeat. Waiting costs no time."""
    school, now = SchoolId(1), [0.0]
    with closing(open_database(f"sqlite:///{office.folder / 'school.sqlite'}")) as db:
        fence = db.leases.acquire(school, streams, "other", wait=0, clock=lambda: 0.0, sleep=lambda _: None, period=5)

        def beat() -> bool:
            return db.leases.beat(school, fence)

        def sleep(_clock: SystemClock, seconds: float) -> None:
            now[0] += seconds
            beat()

        office.monkeypatch.setattr(SystemClock, "monotonic", lambda _clock: now[0])
        office.monkeypatch.setattr(SystemClock, "sleep", sleep)
        yield beat


def test_busy_streams_are_eleven(office: Office) -> None:
    """Another run holds every stream; nothing is started, and the holder is left alone."""
    with held_by_another(office, list(Stream)) as still_held:
        assert office.run("sync") == 11
        assert "другая сверка" in office.told
        assert office.json("sync", code=11)["error"]["kind"] == "AlreadyRunning"
        assert office.json("runs", "list") == []
        assert still_held()


def test_free_streams_are_synchronised_beside_busy_ones(office: Office) -> None:
    """What another run holds is left to it and named."""
    with held_by_another(office, [Stream.MARKS]) as still_held:
        report = office.json("sync")
        assert set(report["streams"]) == {stream.value for stream in Stream} - {"marks"}
        assert "marks" in office.told
        assert still_held()


def test_one_stream_and_one_direction(office: Office) -> None:
    """Only what was asked for is read or sent; a dash does for an underscore."""
    office.region.create(Stream.STUDENTS, dict(PUPIL))
    report = office.json("sync", "--stream", "final-marks", "--stream", "subjects")
    assert list(report["streams"]) == ["subjects", "final_marks"]
    report = office.json("sync", "--direction", "push")
    assert list(report["streams"]) == [stream.value for stream in BOTH_WAYS]
    assert office.sql("SELECT count(*) FROM students") == [(0,)]
    office.must("sync", "--direction", "pull")
    assert office.sql("SELECT count(*) FROM students") == [(1,)]


def test_status_tells_freshness_and_what_waits(office: Office) -> None:
    """Per stream, in numbers and in a table."""
    office.clashing()
    (school,) = office.json("status")["schools"]
    students = school["streams"]["students"]
    assert (school["connection"], students["conflicts"], school["totals"]["conflicts"]) == ("ok", 1, 1)
    assert students["lag_seconds"] >= 0
    assert school["last_run"]["status"] == "succeeded"
    said = office.must("status")
    assert "связь есть" in said
    assert "расхождения: 1 (ecp-sync conflicts list)" in said


def test_runs_are_listed_and_shown(office: Office) -> None:
    """Newest first; the single one is the report that sync printed."""
    office.region.create(Stream.STUDENTS, dict(PUPIL))
    first = office.json("sync")
    second = office.json("sync")
    assert [row["id"] for row in office.json("runs", "list")] == [second["run_id"], first["run_id"]]
    assert [row["id"] for row in office.json("runs", "list", "--limit", "1")] == [second["run_id"]]
    assert office.json("runs", "show", first["run_id"]) == first
    assert "Ученики" in office.must("runs", "show", first["run_id"])
    assert "успешно" in office.must("runs", "list")
    assert office.run("runs", "show", "r-unknown") == 1


def test_an_interrupted_run_is_one(office: Office) -> None:
    """The report says so, and what to do is nothing: the next run goes on."""

    def stopped(*_: object, **__: object) -> RunReport:
        return RunReport(run_id="r1", school="school-900", status=RunStatus.INTERRUPTED, error="asked to stop")

    office.monkeypatch.setattr("sync_service.bootstrap.Service.sync", stopped)
    assert office.run("sync") == 1
    assert "продолжит с этого места" in office.told


# Files


def pupils(*, snils: str | None = "11223344595") -> bytes:
    mother = ParsedGuardian(last_name="Ёлкина", first_name="Мария", relation="мать", phone="+79001112233")
    return pupil_list_csv(
        [
            ParsedPupil(
                rows=(2,),
                last_name="Ёлкина",
                first_name="Анна",
                patronymic="Петровна",
                birth_date="2012-05-11",
                class_name="8А",
                snils=snils,
                admitted_on="2026-09-01",
                enrolled_on="2026-09-01",
                order_number="12",
                order_date="2026-08-29",
                guardians=(mother,),
            )
        ]
    )


def test_a_list_is_imported_and_told(office: Office) -> None:
    """Counts per stream; a second time nothing changes; who did it is written down."""
    Path("list.csv").write_bytes(pupils())
    report = office.json("import", "list.csv", "--as", "petrova")
    assert (report["kind"], report["streams"]["students"]["added"], report["rejected"]) == ("pupil_list", 1, 0)
    assert office.sql("SELECT actor FROM audit WHERE act = 'import'") == [("petrova",)]
    assert "изменений нет" in office.must("import", "list.csv")


def test_a_dry_run_writes_nothing(office: Office) -> None:
    Path("list.csv").write_bytes(pupils())
    assert office.json("import", "list.csv", "--dry-run")["dry_run"] is True
    assert "проба" in office.must("import", "list.csv", "--dry-run")
    assert office.sql("SELECT count(*) FROM students") == [(0,)]


def test_rejected_rows_are_three(office: Office) -> None:
    """The good rows are in; each bad one is named with place, reason and remedy."""
    broken = pupils().decode("utf-8-sig").splitlines()
    broken.append(broken[1].replace("11.05.2012", "31.02.2012"))
    Path("list.csv").write_text("\n".join(broken), encoding="utf-8")
    report = office.json("import", "list.csv", code=3)
    (problem,) = [problem for problem in report["problems"] if problem["severity"] == "rejected"]
    assert (problem["row"], report["rejected"]) == (3, 1)
    assert office.sql("SELECT count(*) FROM students") == [(1,)]
    office.run("import", "list.csv")
    assert problem["reason"] in office.said
    assert problem["remedy"] in office.said


@pytest.mark.parametrize("content", [None, b"", b"\x00\x01\x02", "просто текст".encode()])
def test_a_file_of_another_kind_is_refused(office: Office, content: bytes | None) -> None:
    """Exit code 1 with reason and remedy; nothing was read from it."""
    if content is not None:
        Path("list.csv").write_bytes(content)
    document = office.json("import", "list.csv", code=1)
    assert document["error"]["kind"] == "FileRejected"
    assert document["error"]["message"] in office.told


def test_status_names_the_pupils_nobody_watches(office: Office) -> None:
    """With the way out, in the list of what waits for a person."""
    office.agreed()
    assert "никто не ждёт" not in office.must("status")
    office.sql(
        "INSERT INTO students (school_id, last_name, first_name, incomplete) VALUES (1, 'Новенький', 'Пётр', 1)"
    )
    waiting = office.json("sync")["streams"]["students"]["waiting"]
    assert waiting == {"decision": 1}
    assert "никто не ждёт: 1 (дополните карточки или уберите watch_from)" in office.must("status")
