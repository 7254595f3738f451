"""One module per screen; :data:`ROUTERS` is the whole site."""

from sync_service.web.routes import door, today

ROUTERS = (door.router, today.router)
