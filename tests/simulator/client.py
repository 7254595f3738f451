"""A small client of the contract, built on the standard library."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any

from connectors.ecp.simulator import Handle, build_world, start_in_thread

Json = dict[str, Any]
DAY = "2026-11-20"  # a Friday of the second quarter; the first ended on 2026-10-23


@dataclass(slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the first issue of a refusal."""
        return str(self.json["issue"][0]["code"])


@dataclass(slots=True)
class School:
    """Our school as a client of the region."""

    handle: Handle
    token: str = ""
    refresh_token: str = ""
    _keys: int = 0
    index: int = 0

    @property
    def id(self) -> str:
        return str(self.handle.organizations[self.index]["id"])

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.handle.port, timeout=20)
        try:
            sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"} | (headers or {})
            content = raw if raw is not None else (None if body is None else json.dumps(body).encode())
            connection.request(method, path, content, sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def login(self) -> None:
        answer = self.send("POST", "/auth/token/refresh", {"refreshToken": self.refresh_token})
        assert answer.status == 200, answer.body
        self.token, self.refresh_token = answer.json["accessToken"], answer.json["refreshToken"]

    def path(self, tail: str) -> str:
        return f"/organizations/{self.id}/{tail}"

    def get(self, tail: str) -> Answer:
        return self.send("GET", self.path(tail))

    def search(self, stream: str, **wanted: Any) -> list[Json]:
        answer = self.send("POST", self.path(f"{stream}/search"), wanted)
        assert answer.status == 200, answer.body
        items: list[Json] = answer.json["items"]
        return items

    def batch(self, stream: str, *items: Json, key: str | None = None) -> Answer:
        self._keys += 1
        numbered = [{"clientRef": f"ref-{self._keys}-{place}", **item} for place, item in enumerate(items)]
        key = key or f"key-{self._keys}"
        return self.send("POST", self.path(f"{stream}/batch"), {"items": numbered}, headers={"Idempotency-Key": key})

    def write(self, stream: str, item: Json) -> Json:
        answer = self.batch(stream, item)
        assert answer.status == 200, answer.body
        result: Json = answer.json["results"][0]
        return result

    def create(self, stream: str, **data: Any) -> Json:
        return self.write(stream, {"op": "create", "data": data})

    def update(self, stream: str, item: Json, **data: Any) -> Json:
        return self.write(stream, {"op": "update", "id": item["id"], "version": item["version"], "data": data})

    def delete(self, stream: str, item: Json) -> Json:
        return self.write(stream, {"op": "delete", "id": item["id"], "version": item["version"]})

    def available(self, *persons: Json) -> list[Json]:
        asked = [{"ref": str(place), **person} for place, person in enumerate(persons)]
        answer = self.send("POST", "/enrolment/available/search", {"persons": asked})
        assert answer.status == 200, answer.body
        results: list[Json] = answer.json["results"]
        return results

    def admin(self, path: str, **body: Any) -> Json:
        return self.handle.admin("POST", f"/simulator/{path}", body)

    def look(self, path: str, **query: Any) -> Json:
        return self.handle.admin("GET", f"/simulator/{path}", query)

    def dump(self, stream: str) -> list[Json]:
        items: list[Json] = self.look("dump", stream=stream, deleted="false")["items"]
        return items

    def faults(self, *rules: Json) -> None:
        self.admin("faults", rules=list(rules))

    def lesson_on(self, day: str, place: int = 0) -> Json:
        """A lesson of a class above grade 1 on that day."""
        classes = {item["id"] for item in self.dump("classes") if item["parallel"] > 1}
        lessons = [item for item in self.dump("lessons") if item["lessonDate"] == day and item["classId"] in classes]
        return lessons[place]

    def new_person(self, status: str, **card: Any) -> Json:
        person: Json = self.admin("persons", persons=[{"status": status, **card}])["persons"][0]
        return person

    def close(self) -> None:
        self.handle.stop()


def problem(result: Json) -> tuple[int, str, str | None]:
    """Status, code and path of a refused item."""
    issue = result["problem"]["issue"][0]
    return result["status"], issue["code"], issue["path"]


def start_school(**options: Any) -> School:
    """Our school on a simulator of its own, logged in; the caller closes it."""
    handle = start_in_thread(build_world(**{"seed": 1, "date": DAY, "population": "small", **options}))
    client = School(handle, refresh_token=handle.organizations[0]["refreshToken"])
    client.login()
    return client
