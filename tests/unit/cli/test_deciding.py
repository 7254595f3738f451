"""The secretary at the command line: conflicts, doubles, releases, quarantine, and who did it."""

from __future__ import annotations

import getpass

import pytest

from sync_service.domain.streams import Stream
from tests.unit.cli.office import CONFIG, SECOND_SCHOOL, Office
from tests.unit.engine.world import PUPIL, furnish


def actors(office: Office, act: str) -> list[tuple[str, str]]:
    return office.sql("SELECT actor, cause FROM audit WHERE act = ? ORDER BY seq", act)


# Conflicts


def test_a_conflict_is_shown_side_by_side(office: Office) -> None:
    """Agreed, school, region, always in this order; the next step with the stamp of what is shown."""
    number = office.clashing()
    said = office.must("conflicts", "show", str(number))
    header = next(line for line in said.splitlines() if "Было согласовано" in line)
    assert header.index("Поле") < header.index("Было согласовано") < header.index("В школе") < header.index("В ГИС")
    line = next(line for line in said.splitlines() if "Дата рождения" in line)
    assert line.index("11.05.2012") < line.index("11.06.2012") < line.index("11.07.2012")
    assert f"--stamp {office.json('conflicts', 'show', str(number))['stamp']}" in said


def test_the_list_names_pupil_and_fields(office: Office) -> None:
    office.clashing()
    said = office.must("conflicts", "list")
    assert "Ёлкина Анна Петровна" in said
    assert "Дата рождения, Адрес" in said


def test_taking_one_side_for_everything(office: Office) -> None:
    """The school's values go to the region with the next cycle, and the case stays closed."""
    number = office.clashing()
    done = office.json("conflicts", "resolve", str(number), "--take", "school", "--as", "petrova")
    assert (done["id"], done["state"], sorted(done["pushed"])) == (number, "resolved", ["address", "birth_date"])
    office.must("sync")
    assert (office.card()["birth_date"], office.card()["address"]) == ("2012-06-11", "ул. Мира, 1")
    assert office.json("conflicts", "list") == []
    (row,) = office.json("conflicts", "list", "--all")
    assert (row["state"], row["decided_by"]) == ("resolved", "petrova")
    assert ("petrova", f"conflict:{number}") in actors(office, "decide")


def test_deciding_group_by_group(office: Office) -> None:
    """``--group`` wins over ``--take``, a typed value over both."""
    number = office.clashing()
    office.must(
        *("conflicts", "resolve", str(number), "--take", "school"),
        *("--group", "birth_date=gis", "--set", "address=ул. Мира, 3"),
    )
    office.must("sync")
    assert (office.card()["birth_date"], office.card()["address"]) == ("2012-07-11", "ул. Мира, 3")
    assert office.sql("SELECT birth_date, address FROM students") == [("2012-07-11", "ул. Мира, 3")]


def test_an_empty_value_clears_the_field(office: Office) -> None:
    number = office.clashing()
    office.must("conflicts", "resolve", str(number), "--group", "birth_date=school", "--set", "address=")
    office.must("sync")
    assert office.card()["address"] is None


def test_what_is_known_beside_the_values_is_told(office: Office) -> None:
    """The suggestion with its reason, and to whom the case was passed with which note."""
    number = office.clashing()
    assert "Подсказка" not in office.must("conflicts", "show", str(number))
    office.sql("UPDATE students SET address = 'УЛ. МИРА, 2'")
    office.run("conflicts", "resolve", str(number), "--take", "gis", "--stamp", "another")
    office.run("sync")
    office.sql(
        "INSERT INTO case_marks (school_id, queue, case_id, passed_to, passed_by, passed_at, postponed_until)"
        f" VALUES (1, 'conflicts', {number}, 'admin', 'Петрова А. В.', '2026-11-20T07:00:00.000000Z', '2099-12-01')"
    )
    said = office.must("conflicts", "show", str(number))
    assert "Передано администратору: Петрова А. В., 20.11.2026 12:00." in said
    assert "Отложено до 01.12.2099." in said
    assert "Подсказка (Адрес): ГИС — отличается только написание" in said


def test_every_group_needs_a_decision(office: Office) -> None:
    """Half a decision is refused and changes nothing."""
    number = office.clashing()
    assert office.run("conflicts", "resolve", str(number), "--group", "address=gis") == 1
    assert "birth_date" in office.told
    assert len(office.json("conflicts", "list")) == 1


