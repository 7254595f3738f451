"""The routes of the assumed contract, with faults woven in before and after the real work."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from connectors.ecp.simulator import misbehaviour, regional_work, spoiling
from connectors.ecp.simulator.batch import Batch, read_items
from connectors.ecp.simulator.clock import stamp
from connectors.ecp.simulator.enrolment import search_available
from connectors.ecp.simulator.fault_kinds import WORKS
from connectors.ecp.simulator.faults import Firing
from connectors.ecp.simulator.fields import Json, check_date
from connectors.ecp.simulator.misdelivery import spoil_delivery
from connectors.ecp.simulator.normalising import normaliser
from connectors.ecp.simulator.organization import Organization
from connectors.ecp.simulator.problems import RequestRefused
from connectors.ecp.simulator.reading import MAX_SEARCH, Listing, read_page, search
from connectors.ecp.simulator.shapes import SHAPES
from connectors.ecp.simulator.shelf import Shelf
from connectors.ecp.simulator.wire import Reply, Request
from connectors.ecp.simulator.world import World

_STREAM = "|".join(SHAPES)
_ROUTES: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"/auth/token/refresh"), "POST", "refresh"),
    (re.compile(r"/enrolment/available/search"), "POST", "available"),
    (re.compile(r"/organizations/([^/]+)/changeVersion"), "GET", "changeVersion"),
    (re.compile(rf"/organizations/([^/]+)/({_STREAM})"), "GET", "page"),
    (re.compile(rf"/organizations/([^/]+)/({_STREAM})/search"), "POST", "search"),
    (re.compile(rf"/organizations/([^/]+)/({_STREAM})/batch"), "POST", "batch"),
    (re.compile(rf"/organizations/([^/]+)/({_STREAM})/([^/]+)"), "GET", "get"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that has found its route."""

    request: Request
    route: str
    organization_id: str = ""
    stream: str = ""
    item_id: str = ""


