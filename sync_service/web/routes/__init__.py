"""One module per screen; :data:`ROUTERS` is the whole site."""

from sync_service.web.routes import (
    conflicts,
    connection,
    door,
    holds,
    imports,
    journal,
    matches,
    movements,
    ops,
    people,
    pupils,
    quarantine,
    releases,
    resync,
    runs,
    state,
    subjects,
    today,
)

_SCREENS = (
    door,
    ops,
    today,
    state,
    runs,
    conflicts,
    matches,
    releases,
    holds,
    movements,
    pupils,
    imports,
    connection,
    journal,
    people,
    quarantine,
    resync,
    subjects,
)
ROUTERS = tuple(module.router for module in _SCREENS)
