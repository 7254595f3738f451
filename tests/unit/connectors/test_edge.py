"""Limits at the edge, in their short form; the full figures are run by ``make simulate``."""

from __future__ import annotations

import gzip
import socket
import threading

import httpcore
import pytest

from connectors.bodies import BodyReader
from connectors.endpoints import Endpoints
from connectors.health import Health
from connectors.pace import Pace
from connectors.strict_json import DEEPEST, BadJson, decode
from sync_service.domain.errors import TransientError, Unreachable
from tests.simulation.edge_answers import statement_17, statement_18, statement_25
from tests.simulation.edge_network import statement_20, statement_48, statement_49
from tests.simulation.edge_time import statement_19, statement_22
from tests.unit.connectors.regions import Clock, RealClock, client


def test_malformed_answers_are_refused_with_a_reason_or_read_whole() -> None:
    """Statement 17: no crash, no half page, no record lost."""
    assert statement_17(400) == 400


def test_no_cut_makes_half_a_page() -> None:
    """Statement 18: a reset or a hang-up after every 61st of 4,096 bytes, the last one among them."""
    assert statement_18(step=61) == 136
    assert statement_18(step=4095) == 4


def test_no_drip_stretches_the_deadline() -> None:
    """Statement 19. The tolerance is that of a busy machine; the figure is the simulation's."""
    assert statement_19(tolerance=8) >= 20


def test_no_bomb_goes_off() -> None:
    """Statement 20: unpacked, held and read from the wire stay below the limit."""
    assert statement_20() == 12


def test_nobody_comes_early() -> None:
    """Statement 22: every form of Retry-After, for all clients of the origin."""
    assert statement_22() > 100


def test_a_web_page_is_never_data() -> None:
    """Statement 25: on every route, whatever it declares itself to be."""
    assert statement_25() == 138


def test_nothing_leads_off_the_configured_address() -> None:
    """Statement 48: redirects and links."""
    assert statement_48() == 36


def test_no_byte_goes_to_a_server_that_proves_nothing() -> None:
    """Statement 49: self-signed, unknown root, wrong host, expired."""
    assert statement_49() == 4


class TestStrictJson:
    @pytest.mark.parametrize(
        "text",
        [
            b'{"a": 1, "a": 1}',
            b'{"a": 1, "a" : 2}',
            b'{"a":1,"\\u0061":2}',
            b'[{"b": {"x": 1, "y": 2, "x": 3}}]',
            b'{"a":"\\":","b":1,"b":2}',
            b'{"a"\n:1,"a"\n:2}',
            b'{"":1,"":2}',
            b"NaN",
            b"[Infinity]",
            b"1e999",
            b'"\\ud800"',
            b'"\xed\xa0\x80"',
            b"9" * 5000,
            b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
            b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1),
            b"[" * 100_000,
            b"[" + b"[]," * 600_000 + b"[]]",
            b"[" + b"1," * 1_100_000 + b"1]",
            b"\xef\xbb\xbf{}",
            b"{} {}",
            b"",
        ],
    )
    def test_refuses(self, text: bytes) -> None:
        with pytest.raises(BadJson):
            decode(text)

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            (b'{"a": "\\":", "b": {"a": 1}}', {"a": '":', "b": {"a": 1}}),
            (b'[{"a" : 1}, {"a" : 2}]', [{"a": 1}, {"a": 2}]),
            (b'{"a":"\\" :"}', {"a": '" :'}),
            (b"[" * DEEPEST + b"]" * DEEPEST, None),
            (b"5", 5),
            (b'"\\ud83d\\ude00"', "😀"),
        ],
    )
    def test_takes_what_only_looks_alike(self, text: bytes, value: object) -> None:
        assert decode(text) == value or value is None


class TestTransport:
    def test_a_name_that_does_not_resolve_in_time_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The resolver knows no timeout of its own."""
        answered = threading.Event()

        def slowly(*_: object, **__: object) -> list[object]:
            answered.wait(60)
            return []

        monkeypatch.setattr(socket, "getaddrinfo", slowly)
        http = client(RealClock(), base_url="https://region.example", attempts=1, deadline=0.2)
        with pytest.raises(Unreachable):
            http.call("GET", "things", "things", session=None)
        answered.set()
        http.close()

    def test_all_addresses_of_a_name_share_one_timeout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ten addresses nobody listens at do not get ten timeouts, and the one that answers is found."""
        tried: list[tuple[str, float]] = []
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{n}", 443)) for n in range(10)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        clock = Clock()

        def connect(_: object, host: str, port: int, timeout: float, *rest: object) -> None:
            tried.append((host, timeout))
            clock.seconds += timeout
            raise httpcore.ConnectTimeout

        monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
        http = client(clock, base_url="https://region.example", attempts=1, deadline=15, connect_timeout=4)
        with pytest.raises(Unreachable):
            http.call("GET", "things", "things", session=None)
        assert sum(timeout for _, timeout in tried) <= 15
        http.close()


