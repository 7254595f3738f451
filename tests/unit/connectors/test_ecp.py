"""The connector of ГИС СО «ЕЦП» where the region misbehaves; its good manners are in tests/contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import respx

from connectors import CONNECTORS
from connectors.ecp.connector import EcpConnector
from connectors.ecp.settings import EcpSettings
from mappings import load_mappings
from sync_service.domain.errors import (
    ConfigError,
    ContractError,
    LoginNeeded,
    OutcomeUnknown,
    RecordError,
    TransientError,
)
from sync_service.domain.links import RemoteId
from sync_service.domain.records import Values
from sync_service.domain.streams import Stream
from sync_service.engine.ports import Op, PersonQuery, PersonStatus, WriteItem, WriteStatus
from tests.unit.connectors.regions import BASE, Clock, Store

MAPPINGS = load_mappings()
ORG = f"{BASE}/organizations/org-1"
VERSIONS = {"serverTime": "2026-11-20T10:00:00+05:00", "streams": {"marks": {"newest": 9, "oldest": 0}}}
MARK = {"id": "m-1", "version": 1, "changeVersion": 9, "studentId": "s", "lessonId": "l", "grade": "5"}


def connector(store: Store | None = None, **changes: Any) -> EcpConnector:
    settings = EcpSettings(base_url=BASE, organization_id="org-1", **changes)
    return EcpConnector(
        settings, tokens=store or Store(), mappings=MAPPINGS, clock=Clock(), uniform=lambda low, high: high
    )


@pytest.fixture(autouse=True)
def region() -> Iterator[respx.MockRouter]:
    with respx.mock as router:
        yield router


def page(*items: Any, total: int | None = None, number: int = 1, size: int = 1000, **extra: Any) -> dict[str, Any]:
    count = len(items) if total is None else total
    return {
        "items": list(items),
        "pageNumber": number,
        "pageSize": size,
        "totalCount": count,
        "totalPages": -(-count // size),
        "hasNextPage": False,
        "hasPreviousPage": False,
        **extra,
    }


def create(ref: str, **values: Any) -> WriteItem:
    return WriteItem(client_ref=ref, op=Op.CREATE, values=values)


def change(remote_id: str) -> WriteItem:
    return WriteItem(client_ref="a", op=Op.UPDATE, remote_id=RemoteId(remote_id), version=1, values={"value": "5"})


class TestReading:
    def test_versions_are_in_utc_and_unknown_streams_do_no_harm(self, region: respx.MockRouter) -> None:
        answer = {**VERSIONS, "streams": {**VERSIONS["streams"], "portfolio": {"newest": 1, "oldest": 0}}}  # type: ignore[dict-item]
        region.get(f"{ORG}/changeVersion").respond(json=answer)
        versions = connector().change_versions()
        assert versions.server_time.isoformat() == "2026-11-20T05:00:00+00:00"
        assert set(versions.streams) == {Stream.MARKS}

    def test_a_server_error_of_one_record(self, region: respx.MockRouter) -> None:
        """An update may come again under its version; whether a create was done is read back first."""
        region.post(f"{ORG}/marks/batch").respond(json={"results": [{"clientRef": "a", "status": 500}]})
        update = WriteItem(client_ref="a", op=Op.UPDATE, remote_id=RemoteId("m-1"), version=1, values={"value": "5"})
        (result,) = connector().write(Stream.MARKS, [update], key="k")
        assert result.status is WriteStatus.FAILED
        with pytest.raises(OutcomeUnknown, match="read back"):
            connector().write(Stream.MARKS, [create("a", value="5")], key="k")

    @pytest.mark.parametrize(
        "answer",
        [
            [],
            {},
            None,
            {**VERSIONS, "serverTime": "yesterday"},
            {**VERSIONS, "serverTime": "2026-11-20T10:00:00"},
            {**VERSIONS, "serverTime": None},
            {**VERSIONS, "streams": {"marks": {"newest": "9", "oldest": 0}}},
            {**VERSIONS, "streams": {"marks": 9}},
        ],
    )
    def test_broken_versions_break_the_contract(self, region: respx.MockRouter, answer: Any) -> None:
        region.get(f"{ORG}/changeVersion").respond(json=answer)
        with pytest.raises(ContractError):
            connector().change_versions()

    def test_unknown_fields_are_welcome(self, region: respx.MockRouter) -> None:
        """Additive change passes: around the page, in its items."""
        region.get(f"{ORG}/changeVersion").respond(json=VERSIONS)
        region.get(f"{ORG}/marks").respond(json=page({**MARK, "mood": {"a": [1]}}, traceId="x"))
        (found,) = connector().pages(Stream.MARKS, None, None)
        assert found.records[0].values == {"student_id": "s", "lesson_id": "l", "value": "5"}

    def test_a_bad_record_does_not_stop_the_page(self, region: respx.MockRouter) -> None:
        region.get(f"{ORG}/changeVersion").respond(json=VERSIONS)
        items = [MARK, {**MARK, "id": "m-2", "grade": "9"}, "nonsense", {**MARK, "id": None}]
        region.get(f"{ORG}/marks").respond(json=page(*items))
        (found,) = connector().pages(Stream.MARKS, None, None)
        assert found.complete
        assert [record.remote_id for record in found.records] == ["m-1"]
        assert [reject.code for reject in found.rejects] == ["unmapped_code", "not_an_object", "no_id"]
        assert found.received == 4

    @pytest.mark.parametrize(
        "answer",
        [
            {},
            [],
            {"items": []},
            {**page(), "items": None},
            {**page(), "items": {}},
            {**page(), "totalCount": "1"},
            {**page(), "totalCount": -1},
            {**page(), "pageSize": 0},
            {**page(), "pageNumber": 7},
        ],
    )
    def test_a_broken_page_breaks_the_contract(self, region: respx.MockRouter, answer: Any) -> None:
        region.get(f"{ORG}/changeVersion").respond(json=VERSIONS)
        region.get(f"{ORG}/marks").respond(json=answer)
        with pytest.raises(ContractError):
            list(connector().pages(Stream.MARKS, None, None))

    def test_a_stream_the_region_does_not_name_breaks_the_contract(self, region: respx.MockRouter) -> None:
        region.get(f"{ORG}/changeVersion").respond(json=VERSIONS)
        with pytest.raises(ContractError):
            list(connector().pages(Stream.STUDENTS, None, None))

    def test_look_ups_travel_in_bodies_and_in_parts(self, region: respx.MockRouter) -> None:
        """At most 500 at once; nothing personal in an address."""
        route = region.post(f"{ORG}/students/search").respond(json={"items": []})
        connector().get(Stream.STUDENTS, [RemoteId(f"s-{number}") for number in range(1201)])
        bodies = [msgspec.json.decode(call.request.content) for call in route.calls]
        assert [len(body["ids"]) for body in bodies] == [500, 500, 201]
        connector().find(Stream.STUDENTS, keys=[{"snils": "11223344595", "last_name": "Иванов"}])
        assert msgspec.json.decode(route.calls.last.request.content) == {"keys": [{"snils": "112-233-445 95"}]}
        assert {str(call.request.url) for call in route.calls} == {f"{ORG}/students/search"}

    def test_a_key_without_snils_goes_by_name(self, region: respx.MockRouter) -> None:
        route = region.post(f"{ORG}/students/search").respond(json={"items": []})
        key: Values = {
            "snils": None,
            "last_name": "Ким",
            "first_name": "Ян",
            "patronymic": None,
            "birth_date": "2012-01-02",
        }
        connector().find(Stream.STUDENTS, keys=[key])
        assert msgspec.json.decode(route.calls.last.request.content) == {
            "keys": [{"lastName": "Ким", "firstName": "Ян", "surName": None, "birthDate": "2012-01-02"}]
        }

    def test_what_is_no_key_is_never_not_found(self) -> None:
        """A look-up that cannot be asked raises."""
        with pytest.raises(ValueError, match="cannot be searched"):
            connector().find(Stream.STUDENTS, keys=[{"first_name": "Ян"}])
        with pytest.raises(RecordError):
            connector().find(Stream.STUDENTS, keys=[{"snils": "123"}])


class TestWriting:
    def test_what_has_no_regional_form_stays_here(self, region: respx.MockRouter) -> None:
        """The other items are sent and keep their places."""
        route = region.post(f"{ORG}/marks/batch").respond(
            json={"results": [{"clientRef": "b", "status": 201, "id": "m-1", "item": MARK}]}
        )
        results = connector().write(
            Stream.MARKS, [create("a", value="9"), create("b", value="5"), create("c", value="")], key="key-1"
        )
        assert [(result.client_ref, result.status) for result in results] == [
            ("a", WriteStatus.INVALID),
            ("b", WriteStatus.DONE),
            ("c", WriteStatus.INVALID),
        ]
        assert results[0].code == "unmapped_code"
        (call,) = route.calls
        assert call.request.headers["idempotency-key"] == "key-1"
        assert msgspec.json.decode(call.request.content) == {
            "items": [{"clientRef": "b", "op": "create", "data": {"grade": "5"}}]
        }

    def test_nothing_writable_sends_nothing(self, region: respx.MockRouter) -> None:
        (result,) = connector().write(Stream.MARKS, [create("a", value="9")], key="k")
        assert result.status is WriteStatus.INVALID
        assert region.calls.call_count == 0

    def test_too_many_items_are_a_defect_of_the_caller(self) -> None:
        with pytest.raises(ValueError, match="at most 2"):
            connector(batch_limit=2).write(Stream.MARKS, [create(str(n), value="5") for n in range(3)], key="k")

    @pytest.mark.parametrize(
        ("answer", "status", "remote_id"),
        [
            ({"status": 200, "id": "m-1"}, WriteStatus.DONE, "m-1"),
            ({"status": 201, "item": MARK}, WriteStatus.DONE, "m-1"),
            ({"status": 404, "code": "not_found"}, WriteStatus.NOT_FOUND, None),
            ({"status": 409, "code": "duplicate", "id": "m-7"}, WriteStatus.DUPLICATE, "m-7"),
            ({"status": 409, "code": "person_has_card"}, WriteStatus.DUPLICATE, None),
            ({"status": 409, "code": "not_released"}, WriteStatus.NOT_RELEASED, None),
            ({"status": 409, "code": "something_new"}, WriteStatus.INVALID, None),
            ({"status": 409}, WriteStatus.INVALID, None),
            ({"status": 412, "code": "stale_version", "id": "m-1"}, WriteStatus.STALE, "m-1"),
            ({"status": 422, "code": "invalid"}, WriteStatus.INVALID, None),
            ({"status": 423, "code": "window_closed"}, WriteStatus.WINDOW_CLOSED, None),
            ({"status": 429}, WriteStatus.FAILED, None),
            ({"status": 418, "code": "teapot"}, WriteStatus.INVALID, None),
        ],
    )
    def test_each_status_has_one_meaning(
        self, region: respx.MockRouter, answer: dict[str, Any], status: WriteStatus, remote_id: str | None
    ) -> None:
        code = answer.pop("code", None)
        problem = {"issue": [{"severity": "error", "code": code, "details": "Иванов", "path": "data.grade"}]}
        body = {"clientRef": "a", **answer, **({"problem": problem} if code else {})}
        region.post(f"{ORG}/marks/batch").respond(json={"results": [body]})
        (result,) = connector().write(Stream.MARKS, [create("a", value="5")], key="k")
        assert (result.status, result.remote_id, result.code) == (status, remote_id, code or "")
        assert result.detail == ("data.grade" if code else "")
        assert "Иванов" not in repr(result)

    @pytest.mark.parametrize(
        "answer",
        [
            [],
            {},
            {"results": []},
            {"results": [{"clientRef": "another", "status": 201, "id": "m"}]},
            {"results": [{"clientRef": "a", "status": 201, "id": "m"}] * 2},
            {"results": [{"clientRef": "a", "status": "201", "id": "m"}]},
            {"results": [{"clientRef": "a", "status": 201}]},
            {"results": [{"clientRef": "a", "status": 202, "id": "m"}]},
            {"results": [{"clientRef": "a", "status": 0}]},
            {"results": [{"clientRef": "a", "status": 201, "id": "m\x00"}]},
            {"results": [{"clientRef": "a", "status": 201, "id": "m", "version": 10**40}]},
            {"results": [None]},
        ],
    )
    def test_an_answer_that_proves_nothing_is_an_unknown_outcome(self, region: respx.MockRouter, answer: Any) -> None:
        """Another batch's stored answer, too few results, «accepted»: read back before anything else."""
        region.post(f"{ORG}/marks/batch").respond(json=answer)
        with pytest.raises(OutcomeUnknown):
            connector().write(Stream.MARKS, [create("a", value="5")], key="k")

    @pytest.mark.parametrize(
        ("item", "answer"),
        [
            (change("m-1"), {"status": 200, "id": "m-2", "item": {**MARK, "id": "m-2"}}),
            (change("m-1"), {"status": 200, "id": "m-1", "item": {**MARK, "id": "m-2"}}),
            (change("m-1"), {"status": 200, "item": {**MARK, "id": "m-2"}}),
            (change("m-1"), {"status": 200, "id": "m-2"}),
            (create("a", value="5"), {"status": 201, "id": "m-1", "item": {**MARK, "clientRef": "b"}}),
            (create("a", value="5"), {"status": 201, "id": "m-2", "item": MARK}),
        ],
    )
    def test_a_success_that_tells_of_another_record_proves_nothing(
        self, region: respx.MockRouter, item: WriteItem, answer: dict[str, Any]
    ) -> None:
        """Two results of a batch that changed places: else each row would get the other's values."""
        region.post(f"{ORG}/marks/batch").respond(json={"results": [{"clientRef": "a", **answer}]})
        with pytest.raises(OutcomeUnknown):
            connector().write(Stream.MARKS, [item], key="k")

    def test_a_stored_record_we_cannot_read_is_done_all_the_same(self, region: respx.MockRouter) -> None:
        body = {"clientRef": "a", "status": 201, "id": "m-1", "version": 1, "item": {**MARK, "grade": "A"}}
        region.post(f"{ORG}/marks/batch").respond(json={"results": [body]})
        (result,) = connector().write(Stream.MARKS, [create("a", value="5")], key="k")
        assert (result.status, result.remote_id, result.stored) == (WriteStatus.DONE, "m-1", None)

    def test_a_failed_refresh_is_no_unknown_outcome(self, region: respx.MockRouter) -> None:
        """The batch itself never left."""
        route = region.post(f"{BASE}/auth/token/refresh").mock(side_effect=httpx.ReadTimeout("late"))
        batch = region.post(f"{ORG}/marks/batch").respond(json={"results": []})
        with pytest.raises(TransientError) as caught:
            connector(Store(access=None)).write(Stream.MARKS, [create("a", value="5")], key="k")
        assert not isinstance(caught.value, OutcomeUnknown)
        assert (route.call_count, batch.call_count) == (1, 0)


