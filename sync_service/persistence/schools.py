"""The schools of the installation; a school is never deleted, so its id stays valid for ever."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, insert, select, update

from sync_service.domain.links import RemoteId, SchoolId
from sync_service.persistence.engine import connected
from sync_service.persistence.schema.state import schools


@dataclass(frozen=True, slots=True, kw_only=True)
class School:
    """``organization_id`` is the school's GUID in the region, ``zone`` an IANA name."""

    school_id: SchoolId
    code: str
    name: str
    organization_id: RemoteId
    zone: str


class Schools:
    """Who belongs to this installation; own short transactions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ensure(self, code: str, *, name: str, organization_id: str, zone: str = "Asia/Yekaterinburg") -> SchoolId:
        """The school with this code, added or brought up to date."""
        values = {"name": name, "organization_id": organization_id, "zone": zone}
        with connected(self._engine, writing=True) as connection:
            found = connection.execute(select(schools.c.id).where(schools.c.code == code)).scalar()
            if found is None:
                school_id = connection.execute(
                    insert(schools).values(code=code, **values).returning(schools.c.id)
                ).scalar_one()
            else:
                school_id = found
                connection.execute(update(schools).where(schools.c.id == found).values(**values))
            connection.commit()
        return SchoolId(school_id)

    def get(self, code: str) -> School | None:
        return next((school for school in self.all() if school.code == code), None)

    def all(self) -> list[School]:
        """In the order in which they were added."""
        with connected(self._engine, writing=False) as connection:
            rows = connection.execute(
                select(
                    schools.c.id, schools.c.code, schools.c.name, schools.c.organization_id, schools.c.zone
                ).order_by(schools.c.id)
            ).all()
        return [
            School(
                school_id=SchoolId(school_id),
                code=code,
                name=name,
                organization_id=RemoteId(organization_id),
                zone=zone,
            )
            for school_id, code, name, organization_id, zone in rows
        ]
