"""Regional items and canonical records: what is read, what is set aside, what is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mappings import RecordMapping, load_mappings
from sync_service.domain.errors import RecordError
from sync_service.domain.policies import FieldPolicy, OnClash, Owner, StreamPolicy
from sync_service.domain.streams import BOTH_WAYS, SPECS, Reject, RemoteRecord, Stream

MAPPINGS = load_mappings()
META: dict[str, Any] = {
    "id": "guid-1",
    "version": 3,
    "changeVersion": 17,
    "changedAt": "2026-11-20T05:00:00Z",
    "deleted": False,
    "clientRef": None,
}
MARK: dict[str, Any] = {
    **META,
    "studentId": "guid-2",
    "lessonId": "guid-3",
    "grade": "5",
    "weight": 2,
    "ordinal": 1,
    "comment": "  за диктант\u00a0",
    "workType": "Диктант",
    "teacherName": "Петрова",
}
STUDENT: dict[str, Any] = {
    **META,
    "personId": "guid-9",
    "lastName": "ИВАНОВА-ПЁТРОВА",
    "firstName": "Анна",
    "surName": "-",
    "genderCode": "2",
    "birthDate": "2012-02-29",
    "snils": "112-233-445 95",
    "docSeries": "IV-АИ",
    "docNumber": "123456",
    "phone": "8 (912) 000-00-01",
    "email": "",
}


def read(stream: Stream, item: Any) -> RemoteRecord:
    record = MAPPINGS[stream].to_canonical(item)
    assert isinstance(record, RemoteRecord), record
    return record


def reject(stream: Stream, item: Any) -> Reject:
    outcome = MAPPINGS[stream].to_canonical(item)
    assert isinstance(outcome, Reject), outcome
    return outcome


class TestToCanonical:
    def test_a_mark(self) -> None:
        """Every field in canonical form, extras ignored, versions kept."""
        assert read(Stream.MARKS, MARK) == RemoteRecord(
            stream=Stream.MARKS,
            remote_id="guid-1",  # type: ignore[arg-type]
            values={
                "student_id": "guid-2",
                "lesson_id": "guid-3",
                "value": "5",
                "weight": 2,
                "position": 1,
                "comment": "за диктант",
            },
            version=3,
            change_version=17,
        )

    def test_a_student(self) -> None:
        """surName is the patronymic, digits stand for the sex, blank text is nothing."""
        assert read(Stream.STUDENTS, STUDENT).values == {
            "person_id": "guid-9",
            "last_name": "Иванова-Пётрова",
            "first_name": "Анна",
            "patronymic": None,
            "sex": "Ж",
            "birth_date": "2012-02-29",
            "snils": "11223344595",
            "document_series": "IV-АИ",
            "document_number": "123456",
            "phone": "+79120000001",
            "email": None,
        }

    def test_a_field_that_was_not_sent_is_absent(self) -> None:
        """Absent is not null: the engine takes it as unchanged."""
        item = {**META, "lastName": "Иванов", "firstName": "Пётр"}
        assert read(Stream.STUDENTS, item).values == {"last_name": "Иванов", "first_name": "Пётр"}

    def test_null_takes_the_default_where_there_is_one(self) -> None:
        values = read(Stream.MARKS, {**MARK, "weight": None, "ordinal": None, "comment": None}).values
        assert (values["weight"], values["position"], values["comment"]) == (1, 1, None)

    @pytest.mark.parametrize(
        ("sent", "told"), [("2026-09-01T11:40:00Z", "2026-09-01T11:40:00Z"), (17, None), ("2" * 5000, None)]
    )
    def test_when_it_was_changed_is_taken_as_told(self, sent: object, told: str | None) -> None:
        """For people to read: a region that writes it otherwise loses no record by it."""
        assert read(Stream.SUBJECTS, {"id": "guid-1", "name": "Алгебра", "changedAt": sent}).changed_at == told

    def test_absent_versions_are_none(self) -> None:
        record = read(Stream.SUBJECTS, {"id": "guid-1", "name": "Алгебра"})
        assert (record.version, record.change_version, record.client_ref, record.deleted) == (None, None, None, False)

    @pytest.mark.parametrize(
        ("sent", "canonical"),
        [
            ("осв.", "осв"),
            ("ОСВ", "осв"),
            ("OT", "ОТ"),
            ("HП", "НП"),
            ("B", "Б"),
            ("b", "Б"),
            ("б.", "Б"),
            (" УП ", "УП"),
        ],
    )
    def test_spellings_of_a_symbol(self, sent: str, canonical: str) -> None:
        """Case, a trailing dot and Latin look-alikes are spelling."""
        item = {**META, "studentId": "s", "lessonId": "l", "absenceCode": sent, "reason": None}
        assert read(Stream.ATTENDANCE, item).values["symbol"] == canonical

    @pytest.mark.parametrize(
        ("sent", "canonical"),
        [("зачет", "зач"), ("зачёт", "зач"), ("незачет", "незач"), ("н/а.", "н/а"), ("осв.", "осв"), ("5", "5")],
    )
    def test_spellings_of_a_final_mark(self, sent: str, canonical: str) -> None:
        item = {
            **META,
            "studentId": "s",
            "subjectId": "u",
            "periodId": "p",
            "gradeKind": "PERIOD",
            "finalyGrade": sent,
        }
        assert read(Stream.FINAL_MARKS, item).values["value"] == canonical

    def test_a_school_year_is_a_number(self) -> None:
        item = {**META, "schoolYear": "2026", "name": "8А", "parallel": 8, "lateEntryUntil": None}
        assert read(Stream.CLASSES, item).values == {
            "school_year": 2026,
            "name": "8А",
            "grade": 8,
            "late_entry_until": None,
        }


class TestRejects:
    @pytest.mark.parametrize(
        ("stream", "item", "code", "field"),
        [
            (Stream.MARKS, {**MARK, "grade": "6"}, "unmapped_code", "value"),
            (Stream.MARKS, {**MARK, "grade": 5}, "wrong_type", "value"),
            (Stream.MARKS, {**MARK, "grade": ["5"]}, "wrong_type", "value"),
            (Stream.MARKS, {**MARK, "grade": None}, "required", "value"),
            (Stream.MARKS, {**MARK, "grade": " "}, "required", "value"),
            (Stream.MARKS, {k: v for k, v in MARK.items() if k != "grade"}, "required", "value"),
            (Stream.MARKS, {**MARK, "lessonId": None}, "required", "lesson_id"),
            (Stream.MARKS, {**MARK, "lessonId": 17}, "wrong_type", "lesson_id"),
            (Stream.MARKS, {**MARK, "weight": 1.5}, "wrong_type", "weight"),
            (Stream.MARKS, {**MARK, "weight": True}, "wrong_type", "weight"),
            (Stream.MARKS, {**MARK, "weight": 2**40}, "out_of_range", "weight"),
            (Stream.MARKS, {**MARK, "comment": "a\x00b"}, "control_characters", "comment"),
            (Stream.MARKS, {**MARK, "comment": "я" * 20_000}, "too_long", "comment"),
            (Stream.MARKS, {**MARK, "comment": {"text": "x"}}, "wrong_type", "comment"),
            (Stream.STUDENTS, {**STUDENT, "snils": "112-233-445 96"}, "snils_checksum", "snils"),
            (Stream.STUDENTS, {**STUDENT, "birthDate": "2013-02-29"}, "broken_date", "birth_date"),
            (Stream.STUDENTS, {**STUDENT, "birthDate": "29.02.2012"}, "broken_date", "birth_date"),
            (Stream.STUDENTS, {**STUDENT, "birthDate": "2012-W09-3"}, "broken_date", "birth_date"),
            (Stream.STUDENTS, {**STUDENT, "genderCode": "3"}, "unmapped_code", "sex"),
            (Stream.STUDENTS, {**STUDENT, "phone": "371-23-45"}, "phone_length", "phone"),
        ],
    )
    def test_a_value_that_cannot_be_read(self, stream: Stream, item: dict[str, Any], code: str, field: str) -> None:
        """The record is set aside with its payload; signature and reason name the field, never the value."""
        found = reject(stream, item)
        assert (found.stream, found.remote_id, found.code) == (stream, "guid-1", code)
        assert found.signature.startswith(f"{stream}.{field}")
        assert json.loads(found.payload) == item
        for value in ("ИВАНОВА", "112-233", "диктант", "371-23"):
            assert value not in found.signature + found.reason

    def test_equal_causes_have_equal_signatures(self) -> None:
        """An unmapped code names its table, so that the brake can count and a person can mend it."""
        first = reject(Stream.MARKS, {**MARK, "grade": "6"})
        second = reject(Stream.MARKS, {**MARK, "id": "guid-7", "grade": "отл"})
        assert first.signature == second.signature == "marks.value code:marks: unmapped_code"
        assert "codes/marks.toml" in first.reason

    @pytest.mark.parametrize(
        "item",
        [None, 1, "text", [], [1], True, {}, *({"id": bad} for bad in (None, 5, "", " ", "a\x00", "a\n", "a" * 201))],
    )
    def test_what_is_no_record_at_all(self, item: Any) -> None:
        found = reject(Stream.MARKS, item)
        assert found.remote_id is None
        assert found.code in ("not_an_object", "no_id")

    @pytest.mark.parametrize(
        "change",
        [
            {"version": "3"},
            {"version": True},
            {"version": -1},
            {"changeVersion": 2**63},
            {"clientRef": 5},
            {"deleted": "true"},
            {"deleted": 1},
        ],
    )
    def test_service_fields_of_a_wrong_kind(self, change: dict[str, Any]) -> None:
        """A deletion is true or false and nothing in between."""
        assert reject(Stream.MARKS, {**MARK, **change}).code == "wrong_type"


class TestTombstones:
    def test_keeps_what_can_be_read(self) -> None:
        """A tombstone is never set aside for its fields."""
        item = {**META, "deleted": True, "studentId": "s", "lessonId": "l", "grade": "77", "ordinal": 2}
        record = read(Stream.MARKS, item)
        assert record.deleted
        assert record.values == {"student_id": "s", "lesson_id": "l", "position": 2}

    def test_may_be_bare(self) -> None:
        record = read(Stream.STUDENTS, {"id": "guid-1", "deleted": True})
        assert (record.deleted, record.values) == (True, {})


class TestToRemote:
    def test_a_student(self) -> None:
        """The regional spelling of every field; None stays null, so that an update clears."""
        canonical = {**read(Stream.STUDENTS, STUDENT).values, "patronymic": "Вагиф кызы"}
        assert MAPPINGS[Stream.STUDENTS].to_remote(canonical) == {
            "personId": "guid-9",
            "lastName": "Иванова-Пётрова",
            "firstName": "Анна",
            "surName": "Вагиф кызы",
            "genderCode": "2",
            "birthDate": "2012-02-29",
            "snils": "112-233-445 95",
            "docSeries": "IV-АИ",
            "docNumber": "123456",
            "phone": "+79120000001",
            "email": None,
        }

    def test_codes(self) -> None:
        assert MAPPINGS[Stream.ATTENDANCE].to_remote({"symbol": "осв"}) == {"absenceCode": "осв."}
        assert MAPPINGS[Stream.FINAL_MARKS].to_remote({"value": "зач", "kind": "year"}) == {
            "finalyGrade": "зачет",
            "gradeKind": "YEAR",
        }
        assert MAPPINGS[Stream.MOVEMENTS].to_remote({"kind": "departure"}) == {"movementType": "Выбытие"}

    def test_a_value_without_regional_form_is_refused(self) -> None:
        with pytest.raises(RecordError) as caught:
            MAPPINGS[Stream.MARKS].to_remote({"value": "отлично"})
        assert caught.value.code == "unmapped_code"
        assert "отлично" not in str(caught.value)


class TestNormaliseLocal:
    def clean(self, stream: Stream, **values: Any) -> dict[str, Any]:
        return dict(MAPPINGS[stream].normalise_local(values))

    def test_what_people_and_programs_write(self) -> None:
        assert self.clean(
            Stream.STUDENTS,
            last_name="  иванов ",
            patronymic="нет",
            birth_date="04.03.2012",
            snils="112-233-445 95",
            sex="муж",
            phone="8(343)371-23-45",
            document_series="1V-АИ",
            address="",
        ) == {
            "last_name": "Иванов",
            "patronymic": None,
            "birth_date": "2012-03-04",
            "snils": "11223344595",
            "sex": "М",
            "phone": "+73433712345",
            "document_series": "IV-АИ",
            "address": None,
        }

    def test_references_and_defaults(self) -> None:
        """Local ids are numbers; an empty reference waits, an empty weight is 1."""
        values = self.clean(Stream.MARKS, student_id=17, lesson_id=None, value="5", weight=None)
        assert values == {"student_id": 17, "lesson_id": None, "value": "5", "weight": 1}

    def test_columns_without_a_row_are_left_out(self) -> None:
        assert self.clean(Stream.MARKS, value="4", school_id=1) == {"value": "4"}

    @pytest.mark.parametrize(
        ("stream", "field", "value", "code"),
        [
            (Stream.ATTENDANCE, "symbol", "Н", "unmapped_code"),
            (Stream.ATTENDANCE, "symbol", "В", "unmapped_code"),
            (Stream.ATTENDANCE, "symbol", None, "required"),
            (Stream.MARKS, "value", "5-", "unmapped_code"),
            (Stream.MARKS, "value", 5, "wrong_type"),
            (Stream.MARKS, "student_id", 1.5, "wrong_type"),
            (Stream.STUDENTS, "snils", "11223344596", "snils_checksum"),
            (Stream.STUDENTS, "birth_date", "31.02.2012", "broken_date"),
            (Stream.STUDENTS, "last_name", " ", "required"),
            (Stream.STUDENTS, "phone", "+375291234567", "phone_foreign"),
            (Stream.STUDENTS, "phone", "8(343)371-23-45 доб. 12", "phone_extension"),
            (Stream.MOVEMENTS, "kind", "уволен", "unmapped_code"),
        ],
    )
    def test_impossible_values(self, stream: Stream, field: str, value: Any, code: str) -> None:
        with pytest.raises(RecordError) as caught:
            self.clean(stream, **{field: value})
        assert caught.value.code == code
        assert field in str(caught.value)
        assert not (isinstance(value, str) and len(value) > 4 and value in str(caught.value))


class TestPolicies:
    def test_pull_only_streams_belong_to_the_region(self) -> None:
        for stream, mapping in MAPPINGS.items():
            owners = {policy.owner for policy in mapping.policy.fields}
            if stream not in BOTH_WAYS:
                assert owners == {Owner.GIS}
            else:
                assert Owner.BOTH in owners

    def test_owners_and_clashes(self) -> None:
        """Only person_id belongs to the region in a two-way stream; every clash is asked, but a mark's place."""
        theirs = [
            (stream, policy.field)
            for stream in BOTH_WAYS
            for policy in MAPPINGS[stream].policy.fields
            if policy.owner is not Owner.BOTH
        ]
        assert theirs == [(Stream.STUDENTS, "person_id")]
        unasked = {
            (stream, policy.field)
            for stream, mapping in MAPPINGS.items()
            for policy in mapping.policy.fields
            if policy.on_clash is not OnClash.ASK
        }
        assert unasked == {(Stream.MARKS, "position")}

    def test_groups(self) -> None:
        """The groups of invariant 2; every other field stands alone."""
        groups = {
            frozenset(policy.field for policy in fields)
            for mapping in MAPPINGS.values()
            for fields in mapping.policy.groups.values()
            if len(fields) > 1
        }
        assert groups == {
            frozenset({"kind", "date", "order_number", "order_date", "class_from_id", "class_to_id"}),
            frozenset({"value", "weight"}),
            frozenset({"symbol", "reason"}),
            frozenset({"document_series", "document_number"}),
        }

    def test_every_field_of_every_stream_is_mapped(self) -> None:
        for stream, mapping in MAPPINGS.items():
            assert {policy.field for policy in mapping.policy.fields} == set(SPECS[stream].fields)

    def test_names_agree_without_yo_and_case(self) -> None:
        policy = MAPPINGS[Stream.STUDENTS].policy.by_field
        assert policy["last_name"].same("Королёв", "КОРОЛЕВ")
        assert not policy["last_name"].same("Королёв", "Королевич")
        assert not policy["address"].same("Берёзовая", "Березовая")

    def test_a_field_without_a_group_is_its_own(self) -> None:
        policy = StreamPolicy(
            stream=Stream.MARKS, fields=(FieldPolicy(field="value"), FieldPolicy(field="weight", group="g"))
        )
        assert {name: [p.field for p in fields] for name, fields in policy.groups.items()} == {
            "value": ["value"],
            "g": ["weight"],
        }


def test_the_round_trip_check_finds_a_mapping_that_does_not_return() -> None:
    """Two canonical fields that share their way back cannot both survive."""
    mapping = MAPPINGS[Stream.MARKS]
    rows = list(mapping.rows.values())
    lossy = [row for row in rows if row.field != "comment"]
    assert RecordMapping(Stream.MARKS, lossy).round_trip_check() == []
    broken = [*lossy, type(rows[0])(**{**_as_dict(mapping.rows["comment"]), "remote": "grade"})]
    problems = RecordMapping(Stream.MARKS, broken).round_trip_check()
    assert problems
    assert all(problem.startswith("marks") for problem in problems)


def _as_dict(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}