class TestTokens:
    def test_the_first_call_exchanges_what_a_person_entered(self, region: respx.MockRouter) -> None:
        refresh = region.post(f"{BASE}/auth/token/refresh").respond(
            json={"accessToken": "access-2", "refreshToken": "refresh-2", "expiresIn": 3600}
        )
        route = region.get(f"{ORG}/changeVersion").respond(json=VERSIONS)
        store = Store(access=None)
        school = connector(store)
        assert school.connection_state() == "unknown"
        school.change_versions()
        assert school.connection_state() == "ok"
        assert msgspec.json.decode(refresh.calls.last.request.content) == {"refreshToken": "refresh-1"}
        assert "authorization" not in refresh.calls.last.request.headers
        assert route.calls.last.request.headers["authorization"] == "Bearer access-2"
        assert store.tokens is not None
        assert (store.tokens.access, store.tokens.refresh) == ("access-2", "refresh-2")

    def test_a_rejected_refresh_asks_for_a_person_once(self, region: respx.MockRouter) -> None:
        refresh = region.post(f"{BASE}/auth/token/refresh").respond(401, json={"issue": [{"code": "expired"}]})
        region.get(f"{ORG}/changeVersion").respond(401)
        school = connector()
        for _ in range(3):
            with pytest.raises(LoginNeeded):
                school.change_versions()
        assert refresh.call_count == 1
        assert school.connection_state() == "login_needed"

    @pytest.mark.parametrize(
        "answer",
        [
            {},
            {"accessToken": "", "refreshToken": "r"},
            {"accessToken": "a", "refreshToken": None},
            {"accessToken": "a\r\nX-Evil: 1", "refreshToken": "r"},
            {"accessToken": "токен", "refreshToken": "r"},
        ],
    )
    def test_what_is_no_token_is_never_stored(self, region: respx.MockRouter, answer: dict[str, Any]) -> None:
        region.post(f"{BASE}/auth/token/refresh").respond(json=answer)
        store = Store(access=None)
        with pytest.raises(ContractError):
            connector(store).change_versions()
        assert store.tokens is not None
        assert store.tokens.refresh == "refresh-1"