class ContractApi:
    """Answers the calls of the contract on one world."""

    def __init__(self, world: World, stopping: threading.Event) -> None:
        self._world = world
        self._stopping = stopping
        self._work: dict[str, Callable[[Call, list[Firing]], Reply]] = {
            "refresh": self._refresh,
            "changeVersion": self._change_versions,
            "page": self._page,
            "get": self._get,
            "search": self._search,
            "batch": self._batch,
            "available": self._available,
        }

    def respond(self, request: Request) -> Reply:
        """The answer to one request, faults included; refusals are answers."""
        try:
            call = find_route(request)
        except RequestRefused as refused:
            return self._counted(f"{request.method} unknown", Reply.refusal(refused))
        name = f"{request.method} {call.route} {call.stream}".rstrip()
        firing = self._world.faults.take(request.method, call.route, call.stream, call.organization_id)
        with self._world.lock:
            self._world.counters.faults_fired.update(rule.kind for rule in firing)
        try:
            reply = self._keyed(call, firing) if call.route == "batch" else self._worked(call, firing)
        except RequestRefused as refused:
            reply = Reply.refusal(refused)
        return self._counted(name, reply)

    def _worked(self, call: Call, firing: list[Firing]) -> Reply:
        misbehaviour.strike_first(firing, self._world, call.request, self._stopping)
        reply = misbehaviour.answer_instead(firing, call.request)
        if reply is None:
            try:
                reply = self._work[call.route](call, firing)
            except RequestRefused as refused:
                reply = Reply.refusal(refused)
            spoiling.spoil_answer(reply, firing)
            spoil_delivery(reply, firing, call.request)
        if firing:
            reply.headers |= misbehaviour.headers_beside(firing, self._world, call.request)
        return reply

    def _keyed(self, call: Call, firing: list[Firing]) -> Reply:
        """Work under an Idempotency-Key: a repeated key gives what was stored, as the mode has it."""
        key = _key(call)
        answers = self._world.answers
        with self._world.lock:
            answers.enter(key)
        try:
            reply = self._worked(call, firing)
        finally:
            with self._world.lock:
                answers.leave(key)
        if reply.status >= 500:
            with self._world.lock:
                answers.remember(key, call.request.body, reply.status, reply.body, self._world.clock.now())
        return reply

    def _counted(self, name: str, reply: Reply) -> Reply:
        with self._world.lock:
            self._world.counters.requests[name] += 1
            self._world.counters.statuses["dropped" if reply.drop else str(reply.status)] += 1
        return reply

    def _own(self, call: Call) -> Organization:
        holder = self._world.tokens.holder(call.request.headers.get("authorization", ""))
        organization = self._world.organization(call.organization_id)
        if organization.id != holder:
            raise RequestRefused(403, "forbidden", "Токен выдан другой организации")
        return organization

    def _refresh(self, call: Call, _: list[Firing]) -> Reply:
        body = call.request.json()
        token = body.get("refreshToken") if isinstance(body, dict) else None
        if not isinstance(token, str) or not token:
            raise RequestRefused(400, "invalid", "Ожидается refreshToken", path="refreshToken")
        with self._world.lock:
            self._world.writes += 1
            return Reply.of(self._world.tokens.refresh(token))

    def _change_versions(self, call: Call, firing: list[Firing]) -> Reply:
        with self._world.lock:
            shelves = self._own(call).shelves
            if any(rule.kind == "stale" for rule in firing):
                shelves = {name: self._shelf(call, name, firing) for name in shelves}
            streams = {name: {"newest": shelf.newest, "oldest": shelf.oldest} for name, shelf in shelves.items()}
            now = self._world.clock.now() + (misbehaviour.skew(firing) or timedelta())
            return Reply.of({"serverTime": stamp(now), "streams": streams})

    def _shelf(self, call: Call, stream: str, firing: list[Firing]) -> Shelf:
        """The stream as the caller gets to see it: as it is, or as a copy that lags behind has it."""
        organization = self._own(call)
        shelf = organization.shelves[stream]
        for rule in firing:
            if rule.kind == "stale":
                lag = organization.change_version - rule.params.get("versions", 1)
                shelf = shelf.as_of(rule.params.get("at", lag))
        return shelf

    def _page(self, call: Call, firing: list[Firing]) -> Reply:
        with self._world.lock:
            listing = read_page(self._shelf(call, call.stream, firing), call.request.query)
            for rule in firing:
                if rule.kind == "page_drift":
                    self._drift(call, listing, rule)
        return self._listed(call, listing, firing)

    def _drift(self, call: Call, listing: Listing, rule: Firing) -> None:
        """Let people in the region work between this page and the next."""
        self._world.writes += 1
        regional_work.work(
            self._world,
            self._own(call),
            call.stream,
            rule.source(),
            kinds=rule.params.get("kinds", WORKS[:3]),
            count=rule.params.get("count", 1),
            among=listing.ids() if rule.params.get("among", "served") == "served" else None,
        )

    def _search(self, call: Call, firing: list[Firing]) -> Reply:
        with self._world.lock:
            listing = search(self._shelf(call, call.stream, firing), call.request.json())
        return self._listed(call, listing, firing)

    def _get(self, call: Call, firing: list[Firing]) -> Reply:
        with self._world.lock:
            entry = self._shelf(call, call.stream, firing).entries.get(call.item_id)
            if entry is None:
                raise RequestRefused(404, "not_found", "Такой записи нет")
            body = entry.body
        spoilt = spoiling.spoil_items(call.stream, [body], firing)
        self._served(call, 1)
        return Reply(status=200, body=spoilt[0])

    def _listed(self, call: Call, listing: Listing, firing: list[Firing]) -> Reply:
        listing = spoiling.spoil_listing(call.stream, listing, firing)
        listing.beside |= misbehaviour.links_beside(firing, call.request)
        self._served(call, len(listing.bodies))
        return Reply(status=200, body=listing.encoded())

    def _served(self, call: Call, count: int) -> None:
        with self._world.lock:
            self._world.counters.records_served[call.stream] += count

    def _batch(self, call: Call, firing: list[Firing]) -> Reply:
        world = self._world
        with world.lock:
            organization = self._own(call)
            key = _key(call)
            world.counters.keys_seen[key[2]] += 1
            stored = world.answers.stored(key, call.request.body, world.clock.now())
            if stored is not None:
                return Reply(status=stored.status, body=stored.body)
            items = read_items(call.request.json())
            rewriting = next((rule.params for rule in firing if rule.kind == "normalise"), None)
            store_as = None if rewriting is None else normaliser(call.stream, dict(rewriting))
            failing = spoiling.failing_items(firing, len(items))
            results = Batch(world, organization, call.stream, store_as=store_as).write(items, failing=failing)
            world.counters.keys_executed[key[2]] += 1
            reply = Reply.of({"results": spoiling.spoil_result_items(call.stream, results, firing)})
            world.answers.remember(key, call.request.body, reply.status, reply.body, world.clock.now())
        return reply

    def _available(self, call: Call, firing: list[Firing]) -> Reply:
        with self._world.lock:
            asking = self._world.tokens.holder(call.request.headers.get("authorization", ""))
            persons = _read_persons(call.request.json())
            results = [search_available(self._world, asking, wanted) for wanted in persons]
        return Reply.of({"results": spoiling.spoil_results(results, firing)})


