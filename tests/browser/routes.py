"""The routes of the site, as tests walk them: who may use which, and an address for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from fastapi.routing import APIRoute

from sync_service.domain.people import Role
from sync_service.web.routes import ROUTERS
from tests.browser.site import SCHOOL

# Whoever adds a route adds a line. It is written by hand and does not look at what the route asks for: a permission
# that is too wide shows here. S secretary, A administrator, D director, V viewer; «open» has its own check, or needs
# none. What begins with /api/v1 is for programs with a token of that role.
WHO_MAY = """
open GET  /login
open POST /login
open GET  /login/code
open POST /login/code
open GET  /password
open POST /password
open POST /logout
open GET  /
open GET  /language/{language}
open GET  /healthz
open GET  /readyz
open GET  /metrics
SADV GET  /s/{school}
SADV GET  /s/{school}/state
SADV GET  /s/{school}/runs
SA-- POST /s/{school}/runs
SA-- POST /s/{school}/runs/compare
SADV GET  /s/{school}/runs/{run_id}
SADV GET  /s/{school}/runs/{run_id}/events
SA-- GET  /s/{school}/runs/{run_id}/retry
SA-- POST /s/{school}/runs/{run_id}/retry
SAD- GET  /s/{school}/conflicts
SAD- GET  /s/{school}/conflicts/{case_id}
SA-- POST /s/{school}/conflicts/{case_id}
SA-- POST /s/{school}/conflicts/{case_id}/undo
SA-- POST /s/{school}/conflicts/{case_id}/note
SA-- POST /s/{school}/conflicts/{case_id}/pass
SA-- POST /s/{school}/conflicts-bulk
SA-- POST /s/{school}/conflicts-bulk/undo
SAD- GET  /s/{school}/matches
SAD- GET  /s/{school}/matches/{case_id}
SA-- POST /s/{school}/matches/{case_id}
SA-- POST /s/{school}/matches/{case_id}/undo
SAD- GET  /s/{school}/releases
SAD- GET  /s/{school}/releases/{release_id}
SAD- POST /s/{school}/releases/{release_id}/call
SAD- POST /s/{school}/releases/{release_id}/director
SAD- POST /s/{school}/releases/{release_id}/close
SAD- POST /s/{school}/releases/{release_id}/reopen
SAD- GET  /s/{school}/releases/{release_id}/letter
SAD- POST /s/{school}/releases/{release_id}/letter
SAD- GET  /s/{school}/releases-calls
SAD- GET  /s/{school}/holds
SAD- GET  /s/{school}/holds/{hold_id}
SAD- POST /s/{school}/holds/{hold_id}
SAD- POST /s/{school}/holds/{hold_id}/undo
SAD- GET  /s/{school}/movements
SAD- POST /s/{school}/movements/export
SA-- GET  /s/{school}/movements/arrival
SA-- POST /s/{school}/movements/arrival
SA-- GET  /s/{school}/movements/arrival/{student_id}
SA-- POST /s/{school}/movements/arrival/form
SA-- POST /s/{school}/movements/arrival/save
SA-- GET  /s/{school}/movements/departure
SA-- POST /s/{school}/movements/departure
SA-- GET  /s/{school}/movements/departure/{student_id}
SA-- POST /s/{school}/movements/departure/{student_id}
SA-- GET  /s/{school}/movements/origin/{release_id}
SA-- POST /s/{school}/movements/origin/{release_id}
SAD- GET  /s/{school}/pupils/{student_id}
SAD- POST /s/{school}/pupils/{student_id}
SA-- GET  /s/{school}/import
SA-- POST /s/{school}/import
SA-- POST /s/{school}/import-apply
SA-- GET  /s/{school}/connection
SA-- POST /s/{school}/connection
-AD- GET  /s/{school}/journal
-AD- POST /s/{school}/journal/verify
-A-- POST /s/{school}/journal/export
SAD- POST /s/{school}/find
-A-- GET  /s/{school}/people
-A-- POST /s/{school}/people
-A-- POST /s/{school}/people/{person_id}
-A-- POST /s/{school}/people-tokens
-A-- POST /s/{school}/people-tokens/{token_id}
-A-- GET  /s/{school}/contacts
-A-- POST /s/{school}/contacts
-A-- POST /s/{school}/contacts-shown
-A-- POST /s/{school}/contacts-tried
-A-- POST /s/{school}/contacts/{contact_id}
SAD- GET  /s/{school}/quarantine
SAD- GET  /s/{school}/quarantine/{item_id}
SA-- POST /s/{school}/quarantine/retry
SA-- POST /s/{school}/quarantine/discard
SA-- POST /s/{school}/quarantine/undo
-A-- GET  /s/{school}/resync
-A-- POST /s/{school}/resync/find
-A-- POST /s/{school}/resync
-A-- GET  /s/{school}/resync/wait
-A-- GET  /s/{school}/resync/{plan_id}
-A-- POST /s/{school}/resync/{plan_id}/apply
-A-- POST /s/{school}/resync/{plan_id}/csv
-A-- POST /s/{school}/subjects/{student_id}/export
-A-- GET  /s/{school}/subjects/{student_id}/erase
-A-- POST /s/{school}/subjects/{student_id}/erase
-A-- GET  /s/{school}/erasures
-A-- GET  /s/{school}/erasures/{erasure_id}/act
-A-- POST /s/{school}/erasures/scrub
-A-- POST /s/{school}/erasures/{erasure_id}/lift
SADV GET  /api/v1/status
SADV GET  /api/v1/runs
SADV GET  /api/v1/runs/{run_id}
SAD- GET  /api/v1/conflicts
SAD- GET  /api/v1/conflicts/{case_id}
SAD- GET  /api/v1/matches
SAD- GET  /api/v1/matches/{case_id}
SAD- GET  /api/v1/releases
SAD- GET  /api/v1/releases/{release_id}
SAD- GET  /api/v1/holds
SAD- GET  /api/v1/holds/{hold_id}
SAD- GET  /api/v1/quarantine
SAD- GET  /api/v1/quarantine-items
SAD- GET  /api/v1/quarantine-items/{item_id}
SA-- POST /api/v1/conflicts/{case_id}/resolve
SA-- POST /api/v1/conflicts/{case_id}/undo
SA-- POST /api/v1/matches/{case_id}/confirm
SA-- POST /api/v1/matches/{case_id}/reject
SA-- POST /api/v1/matches/{case_id}/undo
SA-- POST /api/v1/matches/unlink
SAD- POST /api/v1/releases/{release_id}/log-call
SAD- POST /api/v1/releases/{release_id}/close
SAD- POST /api/v1/releases/{release_id}/reopen
SAD- POST /api/v1/holds/{hold_id}/release
SAD- POST /api/v1/holds/{hold_id}/discard
SAD- POST /api/v1/holds/{hold_id}/recheck
SAD- POST /api/v1/holds/{hold_id}/undo
SA-- POST /api/v1/quarantine/retry
SA-- POST /api/v1/quarantine/discard
SA-- POST /api/v1/quarantine/undo
SA-- POST /api/v1/runs
-A-- GET  /api/v1/resync
-A-- POST /api/v1/resync
-A-- GET  /api/v1/resync/{plan_id}
-A-- POST /api/v1/resync/{plan_id}/apply
-A-- GET  /api/v1/resync-jobs/{job}
open GET  /api/v1/openapi.json
open GET  /api/v1
"""
LETTERS = {"S": Role.SECRETARY, "A": Role.ADMIN, "D": Role.DIRECTOR, "V": Role.VIEWER}

NOTHING: Mapping[str, str] = MappingProxyType({})
EXAMPLES = (
    *("case_id", "release_id", "run_id", "plan_id", "hold_id", "item_id"),
    *("person_id", "token_id", "student_id", "contact_id", "job", "erasure_id"),
)
FILES = frozenset({"/healthz", "/readyz", "/metrics", "/language/{language}", "/", "/password", "/login/code"})


def table() -> dict[tuple[str, str], frozenset[Role] | None]:
    """(method, path) → the roles that may use it; None where it is open."""
    found: dict[tuple[str, str], frozenset[Role] | None] = {}
    for line in WHO_MAY.strip().splitlines():
        who, method, path = line.split()
        assert (method, path) not in found, f"{method} {path} is listed twice"
        found[method, path] = None if who == "open" else frozenset(LETTERS[one] for one in who if one != "-")
    return found


def in_routers(routers: Iterable[object]) -> Iterator[tuple[str, APIRoute]]:
    """(method, route) of every route of these routers."""
    for router in routers:
        for route in getattr(router, "routes"):  # noqa: B009  # an app or a router
            if isinstance(route, APIRoute):
                yield from ((method, route) for method in sorted(route.methods or ()))


def address_of(path: str, number: str = "1", examples: Mapping[str, str] = NOTHING) -> str:
    """The path with an example for each of its names: the one that is given for this path, or for the name, else
    ``number``."""
    address = path.replace("{school}", SCHOOL)
    for name in EXAMPLES:
        address = address.replace("{" + name + "}", examples.get(path, examples.get(name, number)))
    assert "{" not in address, f"give {path} an example"
    return address


def pages(examples: Mapping[str, str] = NOTHING) -> list[str]:
    """Every screen of a school, by its address; files and streams left out."""
    return [
        address_of(route.path, examples=examples)
        for method, route in in_routers(ROUTERS)
        if method == "GET"
        and route.path not in FILES
        and route.path.startswith("/s/")
        and not route.path.endswith((".csv", ".pdf", "/events"))
    ]
