"""Alembic's scripts; run through :func:`sync_service.persistence.migrate.migrate`."""