def _key(call: Call) -> tuple[str, str, str]:
    key = call.request.headers.get("idempotency-key", "")
    if not 0 < len(key) <= 200:
        raise RequestRefused(400, "required", "Нужен заголовок Idempotency-Key", path="Idempotency-Key")
    return call.organization_id, call.stream, key


def find_route(request: Request) -> Call:
    """The route of a request; 404 for an unknown path, 405 for a method it does not have."""
    allowed: list[str] = []
    for pattern, method, route in _ROUTES:
        found = pattern.fullmatch(request.path)
        if found is None:
            continue
        groups = (*found.groups(), "", "", "")
        if route == "get" and allowed:
            break  # «search» and «batch» are no item ids
        if route == "batch" and not SHAPES[groups[1]].writable:
            raise RequestRefused(405, "method_not_allowed", "Поток только для чтения", headers={"Allow": ""})
        if method == request.method:
            return Call(request=request, route=route, organization_id=groups[0], stream=groups[1], item_id=groups[2])
        allowed.append(method)
    if allowed:
        raise RequestRefused(
            405, "method_not_allowed", "Метод не поддерживается", headers={"Allow": ", ".join(allowed)}
        )
    raise RequestRefused(404, "not_found", "Такого адреса нет")


def _read_persons(body: object) -> list[Json]:
    persons = body.get("persons") if isinstance(body, dict) else None
    if not isinstance(persons, list) or not 0 < len(persons) <= MAX_SEARCH:
        raise RequestRefused(400, "invalid", f"Ожидается от 1 до {MAX_SEARCH} лиц", path="persons")
    for place, wanted in enumerate(persons):
        if not _is_person_query(wanted):
            raise RequestRefused(
                400, "invalid", "Нужны ref и СНИЛС либо ФИО с датой рождения", path=f"persons[{place}]"
            )
    return persons


def _is_person_query(wanted: object) -> bool:
    if not isinstance(wanted, dict) or not isinstance(wanted.get("ref"), str):
        return False
    texts = ("snils", "lastName", "firstName", "surName", "birthDate")
    if not all(isinstance(wanted.get(name), str | None) for name in texts):
        return False
    if wanted.get("birthDate") is not None and check_date(wanted["birthDate"]) is not None:
        return False
    named = all(wanted.get(name) for name in ("lastName", "firstName", "birthDate"))
    return named or bool(wanted.get("snils"))
