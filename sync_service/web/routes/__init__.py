"""One module per screen; :data:`ROUTERS` is the whole site."""

from sync_service.web.routes import conflicts, connection, door, matches, ops, people, releases, today

ROUTERS = (
    door.router,
    ops.router,
    today.router,
    conflicts.router,
    matches.router,
    releases.router,
    connection.router,
    people.router,
)
