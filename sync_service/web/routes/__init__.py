"""One module per screen; :data:`ROUTERS` is the whole site."""

from sync_service.web.routes import (
    conflicts,
    connection,
    door,
    imports,
    journal,
    matches,
    movements,
    ops,
    people,
    pupils,
    releases,
    today,
)

ROUTERS = tuple(
    module.router
    for module in (
        door,
        ops,
        today,
        conflicts,
        matches,
        releases,
        movements,
        pupils,
        imports,
        connection,
        journal,
        people,
    )
)
