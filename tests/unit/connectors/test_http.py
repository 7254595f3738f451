"""What the client makes of statuses, bodies, waits and redirects; every httpx error has a counterpart."""

from __future__ import annotations

import gzip
import logging
from inspect import getmembers, isclass
from itertools import pairwise
from typing import Any

import httpx
import pytest
import respx

from connectors.answers import COUNTERPARTS
from connectors.auth import Tokens
from sync_service.domain.errors import (
    AccessRefused,
    ContractError,
    CursorExpired,
    FatalError,
    LoginNeeded,
    OutcomeUnknown,
    RateLimited,
    SyncError,
    TransientError,
    Unreachable,
)
from tests.unit.connectors.regions import BASE, Clock, Store, client, session

URL = f"{BASE}/things"
HTML = "<html><form>Вход через ЕСИА</form></html>"


def read(clock: Clock | None = None, **changes: Any) -> object:
    return client(clock, **changes).call("GET", "things", "things", session=session())


def write(clock: Clock | None = None, **changes: Any) -> object:
    return client(clock, **changes).call(
        "POST", "things", "things", session=session(), body={"name": "Иванов"}, writing=True
    )


def test_every_httpx_error_has_a_counterpart() -> None:
    """A new httpx must not bring an exception that passes us by."""
    errors = {
        cls for _, cls in getmembers(httpx, isclass) if issubclass(cls, Exception) and not issubclass(cls, Warning)
    }
    assert errors - COUNTERPARTS.keys() == set()


class TestStatuses:
    EXPECTED = (
        (400, ContractError, ContractError, 1),
        (403, AccessRefused, AccessRefused, 1),
        (404, AccessRefused, AccessRefused, 1),
        (405, ContractError, ContractError, 1),
        (408, TransientError, OutcomeUnknown, 3),
        (409, ContractError, OutcomeUnknown, 1),
        (410, CursorExpired, CursorExpired, 1),
        (413, ContractError, ContractError, 1),
        (415, ContractError, ContractError, 1),
        (422, ContractError, ContractError, 1),
        (429, RateLimited, RateLimited, 3),
        (500, TransientError, OutcomeUnknown, 3),
        (502, TransientError, OutcomeUnknown, 3),
        (503, Unreachable, Unreachable, 3),
        (504, TransientError, OutcomeUnknown, 3),
    )

    @pytest.mark.parametrize(("status", "of_read", "of_write", "reads"), EXPECTED)
    def test_each_has_one_meaning_and_bounded_repeats(
        self, status: int, of_read: type[SyncError], of_write: type[SyncError], reads: int
    ) -> None:
        """Reads are repeated after anything transient; writes only when nothing was committed."""
        with respx.mock:
            route = respx.get(URL).respond(status, json={"issue": [{"code": "some_code", "details": "Иванов"}]})
            with pytest.raises(of_read, match="some_code") as caught:
                read()
            assert type(caught.value) is of_read
            assert route.call_count == reads
            assert "Иванов" not in str(caught.value)
            route = respx.post(URL).respond(status, html="<html>Сидоров</html>")
            with pytest.raises(of_write) as caught:
                write()
            assert type(caught.value) is of_write
            assert route.call_count == (1 if of_write is OutcomeUnknown else reads)
            assert "Сидоров" not in str(caught.value)

    def test_a_transient_failure_is_survived(self) -> None:
        with respx.mock:
            respx.get(URL).mock(
                side_effect=[httpx.Response(500), httpx.ReadTimeout("late"), httpx.Response(200, json=[1])]
            )
            assert read() == [1]

    def test_a_write_is_repeated_after_a_maintenance_page(self) -> None:
        """503 as HTML: nothing was committed."""
        with respx.mock:
            route = respx.post(URL).mock(
                side_effect=[httpx.Response(503, html=HTML), httpx.Response(200, json={"results": []})]
            )
            assert write() == {"results": []}
            assert route.call_count == 2


