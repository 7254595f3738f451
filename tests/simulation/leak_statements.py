"""Statement 45: a day of work with fifty canaries, and where they must not be found afterwards.

The canaries are names, СНИЛС, phones, addresses and secrets of every kind. The program runs in processes of its own,
logging at the level «debug», against a simulator over HTTP; what people do comes through the page and the command
line. Then everything that leaves the program for the eyes of others is searched: logs, figures, addresses on either
side, error pages and problems, and the error texts that reports keep.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import httpx
import pyotp

from connectors.ecp.simulator.application import Application
from connectors.ecp.simulator.people import People
from sync_service.domain.people import Role
from tests.acceptance.office import Office, office, region
from tests.acceptance.paperwork import draw_pupil, write_list
from tests.acceptance.processes import wait_for
from tests.browser.routes import NOTHING, address_of, pages, table
from tests.simulation.databases import Databases

DEBUG = {"ECP_SYNC_LOG_LEVEL": "debug"}
PASSWORD = "двенадцать месяцев"  # a canary as well
LETTERS = "абвгдежзиклмнопрстуфхцшэюя"
# Answers that are about what went wrong. What is typed into a form comes back with it: 409 and 422 show a card.
ERROR_PAGES = (400, 401, 403, 404, 405, 411, 413, 421, 500, 503)
FAULTS = ("server_error", "html_ok", "reset_before_commit")

FAILING = (
    ("sync", "--json"),
    ("conflicts", "show", "999999", "--json"),
    ("matches", "confirm", "999999", "--json"),
    ("quarantine", "retry", "999999", "--json"),
    ("doctor", "--json"),
    ("subjects", "export", "999999", "--output", "export.json", "--json"),
)


@dataclass(slots=True)
class Canaries:
    """What must not be found: word → what it is."""

    of: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, word: str) -> str:
        self.of[word] = kind
        return word

    def name(self, kind: str) -> str:
        """A surname that stands nowhere else."""
        number = len(self.of)
        first, second = LETTERS[number // len(LETTERS)], LETTERS[number % len(LETTERS)]
        return self.add(kind, f"Канареечн{first}{second}ва")

    def found_in(self, text: str) -> list[str]:
        """Kinds of the canaries in a text, however they are spelt there."""
        seen = text.casefold()
        return sorted(kind for word, kind in self.of.items() if any(one in seen for one in _spellings(word)))


def _spellings(word: str) -> set[str]:
    plain = {word, "".join(filter(str.isdigit, word)) if re.fullmatch(r"[\d\s+()-]{10,}", word) else word}
    encoded = {quote(one) for one in plain} | {json.dumps(one)[1:-1] for one in plain}
    return {one.casefold() for one in plain | encoded}


@dataclass(slots=True)
class Seen:
    """Everything that was let out, by kind."""

    logs: list[str] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    error_pages: list[str] = field(default_factory=list)
    error_texts: list[str] = field(default_factory=list)
    pages: int = 0
    shown: list[str] = field(default_factory=list)  # pages for people who may see names: the canaries are alive


def statement_45(_count: int, databases: Databases) -> str:
    with databases.folder() as folder:
        canaries, seen = a_day(folder)
    return (
        f"{len(canaries.of)} canaries, 0 hits in {len(seen.logs):,} lines of logs at «debug», {len(seen.metrics)}"
        f" looks at the metrics, {len(set(seen.addresses)):,} addresses, {len(seen.error_pages)} error pages and"
        f" problems, {len(seen.error_texts)} error texts"
    )


def a_day(folder: Path, *, short: bool = False) -> tuple[Canaries, Seen]:
    """The day; AssertionError names the kinds that were found, and where. ``short``: one person at the page, one way
    in which the region fails."""
    canaries, seen = Canaries(), Seen()
    canaries.add("password", PASSWORD)
    with _watched(seen), region() as door, office(door, folder) as made:
        _people_of_the_region(made, canaries)
        _tokens(made, canaries)
        _command(made, seen, "sync")
        _edits(made, canaries)
        _file(made, canaries, seen)
        daemon = made.start("run", environment=DEBUG)
        daemon.wait_for_event("run_finished")
        _at_the_page(made, canaries, seen, str(daemon.wait_for_event("page_started")["address"]), short=short)
        daemon.terminate()
        daemon.wait()
        seen.logs += daemon.err
        _commands_that_fail(made, seen, FAILING[:2] if short else FAILING)
        _tokens(made, canaries)
        _error_texts(made, seen)
    for place in ("logs", "metrics", "addresses", "error_pages", "error_texts"):
        texts: list[str] = getattr(seen, place)
        assert texts, f"nothing to search in {place}"
        for text in texts:
            found = canaries.found_in(text)
            assert not found, f"{place}: {found} in {text[:300]}"
    everything = "\n".join(seen.shown)
    alive = [kind for word, kind in canaries.of.items() if word in everything]
    assert len(alive) >= 20, f"hardly a canary is alive: {alive}"
    assert short or len(canaries.of) >= 50, f"only {len(canaries.of)} canaries"
    return canaries, seen


@contextmanager
def _watched(seen: Seen) -> Iterator[None]:
    """Addresses that the region is asked for."""
    call = Application.__call__

    def noted(self: Application, request: Any) -> Any:
        if not request.path.startswith("/simulator"):
            seen.addresses.append(request.target)
        return call(self, request)

    with patch.object(Application, "__call__", noted):
        yield


# --- what there is -------------------------------------------------------------------------------------------------


def _people_of_the_region(made: Office, canaries: Canaries) -> None:
    """Pupils of our school, with a parent each."""
    people = People(45)
    ours = made.organization()
    persons = [
        {
            "status": "enrolled",
            "organizationId": ours,
            "lastName": canaries.name(f"surname of pupil {number}"),
            "firstName": "Анна",
            "surName": "Петровна",
            "snils": canaries.add(f"СНИЛС of pupil {number}", people.snils()),
            "phone": canaries.add(f"phone of pupil {number}", f"+7912777{number:04d}"),
            "address": canaries.add(f"address of pupil {number}", f"ул. Птичья, д. {number + 100}"),
        }
        for number in range(6)
    ]
    made.region.admin("POST", "persons", {"persons": persons})
    parents = [
        {
            "lastName": canaries.name(f"surname of parent {number}"),
            "firstName": "Инна",
            "mobilePhone": canaries.add(f"phone of parent {number}", f"+7912888{number:04d}"),
            "email": canaries.add(f"e-mail of parent {number}", f"kanareyka{number}@example.ru"),
        }
        for number in range(4)
    ]
    made.region.admin("POST", "create", {"stream": "guardians", "items": parents})


def _tokens(made: Office, canaries: Canaries) -> None:
    """The pair as it stands now; a refresh makes another one."""
    for row in made.sql("SELECT access_token, refresh_token FROM connections"):
        for name, token in row.items():
            if token:
                canaries.add(f"{name} {len(canaries.of)}", str(token))


def _edits(made: Office, canaries: Canaries) -> None:
    """A clash, a record that nobody can read, and one that the region refuses."""
    cards = [card for card in made.dump("students") if card["lastName"].startswith("Канареечн")]
    here, there = canaries.add("address here", "ул. Клетки, д. 1"), canaries.add("address there", "ул. Клетки, д. 2")
    row = made.local_id("students", cards[0]["id"])
    made.sql("UPDATE students SET address = :value WHERE id = :id", value=here, id=row)
    unreadable = canaries.add("birthday nobody can read", "канареечного мартобря")
    edits = [
        {"id": cards[0]["id"], "changes": {"address": there}},
        {"id": cards[1]["id"], "changes": {"birthDate": unreadable}},
    ]
    made.region.admin("POST", "edit", {"stream": "students", "items": edits})
    refused = canaries.add("СНИЛС that is none", "11223344500")
    row = made.local_id("students", cards[2]["id"])
    made.sql("UPDATE students SET snils = :value WHERE id = :id", value=refused, id=row)


def _file(made: Office, canaries: Canaries, seen: Seen) -> None:
    """A list with newcomers, and with two rows nobody can take."""
    people = People(46)
    pupils = [
        draw_pupil(
            people,
            "8А",
            origin=made.region.organizations[1],
            last_name=canaries.name(f"surname in the list {number}"),
            snils="".join(filter(str.isdigit, canaries.add(f"СНИЛС in the list {number}", people.snils()))),
        )
        for number in range(4)
    ]
    path = write_list(made.folder, pupils)
    head, *rows = path.read_text("cp1251").splitlines()
    for number in range(2):
        cells = rows[0].split(";")
        cells[0] = canaries.name(f"surname in a bad row {number}")
        cells[head.split(";").index("Дата рождения ученика")] = "31.02.2013"
        rows.append(";".join(cells))
    path.write_text("\r\n".join((head, *rows)) + "\r\n", "cp1251", newline="")
    _command(made, seen, "import", str(path))


def _command(made: Office, seen: Seen, *line: str) -> str:
    """A command line; its standard error is a log. What it prints is for the one who has typed it."""
    done = made.run(*line, environment=DEBUG)
    seen.logs += done.err.splitlines()
    return done.out


# --- people at the page --------------------------------------------------------------------------------------------


def _at_the_page(made: Office, canaries: Canaries, seen: Seen, url: str, *, short: bool) -> None:
    accounts, school = made.service.accounts, made.school()
    people = {}
    for role in (Role.ADMIN, Role.SECRETARY, Role.VIEWER):
        people[role], _ = accounts.add(
            login=f"{role.value}45",
            name="Сидорова А. В.",
            roles={school.school_id: role},
            password=PASSWORD,
            must_change=False,
        )
    with httpx.Client(base_url=url, headers={"Origin": url}, timeout=60) as client:
        _visit(
            client, seen, "POST", "/login", login="admin45", password=canaries.add("wrong password", "канарейка!!")
        )
        _visit(client, seen, "POST", "/login", login=canaries.add("login typed", "kanareyka45"), password=PASSWORD)
        for role in (Role.SECRETARY,) if short else (Role.VIEWER, Role.SECRETARY):
            _log_in(client, seen, people[role].login)
            _everywhere(client, seen, made, canaries)
            client.cookies.clear()
        _log_in(client, seen, "admin45")
        _visit(client, seen, "GET", "/login/code")
        secret, _ = made.service.db.people.totp(people[Role.ADMIN].person_id)
        assert secret is not None
        canaries.add("second factor", secret)
        code = pyotp.TOTP(secret).at(made.clock.now())
        assert _visit(client, seen, "POST", "/login/code", code=code).status_code == 303
        if not short:
            _everywhere(client, seen, made, canaries)
        _with_failures(client, seen, made, canaries, FAULTS[:1] if short else FAULTS)
        _as_a_program(client, seen, made, canaries)


def _log_in(client: httpx.Client, seen: Seen, login: str) -> None:
    assert _visit(client, seen, "POST", "/login", login=login, password=PASSWORD).status_code == 303


def _everywhere(client: httpx.Client, seen: Seen, made: Office, canaries: Canaries) -> None:
    """Every screen, every form without what it needs, a search by name and by number, and the figures."""
    session = made.service.door.session(client.cookies["ecp_session"])
    assert session is not None
    if session.proven:
        canaries.add(f"session {len(canaries.of)}", client.cookies["ecp_session"])
        canaries.add(f"token of forms {len(canaries.of)}", session.csrf)
    school = f"/s/{made.codes[0]}"
    for path in pages(NOTHING):
        _visit(client, seen, "GET", path)
    for method, path in table():
        if method == "POST" and path.startswith("/s/") and not path.endswith(("/people", "/runs", "/runs/compare")):
            _visit(client, seen, "POST", address_of(path), csrf=session.csrf)
            _visit(client, seen, "POST", address_of(path, "999999"), csrf="x" * 43)
    for word in [word for word, kind in canaries.of.items() if kind.startswith(("surname of", "СНИЛС of"))][:4]:
        found = _visit(client, seen, "POST", f"{school}/find", csrf=session.csrf, q=word)
        for link in re.findall(rf'href="({school}/pupils/\d+)"', found.text):
            _visit(client, seen, "GET", link)
            _visit(client, seen, "POST", link, csrf=session.csrf)
    _visit(client, seen, "GET", f"{school}/nowhere")
    _visit(client, seen, "GET", "/s/school-77/conflicts")
    seen.metrics.append(client.get("/metrics").text)


def _with_failures(client: httpx.Client, seen: Seen, made: Office, canaries: Canaries, kinds: Sequence[str]) -> None:
    """The region fails in several ways while runs are asked for, once with names in its answer; then a table is gone
    under the page."""
    session = made.service.door.session(client.cookies["ecp_session"])
    assert session is not None
    school = f"/s/{made.codes[0]}"
    talking = {
        "status": 422,
        "body": json.dumps({"detail": " ".join(canaries.of)}),
        "contentType": "application/json",
    }
    faults: list[dict[str, Any]] = [*({"kind": kind} for kind in kinds), {"kind": "raw", "params": talking}]
    for fault in faults:
        made.faults(fault)
        started = _visit(client, seen, "POST", f"{school}/runs/compare", csrf=session.csrf)
        wait_for(lambda: not made.sql("SELECT 1 FROM runs WHERE finished_at IS NULL"), "the end of the run")
        _visit(client, seen, "GET", started.headers.get("location", f"{school}/runs"))
    made.region.admin("DELETE", "faults")
    made.sql("ALTER TABLE case_marks RENAME TO away")
    try:
        for path in ("", "/conflicts", "/matches", "/holds", "/releases"):
            _visit(client, seen, "GET", school + path)
    finally:
        made.sql("ALTER TABLE away RENAME TO case_marks")


def _as_a_program(client: httpx.Client, seen: Seen, made: Office, canaries: Canaries) -> None:
    _, token = made.service.programs.issue_token(
        made.school().school_id, name="Журнал школы", role=Role.SECRETARY, by="admin45"
    )
    client.headers["Authorization"] = f"Bearer {canaries.add('token of a program', token)}"
    for method, path in table():
        if path.startswith("/api/v1/"):
            _visit(client, seen, method, address_of(path))
            _visit(client, seen, method, address_of(path, "999999"), stamp="x", take="канарейка")
    client.headers["Authorization"] = f"Bearer {canaries.add('token that is none', 'ecps_' + 'k' * 43)}"
    _visit(client, seen, "GET", "/api/v1/conflicts")


def _visit(client: httpx.Client, seen: Seen, method: str, path: str, **form: str) -> httpx.Response:
    answer = client.request(method, path, data=form if method == "POST" else None)
    seen.pages += 1
    seen.addresses += [path, answer.headers.get("location", "")]
    seen.addresses += re.findall(r'(?:href|action|src|hx-get|hx-post|data-live|data-poll)="([^"]*)"', answer.text)
    problem = answer.headers.get("content-type", "").startswith("application/problem+json")
    if problem or answer.status_code in ERROR_PAGES:
        seen.error_pages.append(_without_own_form(answer.text))
    else:
        seen.shown.append(answer.text)
    return answer


def _without_own_form(text: str) -> str:
    """The token of forms belongs into forms, on an error page too; a login that was typed comes back in its own."""
    return re.sub(r'(name="csrf"|name="login"[^>]*) value="[^"]*"', "", text)


# --- afterwards ----------------------------------------------------------------------------------------------------


def _commands_that_fail(made: Office, seen: Seen, lines: Sequence[tuple[str, ...]]) -> None:
    made.faults({"kind": "forbidden"})
    for line in lines:
        done = made.run(*line, environment=DEBUG)
        seen.logs += done.err.splitlines()
        seen.error_texts.append(done.out)
    made.region.admin("DELETE", "faults")


def _error_texts(made: Office, seen: Seen) -> None:
    """What reports, the quarantine and the outbox keep as their reason."""
    for statement in (
        "SELECT * FROM runs",
        "SELECT code, signature, reason FROM quarantine",
        "SELECT * FROM audit",
        "SELECT state, code, waits_for FROM outbox",
    ):
        seen.error_texts += [json.dumps(row, ensure_ascii=False, default=str) for row in made.sql(statement)]
