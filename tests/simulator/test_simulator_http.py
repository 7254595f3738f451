"""Tokens, idempotency keys, and the manners of the HTTP server."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from typing import Any

import pytest

from connectors.ecp.simulator import start_in_thread
from tests.simulator.client import Answer, School

GUARDIAN = {"items": [{"clientRef": "one", "op": "create", "data": {"lastName": "Ким"}}]}


def _keyed(school: School, body: Any, key: str = "k") -> Answer:
    return school.send("POST", school.path("guardians/batch"), body, headers={"Idempotency-Key": key})


def _named(name: str) -> dict[str, Any]:
    return {"items": [{"clientRef": name, "op": "create", "data": {"lastName": name}}]}


def test_refresh_rotates_both_tokens(school: School) -> None:
    """A refresh gives a new pair; the refresh token used is dead at once."""
    used, access = school.refresh_token, school.token
    school.login()
    assert school.refresh_token != used
    assert school.token != access
    again = school.send("POST", "/auth/token/refresh", {"refreshToken": used})
    assert (again.status, again.code) == (401, "unauthorized")
    assert school.get("changeVersion").status == 200


def test_unknown_and_missing_tokens_are_unauthorized(school: School) -> None:
    """Reads, writes and searches alike ask for a living bearer token."""
    for token in ("Bearer nobody", "Basic abc", ""):
        for method, path in (("GET", "marks"), ("GET", "marks/x"), ("POST", "marks/batch"), ("POST", "marks/search")):
            headers = {"Authorization": token, "Idempotency-Key": "k"}
            answer = school.send(method, school.path(path), {"items": []}, headers=headers)
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_access_tokens_expire_by_themselves_and_on_request(school: School) -> None:
    """A token with no life left is 401, as is every token after the scenario expired them."""
    school.admin("settings", accessTokenSeconds=0)
    school.login()
    assert school.get("changeVersion").status == 401
    school.admin("settings", accessTokenSeconds=600)
    school.login()
    assert school.get("changeVersion").status == 200
    assert school.admin("tokens/expire")["expired"] == 2
    assert school.get("changeVersion").status == 401


def test_rejected_refresh_lasts_until_a_person_logs_in(school: School) -> None:
    """Refresh answers 401 until a new token is handed out; the earlier one stays dead."""
    school.admin("tokens/reject-refresh", reject=True)
    old = school.refresh_token
    assert school.send("POST", "/auth/token/refresh", {"refreshToken": old}).status == 401
    school.refresh_token = school.admin("tokens/issue")["refreshToken"]
    school.login()
    assert school.send("POST", "/auth/token/refresh", {"refreshToken": old}).status == 401


def test_other_organizations_are_closed(school: School) -> None:
    """Another school's data is 403, a school that does not exist 404."""
    other = school.handle.organizations[1]["id"]
    for path in (f"/organizations/{other}/marks", f"/organizations/{other}/changeVersion"):
        answer = school.send("GET", path)
        assert (answer.status, answer.code) == (403, "forbidden")
    assert school.send("GET", "/organizations/none/marks").status == 404


def test_the_same_key_gives_the_stored_answer(school: School) -> None:
    """A repeated batch is answered from memory and executed once."""
    first, second = _keyed(school, GUARDIAN), _keyed(school, GUARDIAN)
    assert first.body == second.body
    assert len(school.search("guardians", clientRefs=["one"])) == 1
    assert school.look("counters")["idempotencyKeys"]["k"] == {"seen": 2, "executed": 1}
    assert _keyed(school, _named("Пак")).status == 400


@pytest.mark.parametrize(
    ("mode", "status", "executed"),
    [
        ("replay", 400, 1),
        ("replay_any", 200, 1),
        ("ignore_on_mismatch", 200, 2),
        ("strict", 422, 1),
        ("ignored", 200, 2),
    ],
)
def test_key_with_another_body(school: School, mode: str, status: int, executed: int) -> None:
    """Each known way of treating a key that comes back with another body can be switched on."""
    school.admin("settings", idempotency=mode)
    first = _keyed(school, _named("Ким"))
    second = _keyed(school, _named("Пак"))
    assert second.status == status
    assert school.look("counters")["idempotencyKeys"]["k"]["executed"] == executed
    assert (second.body == first.body) == (mode == "replay_any")


def test_ignored_keys_execute_again(school: School) -> None:
    """Where keys have no effect the same batch writes twice."""
    school.admin("settings", idempotency="ignored")
    _keyed(school, GUARDIAN)
    _keyed(school, GUARDIAN)
    assert len(school.search("guardians", clientRefs=["one"])) == 2


@pytest.mark.parametrize(("mode", "status"), [("replay_errors", 500), ("replay", 200)])
def test_stored_errors_are_repeated_only_in_their_mode(school: School, mode: str, status: int) -> None:
    """A 500 answered under a key comes back under that key where the server stores errors."""
    school.admin("settings", idempotency=mode)
    school.faults({"kind": "server_error", "match": {"route": "batch"}, "times": 1})
    assert _keyed(school, GUARDIAN).status == 500
    assert _keyed(school, GUARDIAN).status == status
    assert _keyed(school, GUARDIAN, key="other").status == 200


def test_strict_server_refuses_a_key_under_way(school: School) -> None:
    """While the first request works, a second one with its key is 409."""
    school.admin("settings", idempotency="strict")
    school.faults({"kind": "slow", "match": {"route": "batch"}, "times": 1, "params": {"seconds": 60}})

    def send_the_slow_one() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):  # its connection ends with the server
            _keyed(school, GUARDIAN)

    first = threading.Thread(target=send_the_slow_one)
    first.start()
    while not school.look("faults")["rules"][0]["fired"]:
        first.join(0.01)
    answers = [_keyed(school, GUARDIAN)]
    while answers[-1].status == 200:  # the slow one notes its key just after its fault has fired
        answers.append(_keyed(school, GUARDIAN))
    assert (answers[-1].status, answers[-1].code) == (409, "in_progress")
    school.handle.stop()
    first.join(10)
    assert not first.is_alive()


