"""The schools of the settings and their rows in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_service.domain.errors import ConfigError
from sync_service.domain.links import RemoteId
from sync_service.domain.streams import Stream
from sync_service.engine.context import School

if TYPE_CHECKING:
    from sync_service.config import Settings
    from sync_service.persistence import SqlDatabase


def register(db: SqlDatabase, settings: Settings) -> dict[str, School]:
    """The schools of the settings with their ids in the database, added or brought up to date.

    Raises ConfigError for a school whose records are linked to another organization."""
    stored = {school.code: school for school in db.schools.all()}
    found: dict[str, School] = {}
    for wanted in settings.schools:
        known = stored.get(wanted.code)
        if known is not None and known.organization_id != wanted.organization_id:
            _refuse_new_identity(
                db,
                School(
                    school_id=known.school_id, code=known.code, name=known.name, organization_id=known.organization_id
                ),
            )
        same = known is not None and (known.name, known.organization_id, known.zone) == (
            wanted.name,
            wanted.organization_id,
            wanted.zone,
        )
        school_id = (
            known.school_id
            if known is not None and same
            else db.schools.ensure(
                wanted.code, name=wanted.name, organization_id=wanted.organization_id, zone=wanted.zone
            )
        )
        found[wanted.code] = School(
            school_id=school_id,
            code=wanted.code,
            name=wanted.name,
            organization_id=RemoteId(wanted.organization_id),
            zone=wanted.zone,
            watch_from=wanted.watch_from.isoformat() if wanted.watch_from else None,
        )
    return found


def _refuse_new_identity(db: SqlDatabase, school: School) -> None:
    """Links of a school mean records of one organization: under another they would point at strangers."""
    with db.read(school.school_id) as uow:
        linked = any(uow.links.count(stream) for stream in Stream)
    if linked:
        raise ConfigError(
            [
                f"schools.{school.code}.organization_id: the records of this school are linked to another"
                " organization; restore the former id, or give the new school a code of its own"
            ]
        )
