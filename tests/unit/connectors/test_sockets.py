"""The client against real sockets that drip, break off, lie about lengths or show wrong certificates."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import zlib
from pathlib import Path

import pytest

import connectors
from connectors.http import HttpClient
from sync_service.domain.errors import (
    ConfigError,
    ContractError,
    OutcomeUnknown,
    SyncError,
    TransientError,
    Unreachable,
)
from tests.unit.connectors.regions import CERTIFICATES, RealClock, Talk, answer, client, read_request, server

BODY = b'{"items":[]}'


def read(http: HttpClient) -> object:
    return http.call("GET", "things", "things", session=None)


def write(http: HttpClient) -> object:
    return http.call("POST", "things", "things", session=None, body={"a": 1}, writing=True)


def saying(*pieces: bytes, pause: float = 0.0) -> Talk:
    """Reads one request, then sends the pieces, waiting before each; stops when the client leaves."""

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.settimeout(pause or None)
        for piece in pieces:
            if pause:
                try:
                    if not connection.recv(1):
                        return  # the client hung up
                except TimeoutError:
                    pass
            connection.sendall(piece)

    return talk


class TestWholeAnswers:
    def test_a_connection_serves_many_calls(self) -> None:
        """HTTP/1.1 keep-alive: the second call needs no new connection."""
        connections: list[int] = []

        def talk(connection: socket.socket) -> None:
            connections.append(1)
            for _ in range(3):
                read_request(connection)
                connection.sendall(answer(BODY))

        with server(talk) as url:
            http = client(RealClock(), base_url=url)
            assert [read(http) for _ in range(3)] == [{"items": []}] * 3
            http.close()
        assert len(connections) == 1

    def test_a_packed_answer_is_unpacked(self) -> None:
        packed = answer(gzip.compress(BODY), headers="Content-Encoding: gzip\r\n")
        with server(saying(packed)) as url:
            http = client(RealClock(), base_url=url)
            assert read(http) == {"items": []}
            http.close()

    def test_no_byte_of_an_answer_may_be_missing(self) -> None:
        """Cut off after any byte, an answer is a transient failure, never data."""
        whole = answer(b'{"items":[1,2,3]}')
        cuts = iter(range(len(whole)))

        def talk(connection: socket.socket) -> None:
            read_request(connection)
            connection.sendall(whole[: next(cuts)])

        with server(talk) as url:
            http = client(RealClock(), base_url=url, attempts=1)
            for _ in range(len(whole)):
                with pytest.raises(TransientError):
                    read(http)
            http.close()

    @pytest.mark.parametrize("cut", [0, 1, 20, -1])
    def test_a_write_with_a_broken_answer_has_an_unknown_outcome(self, cut: int) -> None:
        sent: list[bytes] = []

        def talk(connection: socket.socket) -> None:
            sent.append(read_request(connection))
            connection.sendall(answer(BODY)[:cut])

        with server(talk) as url:
            http = client(RealClock(), base_url=url)
            with pytest.raises(OutcomeUnknown):
                write(http)
            http.close()
        assert len(sent) == 1

    def test_a_reset_write_has_an_unknown_outcome(self) -> None:
        def talk(connection: socket.socket) -> None:
            read_request(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        with server(talk) as url:
            http = client(RealClock(), base_url=url)
            with pytest.raises(OutcomeUnknown):
                write(http)
            http.close()

    def test_nobody_listening_means_that_nothing_was_sent(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        http = client(RealClock(), base_url=url)
        for call in (read, write):
            with pytest.raises(Unreachable):
                call(http)
        http.close()


class TestDeadline:
    """A peer that always sends a little more never wins; its many patterns are in tests/simulation/edge_time.py."""

    def test_a_dripped_answer_to_a_write_is_an_unknown_outcome(self) -> None:
        dripping = saying(*(bytes([byte]) for byte in answer(BODY * 100)), pause=0.05)
        with server(dripping) as url:
            http = client(RealClock(), base_url=url, attempts=1, deadline=0.5, read_timeout=30)
            with pytest.raises(OutcomeUnknown):
                write(http)
            http.close()


class TestLimits:
    def test_a_bomb_is_stopped_while_it_unpacks(self) -> None:
        """50 MB in 50 KB: refused at the limit, not after it."""
        packer = zlib.compressobj(wbits=31)
        bomb = packer.compress(b" " * 50_000_000) + packer.flush()
        with server(saying(answer(bomb, headers="Content-Encoding: gzip\r\n"))) as url:
            http = client(RealClock(), base_url=url)
            with pytest.raises(ContractError, match="larger"):
                read(http)
            http.close()

    def test_an_endless_body_is_stopped(self) -> None:
        def talk(connection: socket.socket) -> None:
            read_request(connection)
            connection.sendall(answer(b"", length=10**9))
            while True:
                connection.sendall(b" " * 65536)

        with server(talk) as url:
            http = client(RealClock(), base_url=url, most_sent_by_region=1_000_000)
            with pytest.raises(ContractError, match="larger"):
                read(http)
            http.close()

    @pytest.mark.parametrize("body", [b"not gzip at all", gzip.compress(BODY)[:-4]], ids=["foreign", "cut"])
    def test_a_damaged_packing_is_transient(self, body: bytes) -> None:
        with server(saying(answer(body, headers="Content-Encoding: gzip\r\n"))) as url:
            http = client(RealClock(), base_url=url, attempts=1)
            with pytest.raises(TransientError):
                read(http)
            http.close()

    def test_a_packing_nobody_asked_for_is_refused(self) -> None:
        with server(saying(answer(BODY, headers="Content-Encoding: br\r\n"))) as url:
            http = client(RealClock(), base_url=url)
            with pytest.raises(ContractError):
                read(http)
            http.close()


class TestCertificates:
    @staticmethod
    def _answers(received: list[bytes]) -> Talk:
        def talk(connection: socket.socket) -> None:
            received.append(read_request(connection))
            connection.sendall(answer(BODY))

        return talk

    def test_a_root_of_the_bundle_is_trusted(self) -> None:
        received: list[bytes] = []
        with server(self._answers(received), certificate="good.pem") as url:
            http = client(RealClock(), base_url=url, ca_bundle=CERTIFICATES / "good.pem")
            assert read(http) == {"items": []}
            http.close()

    @pytest.mark.parametrize(
        ("shown", "trusted"),
        [("good.pem", None), ("wrong_host.pem", "wrong_host.pem"), ("expired.pem", "expired.pem")],
    )
    def test_any_other_certificate_gets_no_byte_of_ours(self, shown: str, trusted: str | None) -> None:
        """Unknown root, wrong host, expired: the request is never sent, and the error names the way out."""
        received: list[bytes] = []
        bundle = CERTIFICATES / trusted if trusted else None
        with server(self._answers(received), certificate=shown) as url:
            http = client(RealClock(), base_url=url, ca_bundle=bundle, attempts=1)
            for call in (read, write):
                with pytest.raises(Unreachable, match="ca_bundle"):
                    call(http)
            http.close()
        assert received == []

    def test_verification_cannot_be_switched_off(self) -> None:
        """No code of ours knows how."""
        ways_out = ("verify=False", "CERT_NONE", "check_hostname", "_create_unverified_context")
        root = Path(connectors.__file__).parent.parent
        sources = [
            path for name in ("connectors", "sync_service", "mappings") for path in (root / name).rglob("*.py")
        ]
        assert sources
        assert [path for path in sources if any(way in path.read_text("utf-8") for way in ways_out)] == []

    def test_a_bundle_that_is_no_bundle_is_a_matter_of_configuration(self) -> None:
        with pytest.raises(ConfigError, match="ca_bundle"):
            client(RealClock(), ca_bundle=CERTIFICATES)


def test_threads_share_a_client() -> None:
    """Calls from several threads at once get their own answers."""

    def talk(connection: socket.socket) -> None:
        while True:
            head = read_request(connection)
            number = head.split(b"n=")[1].split(b" ")[0]
            connection.sendall(answer(b'{"n":' + number + b"}"))

    wrong: list[object] = []
    with server(talk) as url:
        http = client(RealClock(), base_url=url)

        def ask(number: int) -> None:
            for _ in range(20):
                try:
                    told = http.call("GET", "things", "things", session=None, params={"n": number})
                except SyncError as error:
                    told = error
                if told != {"n": number}:
                    wrong.append(told)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        http.close()
    assert wrong == []