class TestTransportErrors:
    NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
    LOST = (
        httpx.ReadTimeout,
        httpx.WriteTimeout,
        httpx.ReadError,
        httpx.WriteError,
        httpx.CloseError,
        httpx.RemoteProtocolError,
    )

    @pytest.mark.parametrize("error", NOT_SENT)
    def test_what_was_not_sent_is_sent_again(self, error: type[Exception]) -> None:
        with respx.mock:
            for route, call in ((respx.get(URL), read), (respx.post(URL), write)):
                route.mock(side_effect=error("private detail"))
                with pytest.raises(Unreachable) as caught:
                    call()
                assert route.call_count == 3
                assert "private" not in str(caught.value)

    def test_an_outage_is_met_with_single_probes_until_it_ends(self) -> None:
        """Five failures in a row, then one probe in five minutes of fifteen; after a success all is as before."""
        clock = Clock()
        with respx.mock:
            http = client(clock)
            route = respx.get(URL).mock(side_effect=httpx.ConnectError("down"))
            for _ in range(60):
                with pytest.raises(Unreachable):
                    http.call("GET", "things", "things", session=session())
                clock.seconds += 15
            assert route.call_count == 5 + 3
            clock.seconds += 300
            route.mock(
                side_effect=[httpx.Response(200, json=1), httpx.ConnectError("again"), httpx.Response(200, json=2)]
            )
            for value in (1, 2):
                assert http.call("GET", "things", "things", session=session()) == value

    @pytest.mark.parametrize("error", LOST)
    def test_what_may_have_left_is_not_sent_again(self, error: type[Exception]) -> None:
        with respx.mock:
            reading = respx.get(URL).mock(side_effect=error("private detail"))
            with pytest.raises(Unreachable):
                read()
            assert reading.call_count == 3
            writing = respx.post(URL).mock(side_effect=error("private detail"))
            with pytest.raises(OutcomeUnknown) as caught:
                write()
            assert writing.call_count == 1
            assert "private" not in str(caught.value)

    def test_a_defect_of_ours_stops_the_run(self) -> None:
        with respx.mock:
            respx.get(URL).mock(side_effect=httpx.LocalProtocolError("ours"))
            with pytest.raises(FatalError):
                read()


class TestBodies:
    BODIES = (
        (b"<html>login</html>", "text/html; charset=utf-8", TransientError),
        (b'{"items":[]}', "text/html", TransientError),
        (b'{"items":[]}', "text/plain", ContractError),
        (b'{"items":[]}', "", ContractError),
        (b"", "application/json", ContractError),
        (b'{"items":[', "application/json", ContractError),
        (b'{"a":NaN}', "application/json", ContractError),
        (b'{"a":1}{"b":2}', "application/json", ContractError),
        (b'{"a":"\xff"}', "application/json", ContractError),
        (b'{"a":"\\ud800"}', "application/json", ContractError),
        (b"[" * 100_000, "application/json", ContractError),
        (b"<html>login</html>", "application/json", ContractError),
    )

    @pytest.mark.parametrize(("body", "kind", "error"), BODIES)
    def test_only_declared_and_valid_json_is_data(self, body: bytes, kind: str, error: type[SyncError]) -> None:
        headers = {"Content-Type": kind} if kind else {}
        with respx.mock:
            respx.get(URL).respond(200, content=body, headers=headers)
            with pytest.raises(error):
                read()
            route = respx.post(URL).respond(200, content=body, headers=headers)
            with pytest.raises(OutcomeUnknown):
                write()
            assert route.call_count == 1

    def test_a_json_dialect_is_json(self) -> None:
        with respx.mock:
            respx.get(URL).respond(200, content=b"[]", headers={"Content-Type": "application/problem+json"})
            assert read() == []