CANDIDATE = {
    "personId": "g-1",
    "lastName": "КИМ",
    "firstName": "Ян",
    "surName": "-",
    "birthDate": "2012-01-02",
    "snils": "000",
    "status": "enrolled",
    "organizationId": "org-2",
}


class TestFindAvailable:
    QUERY = PersonQuery(ref="p-1", last_name="Ким", first_name="Ян", birth_date="2012-01-02", snils="11223344595")

    def test_asks_in_the_body_and_reads_candidates(self, region: respx.MockRouter) -> None:
        """Names of the contract; a candidate's unreadable detail is left out, the candidate stays."""
        route = region.post(f"{BASE}/enrolment/available/search").respond(
            json={"results": [{"ref": "p-1", "status": "enrolled_elsewhere", "candidates": [CANDIDATE]}]}
        )
        (answer,) = connector().find_available([self.QUERY])
        assert msgspec.json.decode(route.calls.last.request.content) == {
            "persons": [
                {
                    "ref": "p-1",
                    "lastName": "Ким",
                    "firstName": "Ян",
                    "birthDate": "2012-01-02",
                    "snils": "112-233-445 95",
                }
            ]
        }
        assert answer.status is PersonStatus.ENROLLED_ELSEWHERE
        (found,) = answer.candidates
        assert (found.last_name, found.patronymic, found.snils) == ("Ким", None, None)
        assert (found.status, found.organization_id) == (PersonStatus.ENROLLED_ELSEWHERE, "org-2")

    @pytest.mark.parametrize(
        "results",
        [
            [],
            [{"ref": "p-2", "status": "available", "candidates": []}],
            [{"ref": "p-1", "status": "maybe", "candidates": []}],
            [{"ref": "p-1", "status": "available", "candidates": [{"personId": "g-1"}]}],
            [{"ref": "p-1", "status": "available", "candidates": []}],
            [{"ref": "p-1", "status": "enrolled_elsewhere", "candidates": []}],
            [{"ref": "p-1", "status": "unknown", "candidates": [CANDIDATE]}],
            [{"ref": "p-1", "status": "available", "candidates": [{**CANDIDATE, "status": "enrolled_here"}]}],
            [{"ref": "p-1", "status": "unknown", "candidates": []}] * 2,
        ],
    )
    def test_an_incomplete_answer_is_never_not_found(self, region: respx.MockRouter, results: list[Any]) -> None:
        """Nor one that contradicts itself: otherwise a failed look-up could create a pupil."""
        region.post(f"{BASE}/enrolment/available/search").respond(json={"results": results})
        with pytest.raises(ContractError):
            connector().find_available([self.QUERY])


