"""One module per screen; :data:`ROUTERS` is the whole site."""

from sync_service.web.routes import conflicts, door, ops, today

ROUTERS = (door.router, ops.router, today.router, conflicts.router)