class TestWaiting:
    """Whoever is told to wait never comes early (statement 22)."""

    def waits(self, retry_after: str | None, **headers: str) -> list[float]:
        """The times between the requests that a reading made while it was told to wait."""
        clock = Clock()
        asked: list[float] = []

        def respond(request: httpx.Request) -> httpx.Response:
            asked.append(clock.seconds)
            said = {"Retry-After": retry_after} if retry_after is not None else {}
            return httpx.Response(429, headers={**said, **headers})

        with respx.mock:
            respx.get(URL).mock(side_effect=respond)
            http = client(clock)
            for _ in range(2):
                with pytest.raises(RateLimited):
                    http.call("GET", "things", "things", session=session())
        return [later - earlier for earlier, later in pairwise(asked)]

    def test_seconds(self) -> None:
        """Each repeat, and the next call too, comes after the wait."""
        waits = self.waits("7")
        assert len(waits) == 5
        assert min(waits) >= 7

    def test_a_date_counts_from_the_region_s_own_clock(self) -> None:
        waits = self.waits("Fri, 20 Nov 2026 09:00:09 GMT", Date="Fri, 20 Nov 2026 09:00:00 GMT")
        assert min(waits) >= 9

    def test_a_date_without_the_region_s_clock_counts_from_ours(self) -> None:
        assert min(self.waits("Fri, 20 Nov 2026 05:00:08 GMT")) >= 8

    @pytest.mark.parametrize("text", [None, "", "-5", "soon", "Fri, 20 Nov 1026 05:00:08 GMT"])
    def test_no_usable_figure_leaves_the_usual_backoff(self, text: str | None) -> None:
        waits = self.waits(text)
        assert len(waits) == 5
        assert max(waits) < 5

    @pytest.mark.parametrize("text", ["31", "86400", "9" * 400, "Fri, 20 Nov 2099 05:00:00 GMT"])
    def test_a_long_wait_is_left_to_the_caller(self, text: str) -> None:
        """No request and no sleep, now or at the next call; the error says how long."""
        clock = Clock()
        with respx.mock:
            route = respx.get(URL).respond(429, headers={"Retry-After": text})
            http = client(clock)
            for _ in range(3):
                with pytest.raises(RateLimited) as caught:
                    http.call("GET", "things", "things", session=session())
                assert caught.value.retry_after is not None
                assert caught.value.retry_after > 30
            assert route.call_count == 1
            assert clock.slept == []
            clock.seconds += 8 * 24 * 3600
            with pytest.raises(RateLimited):
                http.call("GET", "things", "things", session=session())
            assert route.call_count == 2

    @pytest.mark.parametrize(
        ("encoding", "body"),
        [("gzip", gzip.compress(b"{}")[:-4]), ("br", b"packed"), ("", b"x" * 2000)],
        ids=["cut", "br", "long"],
    )
    @pytest.mark.parametrize("writing", [False, True])
    def test_a_wait_holds_whatever_becomes_of_the_body(self, encoding: str, body: bytes, writing: bool) -> None:
        clock = Clock()
        asked: list[float] = []

        def respond(request: httpx.Request) -> httpx.Response:
            asked.append(clock.seconds)
            headers = {"Retry-After": "20", **({"Content-Encoding": encoding} if encoding else {})}
            return httpx.Response(429, headers=headers, stream=httpx.ByteStream(body))

        with respx.mock:
            respx.route(url=URL).mock(side_effect=respond)
            http = client(clock, most_sent_by_region=1000)
            for _ in range(2):
                with pytest.raises(SyncError):
                    http.call("POST" if writing else "GET", "things", "things", session=session(), writing=writing)
        assert min(later - earlier for earlier, later in pairwise(asked)) >= 20

    def test_maintenance_with_a_figure_is_respected_too(self) -> None:
        clock = Clock()
        with respx.mock:
            respx.get(URL).mock(
                side_effect=[
                    httpx.Response(503, headers={"Retry-After": "20"}, html=HTML),
                    httpx.Response(200, json=1),
                ]
            )
            assert read(clock) == 1
        assert clock.seconds - 1000 >= 20

    def test_backoff_has_full_jitter_under_an_exponential_bound(self) -> None:
        """Without jitter the bounds show: 0.5, 1, 2, … seconds, never above the longest."""
        clock = Clock()
        with respx.mock:
            respx.get(URL).respond(500)
            with pytest.raises(TransientError):
                read(clock, attempts=6, longest_backoff=4.0, failures_until_down=9)
        assert clock.slept == [0.5, 1.0, 2.0, 4.0, 4.0]


