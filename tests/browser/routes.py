"""The routes of the site, as tests walk them."""

from __future__ import annotations

from fastapi.routing import APIRoute

from sync_service.web.routes import ROUTERS
from tests.browser.site import SCHOOL

EXAMPLES = ("case_id", "release_id", "run_id", "plan_id", "hold_id", "item_id", "person_id", "token_id", "student_id")
FILES = frozenset({"/healthz", "/readyz", "/metrics", "/language/{language}", "/", "/password", "/login/code"})


def address_of(path: str, number: str = "1") -> str:
    """The path with an example for each of its names."""
    address = path.replace("{school}", SCHOOL)
    for name in EXAMPLES:
        address = address.replace("{" + name + "}", number)
    assert "{" not in address, f"give {path} an example"
    return address


def pages() -> list[str]:
    """Every screen of a school, by its address; files and streams left out."""
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return [
        address_of(route.path)
        for route in routes
        if "GET" in (route.methods or ())
        and route.path not in FILES
        and route.path.startswith("/s/")
        and not route.path.endswith((".csv", ".pdf", "/events"))
    ]