class TestSettings:
    GOOD: dict[str, Any] = {"base_url": BASE, "organization_id": "org-1"}  # noqa: RUF012 - never changed

    def test_every_problem_is_told_at_once(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            EcpSettings(
                base_url="http://region.example",
                organization_id=" ",
                page_size=5000,
                attempts=0,
                ca_bundle=tmp_path / "none.pem",
            )
        names = [problem.partition(":")[0] for problem in caught.value.problems]
        assert names == ["base_url", "organization_id", "page_size", "attempts", "ca_bundle"]

    @pytest.mark.parametrize(
        "address", ["", "region.example", "ftp://x", "https://", "https://user:pw@x", "https://x/?a=1", "https://x:y"]
    )
    def test_addresses_that_are_none(self, address: str) -> None:
        with pytest.raises(ConfigError, match="base_url"):
            EcpSettings(base_url=address, organization_id="org-1")

    @pytest.mark.parametrize(
        "address", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1", "https://x/api/"]
    )
    def test_plain_http_is_for_this_machine_only(self, address: str) -> None:
        assert EcpSettings(base_url=address, organization_id="org-1").base_url == address

    def test_plain_values_and_strangers(self, tmp_path: Path) -> None:
        bundle = tmp_path / "roots.pem"
        bundle.write_text("", "utf-8")
        assert EcpSettings.of({**self.GOOD, "ca_bundle": str(bundle)}).ca_bundle == bundle
        with pytest.raises(ConfigError) as caught:
            EcpSettings.of({"base_url": BASE, "verify": False})
        assert caught.value.problems == [
            "verify: the ecp connector has no such setting",
            "organization_id: is missing",
        ]

    def test_the_registry_makes_a_connector(self) -> None:
        made = CONNECTORS["ecp"](self.GOOD, tokens=Store(), mappings=MAPPINGS, clock=Clock())
        assert isinstance(made, EcpConnector)
        assert made.batch_limit == 500
        made.close()


def test_an_organization_id_cannot_leave_its_place(region: respx.MockRouter) -> None:
    """Whatever stands in the configuration stays one segment of the address."""
    settings = EcpSettings(base_url=BASE, organization_id="../x?y")
    route = region.get(url__startswith=BASE).respond(json=VERSIONS)
    EcpConnector(settings, tokens=Store(), mappings=MAPPINGS, clock=Clock()).change_versions()
    assert route.calls.last.request.url.raw_path == b"/api/organizations/..%2Fx%3Fy/changeVersion"