class TestBodies:
    def test_what_follows_the_packed_answer_is_not_overlooked(self) -> None:
        """A second member, or anything else behind the first, would be dropped silently."""
        packed = gzip.compress(b"[1]")
        for chunks in ([packed + b"x"], [packed, b"x"], [packed + packed], [packed, packed]):
            reader = BodyReader("gzip", "things", most_arrived=1000, most_unpacked=1000)
            with pytest.raises(TransientError, match="follows"):
                reader.whole(chunks)
        assert BodyReader("GZIP", "things", most_arrived=1000, most_unpacked=3).whole([packed, b""]) == b"[1]"


class TestPace:
    def test_a_rate_is_shared_and_lets_a_small_burst_pass(self) -> None:
        """Ten a second: after a quiet second ten at once, then one each tenth of a second, whoever asks."""
        clock = Clock()
        endpoints = Endpoints(clock)
        one = endpoints.of("https://region.example/a", most_per_second=10).pace
        other = endpoints.of("https://REGION.example:443/b", most_per_second=50).pace
        assert one is other
        begun = clock.seconds
        left = [(pace.take_turn(30), clock.seconds - begun)[1] for pace in [one, other] * 20]
        assert left[:10] == pytest.approx([0] * 10)
        assert left[-1] == pytest.approx(3.0)
        assert endpoints.of("http://region.example").pace is not one

    def test_who_waits_for_a_turn_hears_of_a_longer_wait(self) -> None:
        """Another thread is told to wait while this one sleeps: it does not leave early."""
        clock = Clock()
        pace = Pace(clock, most_per_second=0.1)
        pace.take_turn(30)
        sleeping = clock.sleep

        def told_meanwhile(seconds: float) -> None:
            sleeping(seconds)
            if len(clock.slept) == 1:
                pace.told_to_wait(20)

        clock.sleep = told_meanwhile  # type: ignore[method-assign]  # the moment between two looks
        begun = clock.seconds
        assert pace.take_turn(30) == 0
        assert clock.seconds - begun == pytest.approx(30)


class TestHealth:
    def down(self, clock: Clock, *, silent: bool = True) -> Health:
        health = Health(clock, failures=3, period=300)
        for _ in range(3):
            with health.passage("things", "things"):
                health.failed("things", silent=silent)
        return health

    def test_one_probe_at_a_time_across_threads(self) -> None:
        """While a probe is under way everybody else is refused, its own thread excepted (it may refresh a token)."""
        clock = Clock()
        health = self.down(clock)
        clock.seconds += 300
        refused: list[bool] = []

        def other() -> None:
            try:
                with health.passage("things", "things"):
                    refused.append(False)
            except Unreachable:
                refused.append(True)

        with health.passage("things", "things") as probing:
            assert probing
            clock.seconds += 600
            with health.passage("token refresh", "token refresh") as part:
                assert part
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        assert refused == [True]

    def test_the_first_answer_ends_it(self) -> None:
        clock = Clock()
        health = self.down(clock)
        clock.seconds += 300
        with health.passage("things", "things"):
            health.answered()
        for _ in range(3):
            with health.passage("things", "things") as probing:
                assert not probing

    def test_a_person_need_not_wait(self) -> None:
        health = self.down(Clock())
        with pytest.raises(Unreachable, match="asked again in 285 s"), health.passage("things", "things"):
            pass
        health.probe_at_once()
        with health.passage("things", "things") as probing:
            assert probing

    def test_one_broken_address_does_not_silence_the_others(self) -> None:
        """500 for one stream: another one is asked out of turn; where nobody answers at all, none is."""
        health = self.down(Clock(), silent=False)
        with pytest.raises(Unreachable), health.passage("things", "things"):
            pass
        with health.passage("persons", "persons") as probing:
            assert probing
            health.answered()
        assert not health.is_down
        with pytest.raises(Unreachable), self.down(Clock()).passage("persons", "persons"):
            pass