def test_a_decision_on_other_values_than_shown_is_refused(office: Office) -> None:
    """The stamp names what the person saw."""
    number = office.clashing()
    stamp = office.json("conflicts", "show", str(number))["stamp"]
    office.sql("UPDATE students SET address = 'ул. Мира, 9'")
    assert office.run("sync") == 0
    assert office.run("conflicts", "resolve", str(number), "--take", "gis", "--stamp", stamp) == 1
    assert "изменились" in office.told
    assert office.sql("SELECT address FROM students") == [("ул. Мира, 9",)]


def test_a_mistyped_decision_is_a_wrong_command_line(office: Office) -> None:
    number = str(office.clashing())
    for options in (
        ("--take", "mine"),
        ("--group", "address"),
        ("--group", "address=mine"),
        ("--group", "phone=gis"),
        ("--set", "phone=1"),
        ("--set", "=1"),
    ):
        assert office.run("conflicts", "resolve", number, *options) == 2, options
    assert len(office.json("conflicts", "list")) == 1


def test_an_undone_decision_is_open_again(office: Office) -> None:
    number = str(office.clashing())
    office.must("conflicts", "resolve", number, "--take", "gis")
    undone = office.json("conflicts", "undo", number, "--as", "petrova")
    assert (undone["id"], undone["state"]) == (int(number), "open")
    assert office.sql("SELECT address FROM students") == [("ул. Мира, 1",)]
    assert [row["id"] for row in office.json("conflicts", "list")] == [int(number)]
    assert actors(office, "undo") == [("petrova", f"conflict:{number}")]


def test_an_undo_after_the_push_waits_for_the_region(office: Office) -> None:
    """The compensating change leaves with the next cycle; then the case is open."""
    number = str(office.clashing())
    office.must("conflicts", "resolve", number, "--take", "school")
    office.must("sync")
    assert office.json("conflicts", "undo", number)["state"] == "undoing"
    assert office.run("sync") == 3
    assert office.card()["address"] == "ул. Мира, 2"
    assert [row["state"] for row in office.json("conflicts", "list")] == ["open"]


def test_an_unknown_case_is_told(office: Office) -> None:
    """Exit code 1, in words and as a document."""
    for noun in ("conflicts", "matches", "releases", "quarantine"):
        assert office.run(noun, "show", "99") == 1
        assert "99" in office.told
        assert office.json(noun, "show", "99", code=1)["error"]["kind"] == "NoSuchCase"
    assert office.run("conflicts", "resolve", "99", "--take", "gis") == 1
    assert office.run("conflicts", "undo", "99") == 1


# Who looked, who decided


def test_whoever_looks_is_written_down(office: Office) -> None:
    """The name after ``--as``, else the login of the machine; one entry per view, none for an empty list."""
    office.agreed()
    office.must("conflicts", "list")
    assert actors(office, "view") == []
    number = str(office.clashing_again())
    office.must("conflicts", "list", "--as", "petrova")
    office.must("conflicts", "show", number)
    seen = actors(office, "view")
    assert ("petrova", "conflicts:list") in seen
    assert (getpass.getuser(), f"conflicts:show:{number}") in seen
    assert office.run("conflicts", "show", number, "--as", " ") == 2


# Possible doubles


def doubtful(office: Office) -> int:
    """A regional pupil spelt otherwise than our card; the number of the question."""
    furnish(office.region, dates=())
    office.sql(
        "INSERT INTO students (school_id, last_name, first_name, patronymic, sex, birth_date)"
        " VALUES (1, 'Ёлкина', 'Анна', 'Петровна', 'Ж', '2012-05-11')"
    )
    office.region.create(Stream.STUDENTS, PUPIL | {"snils": None, "first_name": "Аня"})
    assert office.run("sync") == 3, office.said + office.told
    (case,) = office.json("matches", "list")
    return int(case["id"])


def test_a_double_is_compared_and_confirmed(office: Office) -> None:
    """One candidate need not be named; the pair is linked and its differing field comes as a conflict."""
    number = str(doubtful(office))
    assert "Аня" in office.must("matches", "list")
    shown = office.must("matches", "show", number)
    assert "имя: отличается" in shown
    assert "Тот же это ребёнок?" in shown
    done = office.json("matches", "confirm", number, "--as", "petrova")
    assert done == {"id": int(number), "state": "confirmed"}
    assert office.sql("SELECT count(*) FROM links WHERE stream = 'students'") == [(1,)]
    assert office.json("matches", "list") == []
    (case,) = office.json("matches", "list", "--all")
    assert (case["state"], case["decided_by"]) == ("confirmed", "petrova")