class TestRedirects:
    def test_within_the_origin_they_are_followed(self) -> None:
        with respx.mock:
            respx.get(URL).respond(308, headers={"Location": "/api/v2/things"})
            respx.get("https://region.example/api/v2/things").respond(200, json=[2])
            assert read() == [2]

    @pytest.mark.parametrize(
        "location",
        [
            "https://elsewhere.example/api/things",
            "http://region.example/api/things",
            "https://region.example:8443/api/things",
            "https://region.example@elsewhere.example/",
            "https://region.example.elsewhere.example/",
            "//elsewhere.example/things",
            "\\\\elsewhere.example\\things",
            "https://169.254.169.254/latest",
            "file:///etc/passwd",
            "",
        ],
    )
    def test_off_the_origin_nothing_is_asked(self, location: str) -> None:
        """No request and no token leaves for another address."""
        with respx.mock:
            respx.get(URL).respond(302, headers={"Location": location})
            other = respx.route(url__regex=".*").respond(200, json=[])
            if location.startswith("\\"):  # a path on the same host to httpx, an address to browsers
                assert read() == []
                assert {call.request.url.host for call in other.calls} == {"region.example"}
                return
            with pytest.raises(ContractError):
                read()
            assert other.call_count == 0

    def test_a_broken_location_is_a_broken_answer(self) -> None:
        with respx.mock:
            respx.get(URL).respond(302, headers={"Location": "https://[::1/"})
            with pytest.raises(Unreachable):
                read()

    def test_circles_end(self) -> None:
        with respx.mock:
            route = respx.get(URL).respond(302, headers={"Location": "/api/things"})
            with pytest.raises(ContractError, match="circles"):
                read()
            assert route.call_count == 4

    def test_a_redirected_write_has_an_unknown_outcome(self) -> None:
        with respx.mock:
            respx.post(URL).respond(302, headers={"Location": "/api/login"})
            with pytest.raises(OutcomeUnknown):
                write()


class TestTokens:
    def test_an_expired_token_is_renewed_once_and_the_call_repeated(self) -> None:
        """The repeated request carries the new token; a write is safe to repeat after 401."""
        with respx.mock:
            route = respx.post(URL).mock(side_effect=[httpx.Response(401), httpx.Response(200, json=[])])
            signed = session(lambda token: Tokens(access="access-2", refresh="refresh-2"))
            assert client().call("POST", "things", "things", session=signed, body={}, writing=True) == []
            sent = [call.request.headers["authorization"] for call in route.calls]
        assert sent == ["Bearer access-1", "Bearer access-2"]

    def test_a_second_401_asks_for_a_person(self) -> None:
        with respx.mock:
            route = respx.get(URL).respond(401)
            signed = session(lambda token: Tokens(access="access-2", refresh="refresh-2"))
            with pytest.raises(LoginNeeded):
                client().call("GET", "things", "things", session=signed)
            assert route.call_count == 2

    def test_the_token_is_in_no_error_and_no_log(self, caplog: pytest.LogCaptureFixture) -> None:
        """httpx and httpcore are silent; the token shows in no message, cause or representation."""
        store = Store(access="SECRET-ACCESS", refresh="SECRET-REFRESH")
        caplog.set_level(logging.DEBUG)
        with respx.mock:
            respx.get(URL).mock(side_effect=httpx.ReadError("broken"))
            with pytest.raises(Unreachable) as caught:
                client().call("GET", "things", "things", session=session(store=store))
        chain: BaseException | None = caught.value
        while chain is not None:
            assert "SECRET" not in repr(chain)
            chain = chain.__cause__
        assert "SECRET" not in caplog.text + repr(store.tokens)
        assert [record.name for record in caplog.records if record.name.startswith("http")] == []
