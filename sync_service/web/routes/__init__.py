"""One module per screen; :data:`ROUTERS` is the whole site."""

from sync_service.web.routes import conflicts, door, today

ROUTERS = (door.router, today.router, conflicts.router)