def test_a_refused_double_becomes_a_card_of_its_own(office: Office) -> None:
    number = str(doubtful(office))
    assert office.json("matches", "reject", number)["state"] == "rejected"
    office.run("sync")
    assert office.sql("SELECT count(*) FROM students") == [(2,)]


def test_a_decision_about_doubles_is_taken_back(office: Office) -> None:
    """The pair is separated, and the question may be asked again."""
    number = str(doubtful(office))
    office.must("matches", "confirm", number)
    assert office.json("matches", "undo", number)["state"] == "closed"
    assert office.sql("SELECT count(*) FROM links WHERE stream = 'students' AND state = 'live'") == [(0,)]


def test_a_card_that_is_no_candidate_is_refused(office: Office) -> None:
    number = str(doubtful(office))
    assert office.run("matches", "confirm", number, "--card", "77") == 1
    assert "77" in office.told


def test_a_pair_is_separated_by_hand(office: Office) -> None:
    """Only while nothing else hangs on it; a wrong stream is a wrong command line."""
    office.agreed()
    ((card,),) = office.sql("SELECT id FROM students")
    assert office.run("matches", "unlink", str(card), "--stream", "teachers") == 2
    done = office.json("matches", "unlink", str(card))
    assert done == {"id": card, "stream": "students", "state": "unlinked"}
    assert office.run("matches", "unlink", str(card)) == 1


# Releases


def arrived(office: Office) -> int:
    """A pupil whose previous school has not released; the number of the case."""
    timetable = furnish(office.region, dates=())
    office.must("sync")
    known = {name: PUPIL[name] for name in ("last_name", "first_name", "patronymic", "sex", "birth_date", "snils")}
    office.region.add_person(known, organization_id=timetable.neighbour)
    office.sql(
        "INSERT INTO students (school_id, last_name, first_name, patronymic, sex, birth_date, snils)"
        " VALUES (1, 'Ёлкина', 'Анна', 'Петровна', 'Ж', '2012-05-11', '11223344595')"
    )
    today = office.region.clock.today("Asia/Yekaterinburg").isoformat()
    office.sql(
        "INSERT INTO movements (school_id, student_id, kind, date, order_number, order_date, class_to_id,"
        " origin_kind, origin_organization_id) SELECT 1, s.id, 'arrival', ?, '77-у', ?, c.id, 'school', o.id"
        " FROM students AS s, classes AS c, organizations AS o",
        today,
        today,
    )
    assert office.run("sync") == 3, office.said + office.told
    (case,) = office.json("releases", "list")
    assert (case["state"], case["days_waiting"]) == ("not_released", 0)
    return int(case["id"])


def test_the_board_shows_whom_to_phone(office: Office) -> None:
    arrived(office)
    said = office.must("releases", "list")
    assert "Ёлкина Анна Петровна" in said
    assert "Школа № 12" in said
    assert "8 (343) 123-45-67" in said


def test_a_call_is_logged(office: Office) -> None:
    """In one command; the board and the card show the outcome and the next call."""
    number = str(arrived(office))
    done = office.json(
        *("releases", "log-call", number, "--outcome", "Обещали завтра", "--next-call", "2030-01-15"),
        *("--as", "petrova"),
    )
    assert done == {"id": int(number), "step": "call", "next_call_on": "2030-01-15"}
    (row,) = office.json("releases", "list")
    assert (row["last_outcome"], row["next_call_on"]) == ("Обещали завтра", "2030-01-15")
    said = office.must("releases", "show", number)
    line = next(line for line in said.splitlines() if "Обещали завтра" in line)
    assert "Звонок" in line
    assert "petrova" in line
    assert "15.01.2030" in line
    office.must("releases", "log-call", number, "--outcome", "Директор в курсе", "--step", "director")
    assert office.json("releases", "show", number)["steps"][-1]["kind"] == "director"