def test_envelope_of_a_batch_is_checked(school: School) -> None:
    """A batch without key, items, references or with more than 500 items is 400 as a whole."""
    assert school.send("POST", school.path("guardians/batch"), GUARDIAN).status == 400
    bad: list[Any] = [
        {},
        {"items": []},
        {"items": {}},
        {"items": GUARDIAN["items"] * 501},
        {"items": [5]},
        {"items": [{"op": "create", "data": {}}]},
        {"items": [{"clientRef": "a", "op": "upsert"}]},
        {"items": [{"clientRef": "a", "op": "create", "data": []}]},
        {"items": [{"clientRef": "a", "op": "update", "id": 5, "version": 1}]},
        {"items": [{"clientRef": "a", "op": "update", "id": "x", "version": "1"}]},
        [],
    ]
    for body in bad:
        assert _keyed(school, body).status == 400, body
    assert school.look("counters")["writesApplied"] == {}


@pytest.mark.parametrize(
    "raw", [b"", b"{", b'{"items": NaN}', b"\xff\xfe", b"[" * 100_000, b'{"a": "\\ud800"}', b"null"]
)
def test_bodies_that_are_no_json_are_refused(school: School, raw: bytes) -> None:
    """Broken, hostile or empty bodies are 400, never a server error."""
    answer = school.send("POST", school.path("marks/search"), raw=raw)
    assert (answer.status, answer.code) == (400, "invalid")


def test_body_must_be_declared_as_json(school: School) -> None:
    """Another Content-Type is 415; a charset beside JSON is fine."""
    body: dict[str, list[str]] = {"ids": []}
    for declared, status in (("text/plain", 415), ("application/json; charset=utf-8", 200)):
        headers = {"Content-Type": declared}
        assert school.send("POST", school.path("marks/search"), body, headers=headers).status == status


def test_unknown_addresses_and_methods(school: School) -> None:
    """404 for unknown paths, 405 with Allow for methods a path does not have."""
    for path in ("/", "/nothing", school.path("nothing"), school.path("marks/a/b"), school.path("final_marks")):
        assert school.send("GET", path).status == 404
    for method, path, allowed in (
        ("DELETE", school.path("marks"), "GET"),
        ("GET", school.path("marks/search"), "POST"),
        ("PUT", school.path("marks/x"), "GET"),
        ("GET", "/auth/token/refresh", "POST"),
    ):
        answer = school.send(method, path)
        assert (answer.status, answer.headers["Allow"]) == (405, allowed)


def test_connections_are_kept_alive(school: School) -> None:
    """Many requests travel over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", school.handle.port, timeout=20)
    connection.connect()
    ours = connection.sock.getsockname()
    for _ in range(5):
        connection.request("GET", school.path("changeVersion"), headers={"Authorization": f"Bearer {school.token}"})
        response = connection.getresponse()
        assert response.status == 200
        response.read()
        assert connection.sock.getsockname() == ours
    connection.close()


def _raw(school: School, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", school.handle.port), timeout=20) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
    return received


def test_chunked_bodies_are_read(school: School) -> None:
    """A client that streams its body is understood."""
    body = json.dumps({"refreshToken": school.refresh_token}).encode()
    chunks = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (10, body[:10], len(body) - 10, body[10:])
    head = (
        b"POST /auth/token/refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    )
    received = _raw(school, head + chunks)
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    assert b"accessToken" in received


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_malformed_requests_are_refused(school: School, sent: bytes) -> None:
    """What is not HTTP is 400 and the connection ends; the server goes on."""
    assert _raw(school, sent).startswith(b"HTTP/1.1 400 ")
    assert school.get("changeVersion").status == 200


def test_huge_bodies_are_refused_unread(school: School) -> None:
    """A declared body over 16 MiB is 413."""
    assert _raw(school, b"POST /x HTTP/1.1\r\nContent-Length: 20000000\r\n\r\n").startswith(b"HTTP/1.1 413 ")


def test_a_stopped_region_refuses_connections_and_comes_back(school: School) -> None:
    """Stopping closes port and open connections; the same world can be started again on the same port."""
    connection = http.client.HTTPConnection("127.0.0.1", school.handle.port, timeout=20)
    connection.request("GET", "/simulator/state")
    connection.getresponse().read()
    port = school.handle.port
    school.handle.stop()
    with pytest.raises(OSError):
        school.get("changeVersion")
    assert connection.sock.recv(1) == b""
    connection.close()
    school.handle = start_in_thread(school.handle.world, port=port)
    assert school.handle.port == port
    assert school.get("changeVersion").status == 200


def test_writers_and_readers_at_once(school: School) -> None:
    """Concurrent batches never share a change version, and every page read meanwhile is in order."""
    found: list[list[int]] = []

    def write(name: str) -> None:
        for place in range(10):
            body = {
                "items": [{"clientRef": f"{name}{n}", "op": "create", "data": {"lastName": "Ким"}} for n in range(20)]
            }
            assert _keyed(school, body, key=f"{name}-{place}").status == 200
            found.append([item["changeVersion"] for item in school.get("guardians?minChangeVersion=1").json["items"]])

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40
    assert all(versions == sorted(set(versions)) for versions in found)
    assert len(max(found, key=len)) == len(school.dump("guardians")) == 59 + 800
