"""Accounts, sessions and tokens of programs; own short transactions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, delete, func, insert, select, update

from sync_service.domain.links import SchoolId
from sync_service.domain.people import ApiToken, Person, Role
from sync_service.persistence.engine import connected
from sync_service.persistence.moments import moment, moment_or_none, stamp, stamp_or_none
from sync_service.persistence.schema.people import api_tokens, login_failures, memberships, people, sessions

_MOMENTS = frozenset({"signed_in_at", "seen_at", "created_at", "last_used_at", "revoked_at", "last_at"})


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: stamp_or_none(value) if name in _MOMENTS else value for name, value in values.items()}


class SqlPeople:
    """Who may enter; nothing here decides whether somebody may."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # -- accounts

    def add(
        self,
        *,
        login: str,
        name: str,
        password: str,
        must_change: bool,
        roles: Mapping[SchoolId, Role],
        now: datetime,
    ) -> int | None:
        """The id of the new account with its roles; None when the login is taken."""
        with connected(self._engine, writing=True) as connection:
            if connection.execute(select(people.c.id).where(people.c.login == login)).scalar() is not None:
                return None
            added = connection.execute(
                insert(people)
                .values(
                    login=login,
                    name=name,
                    password=password,
                    has_totp=False,
                    must_change_password=must_change,
                    disabled=False,
                    created_at=stamp(now),
                )
                .returning(people.c.id)
            ).scalar_one()
            if roles:
                connection.execute(
                    insert(memberships),
                    [{"person_id": added, "school_id": school, "role": role.value} for school, role in roles.items()],
                )
            connection.commit()
        return int(added)

    def change(self, person_id: int, **values: Any) -> None:
        with connected(self._engine, writing=True) as connection:
            connection.execute(update(people).where(people.c.id == person_id).values(**_stored(values)))
            connection.commit()

    def set_role(self, person_id: int, school: SchoolId, role: Role | None) -> None:
        """None takes the membership away."""
        mine = (memberships.c.person_id == person_id) & (memberships.c.school_id == school)
        with connected(self._engine, writing=True) as connection:
            connection.execute(delete(memberships).where(mine))
            if role is not None:
                connection.execute(insert(memberships).values(person_id=person_id, school_id=school, role=role.value))
            connection.commit()

    def by_login(self, login: str) -> tuple[Person, str] | None:
        """The account with its password hash."""
        with connected(self._engine, writing=False) as connection:
            row = connection.execute(select(people).where(people.c.login == login)).mappings().one_or_none()
            return None if row is None else (self._person(connection, row), str(row["password"]))

    def get(self, person_id: int) -> Person | None:
        with connected(self._engine, writing=False) as connection:
            row = connection.execute(select(people).where(people.c.id == person_id)).mappings().one_or_none()
            return None if row is None else self._person(connection, row)

    def all(self) -> list[Person]:
        with connected(self._engine, writing=False) as connection:
            rows = connection.execute(select(people).order_by(people.c.login)).mappings().all()
            return [self._person(connection, row) for row in rows]

    def count(self) -> int:
        with connected(self._engine, writing=False) as connection:
            return int(connection.execute(select(func.count()).select_from(people)).scalar_one())

    def _person(self, connection: Connection, row: RowMapping) -> Person:
        roles = connection.execute(
            select(memberships.c.school_id, memberships.c.role).where(memberships.c.person_id == row["id"])
        ).all()
        return Person(
            person_id=int(row["id"]),
            login=row["login"],
            name=row["name"],
            roles={SchoolId(school): Role(role) for school, role in roles},
            disabled=bool(row["disabled"]),
            has_totp=bool(row["has_totp"]),
            must_change_password=bool(row["must_change_password"]),
            created_at=moment(row["created_at"]),
        )

    # -- the second factor

    def totp(self, person_id: int) -> tuple[str | None, int | None]:
        """(secret, the last interval whose code was accepted)."""
        with connected(self._engine, writing=False) as connection:
            row = connection.execute(
                select(people.c.totp_secret, people.c.totp_last).where(people.c.id == person_id)
            ).one()
        return row[0], row[1]

    def take_totp(self, person_id: int, interval: int) -> bool:
        """Use up the code of an interval; False when it, or a later one, was used before."""
        with connected(self._engine, writing=True) as connection:
            taken = connection.execute(
                update(people)
                .where(people.c.id == person_id, func.coalesce(people.c.totp_last, -1) < interval)
                .values(totp_last=interval)
            ).rowcount
            connection.commit()
        return bool(taken)

    # -- sessions

    def open_session(self, digest: str, person_id: int, *, csrf: str, proven: bool, now: datetime) -> None:
        with connected(self._engine, writing=True) as connection:
            connection.execute(
                insert(sessions).values(
                    digest=digest,
                    person_id=person_id,
                    csrf=csrf,
                    proven=proven,
                    flash="",
                    signed_in_at=stamp(now),
                    seen_at=stamp(now),
                )
            )
            connection.commit()

    def session(self, digest: str) -> tuple[int, Mapping[str, Any]] | None:
        """(person id, the session's facts)."""
        with connected(self._engine, writing=False) as connection:
            row = connection.execute(select(sessions).where(sessions.c.digest == digest)).mappings().one_or_none()
        if row is None:
            return None
        facts = {**row, "signed_in_at": moment(row["signed_in_at"]), "seen_at": moment(row["seen_at"])}
        return int(row["person_id"]), facts

    def change_session(self, digest: str, **values: Any) -> None:
        with connected(self._engine, writing=True) as connection:
            connection.execute(update(sessions).where(sessions.c.digest == digest).values(**_stored(values)))
            connection.commit()

    def close_sessions(self, *, digest: str | None = None, person_id: int | None = None) -> None:
        which = sessions.c.digest == digest if digest is not None else sessions.c.person_id == person_id
        with connected(self._engine, writing=True) as connection:
            connection.execute(delete(sessions).where(which))
            connection.commit()

    def forget_sessions(self, *, signed_in_before: datetime, seen_before: datetime) -> None:
        """Drop what has expired."""
        old = (sessions.c.signed_in_at < stamp(signed_in_before)) | (sessions.c.seen_at < stamp(seen_before))
        with connected(self._engine, writing=True) as connection:
            connection.execute(delete(sessions).where(old))
            connection.commit()

    # -- throttling

    def failures(self, keys: tuple[str, ...]) -> list[tuple[int, datetime]]:
        """(failures, the last one) of each of ``keys`` that has any."""
        with connected(self._engine, writing=False) as connection:
            rows = connection.execute(
                select(login_failures.c.failures, login_failures.c.last_at).where(login_failures.c.key.in_(keys))
            ).all()
        return [(int(count), moment(last)) for count, last in rows]

    def count_failure(self, keys: tuple[str, ...], *, now: datetime, forget_before: datetime) -> None:
        with connected(self._engine, writing=True) as connection:
            connection.execute(delete(login_failures).where(login_failures.c.last_at < stamp(forget_before)))
            for key in keys:
                raised = connection.execute(
                    update(login_failures)
                    .where(login_failures.c.key == key)
                    .values(failures=login_failures.c.failures + 1, last_at=stamp(now))
                ).rowcount
                if not raised:
                    connection.execute(insert(login_failures).values(key=key, failures=1, last_at=stamp(now)))
            connection.commit()

    def clear_failures(self, key: str) -> None:
        with connected(self._engine, writing=True) as connection:
            connection.execute(delete(login_failures).where(login_failures.c.key == key))
            connection.commit()

    # -- tokens of programs

    def add_token(self, school: SchoolId, *, digest: str, name: str, role: Role, by: str, now: datetime) -> int:
        with connected(self._engine, writing=True) as connection:
            added = connection.execute(
                insert(api_tokens)
                .values(
                    school_id=school, digest=digest, name=name, role=role.value, created_by=by, created_at=stamp(now)
                )
                .returning(api_tokens.c.id)
            ).scalar_one()
            connection.commit()
        return int(added)

    def token(self, digest: str) -> ApiToken | None:
        with connected(self._engine, writing=False) as connection:
            row = connection.execute(select(api_tokens).where(api_tokens.c.digest == digest)).mappings().one_or_none()
        return None if row is None else _token(row)

    def tokens(self, school: SchoolId) -> list[ApiToken]:
        with connected(self._engine, writing=False) as connection:
            rows = connection.execute(
                select(api_tokens).where(api_tokens.c.school_id == school).order_by(api_tokens.c.id)
            ).mappings()
            return [_token(row) for row in rows]

    def change_token(self, token_id: int, **values: Any) -> None:
        with connected(self._engine, writing=True) as connection:
            connection.execute(update(api_tokens).where(api_tokens.c.id == token_id).values(**_stored(values)))
            connection.commit()


def _token(row: RowMapping) -> ApiToken:
    return ApiToken(
        token_id=int(row["id"]),
        name=row["name"],
        school_id=SchoolId(row["school_id"]),
        role=Role(row["role"]),
        created_at=moment(row["created_at"]),
        created_by=row["created_by"],
        last_used_at=moment_or_none(row["last_used_at"]),
        revoked_at=moment_or_none(row["revoked_at"]),
    )