def test_a_case_is_closed_and_reopened(office: Office) -> None:
    """Opened again, it stands where it stood."""
    number = str(arrived(office))
    (case,) = office.json("releases", "list")
    assert office.json("releases", "close", number, "--outcome", "Не приедет")["state"] == "withdrawn"
    assert office.json("releases", "list") == []
    assert office.run("releases", "close", number) == 1
    assert office.json("releases", "reopen", number)["state"] == case["state"]
    assert [row["state"] for row in office.json("releases", "list")] == [case["state"]]
    assert office.run("releases", "reopen", number) == 1


# Quarantine


def poisoned(office: Office) -> int:
    """A mark no journal may hold, entered by another program; its number in quarantine."""
    office.agreed()
    office.sql(
        "INSERT INTO marks (school_id, student_id, lesson_id, value) SELECT 1, s.id, l.id, '6'"
        " FROM students AS s, lessons AS l"
    )
    assert office.run("sync") == 3, office.said + office.told
    (item,) = office.json("quarantine", "list", "--all")
    return int(item["id"])


def test_a_poisoned_record_is_named_with_its_reason(office: Office) -> None:
    number = str(poisoned(office))
    (group,) = office.json("quarantine", "list")
    assert (group["count"], group["examples"]) == (1, [int(number)])
    assert group["id"] in office.must("quarantine", "list")
    for said in (office.must("quarantine", "list", "--all"), office.must("quarantine", "show", group["id"])):
        assert "Отметки" in said
        assert "Ёлкина" in said
        assert "в ГИС" in said
    assert "Содержание" in office.must("quarantine", "show", number)
    assert office.json("quarantine", "list", "--stream", "final-marks") == []


def test_a_time_is_that_of_the_school_it_is_about(office: Office) -> None:
    """Schools of one installation may lie in several zones."""
    poisoned(office)
    office.sql("UPDATE quarantine SET last_seen = '2026-03-01T20:00:00.000000Z'")
    head, _, school = CONFIG.partition("\n\n")
    office.write_config(f'{head}\n{SECOND_SCHOOL}zone = "Europe/Kaliningrad"\n\n{school}')
    assert "02.03.2026 01:00" in office.must("quarantine", "list")


def test_only_what_failed_in_a_run_is_tried_again(office: Office) -> None:
    """Shown first, exit code 10; then exactly that, by the person who is named."""
    poisoned(office)
    run = office.json("runs", "list")[0]["id"]
    shown = office.json("runs", "retry", run, code=10)
    assert (shown["total"], [group["stream"] for group in shown["groups"]]) == (1, ["marks"])
    assert office.run("runs", "retry", run) == 10
    assert "Ёлкина" in office.said
    assert office.run("runs", "retry", run, "--apply", "--digest", "0") == 1
    done = office.json("runs", "retry", run, "--apply", "--digest", shown["digest"], "--as", "petrova")
    assert done == {"id": run, "asked": 0, "read": 0, "due": 1}
    assert office.sql("SELECT actor FROM audit WHERE cause = 'quarantine:retry'") == [("petrova",)]
    assert office.json("runs", "retry", run)["total"] == 0


def test_a_mended_record_leaves_the_quarantine(office: Office) -> None:
    """Corrected and retried, it goes with the next cycle."""
    number = str(poisoned(office))
    office.sql("UPDATE marks SET value = '5'")
    assert office.json("quarantine", "retry", number) == {"retried": 1, "left": 1, "stayed": 0}
    office.must("sync")
    assert [mark["value"] for mark in office.region.records(Stream.MARKS).values()] == ["5"]


def test_a_discarded_record_is_gone(office: Office) -> None:
    number = str(poisoned(office))
    (group,) = office.json("quarantine", "list")
    discarded = office.json("quarantine", "discard", "--group", group["id"], "--as", "petrova")
    assert discarded == [{"id": int(number), "state": "discarded"}]
    assert office.json("quarantine", "list") == []
    (row,) = office.json("quarantine", "list", "--discarded")
    assert row["discarded_by"] == "petrova"
    assert office.run("quarantine", "discard", number) == 1
    assert office.json("quarantine", "undo", number) == [{"id": int(number), "state": "open"}]
    assert len(office.json("quarantine", "list")) == 1


@pytest.mark.parametrize("name", ["system", "School", " "])
def test_nobody_decides_under_the_name_of_the_service(office: Office, name: str) -> None:
    """In the journal those names mean no person."""
    number = str(doubtful(office))
    assert office.run("matches", "reject", number, "--as", name) == 2
    assert office.sql("SELECT state FROM match_cases") == [("open",)]
