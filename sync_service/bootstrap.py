"""The composition root: settings become a Service. The only place that knows every concrete class.

Heavy libraries are imported where they are first needed, so that opening a service to look at its database
does not pay for HTTP, nor a synchronisation for reading spreadsheets.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from connectors.endpoints import Endpoints
from sync_service.clock import SystemClock
from sync_service.connections import Connections
from sync_service.crash_probe import crash_probe
from sync_service.domain.errors import ConfigError
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.streams import Stream
from sync_service.engine.context import School, never, nothing
from sync_service.engine.cycle import Direction
from sync_service.engine.decisions import Desk
from sync_service.engine.leased_run import UNATTENDED, Job, run_leased
from sync_service.engine.ports import Clock, Notifier, RemoteSystem
from sync_service.notify import LogNotifier
from sync_service.registration import register
from sync_service.watcher import Watcher, hire_courier

if TYPE_CHECKING:
    from mappings import Mappings
    from sync_service.accounts import Accounts, Door, Programs
    from sync_service.config import SchoolSettings, Settings
    from sync_service.domain.policies import StreamPolicy
    from sync_service.domain.records import Values
    from sync_service.findings import Finding
    from sync_service.housekeeping import Housekeeper
    from sync_service.persistence import SqlDatabase
    from sync_service.school_files import SchoolFiles

TELLING_PERIODS = 3.5  # a run is dead when its heartbeat stands still for three
CLOSING_SECONDS = 45.0  # who only watches waits longer: a long transaction keeps a heartbeat waiting too


class Service:
    """One installation, ready for work. Safe to share between threads; ``close`` ends its connections."""

    def __init__(
        self, settings: Settings, *, db: SqlDatabase, clock: Clock, notifier: Notifier | None = None
    ) -> None:
        self.settings = settings
        self.db = db
        self.clock = clock
        self.courier = (
            hire_courier(settings, db=db, clock=clock, schools=self.schools)
            if settings.channels and notifier is None
            else None
        )
        self.notifier: Notifier = notifier or self.courier or LogNotifier()
        self.endpoints = Endpoints(clock)  # what this process knows of the regional servers
        self._probe = crash_probe(os.environ) or nothing
        self._schools = register(db, settings)
        self.connections = Connections(
            settings, db=db, clock=clock, endpoints=self.endpoints, mappings=lambda: self.mappings
        )
        self._watcher = Watcher(
            db,
            clock,
            self.notifier,
            needs_login=self.connections.needs_login,
            silence=settings.notify.silence,
        )

    @cached_property
    def _housekeeper(self) -> Housekeeper:
        from sync_service.housekeeping import Housekeeper

        return Housekeeper(self.db, self.clock, self.files.uploads)

    @classmethod
    def open(
        cls,
        settings: Settings,
        *,
        create: bool = False,
        clock: Clock | None = None,
        notifier: Notifier | None = None,
    ) -> Service:
        """The service of these settings; ``create`` makes or updates the database first.

        Raises ConfigError (a database of another version, a school that changed its identity) and
        TransientError (the database server is away).
        """
        from sync_service.persistence import open_database

        clock = clock or SystemClock()
        db = open_database(settings.database_url, create=create, now=clock.now)
        with ExitStack() as on_error:
            on_error.callback(db.close)
            service = cls(settings, db=db, clock=clock, notifier=notifier)
            on_error.pop_all()
        return service

    def close(self) -> None:
        """Ends all connections, also those of a run that is still under way; its work so far is durable."""
        if self.courier is not None:
            self.courier.close()
        self.connections.close()
        self.db.close()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Schools and what belongs to one

    def schools(self) -> list[School]:
        """In the order of the settings."""
        return list(self._schools.values())

    def school(self, code: str | None) -> School:
        """The school with this code; None means the only one. ConfigError lists the codes otherwise."""
        if code is None and len(self._schools) == 1:
            return next(iter(self._schools.values()))
        found = self._schools.get(code) if code is not None else None
        if found is None:
            what = "name one of" if code is None else f"{code!r} is not in the settings; there are"
            raise ConfigError([f"school: {what} {', '.join(self._schools)}"])
        return found

    @cached_property
    def mappings(self) -> Mappings:
        from mappings import load_mappings

        return load_mappings(self.settings.mappings_dir)

    @cached_property
    def policies(self) -> dict[Stream, StreamPolicy]:
        return {stream: mapping.policy for stream, mapping in self.mappings.items()}

    @cached_property
    def fingerprints(self) -> dict[Stream, str]:
        """Of every mapping table with its code tables: another one means that records read differently."""
        return {stream: mapping.fingerprint for stream, mapping in self.mappings.items()}

    @cached_property
    def field_names(self) -> dict[Stream, dict[str, str]]:
        """Per stream: what the region calls a field → what we call it."""
        return {
            stream: {row.remote: field for field, row in mapping.rows.items()}
            for stream, mapping in self.mappings.items()
        }

    def normalise(self, stream: Stream, values: Values) -> Values:
        """Staging values in canonical form; RecordError for what no record may hold."""
        return self.mappings[stream].normalise_local(values)

    def remote(self, school: School) -> RemoteSystem:
        """The school's connector, made when first asked for."""
        return self.connections.remote(school)

    def school_settings(self, school: School) -> SchoolSettings:
        return self.connections.settings_of(school)

    def desk(self, school: School, actor: str) -> Desk:
        """Where a named person decides."""
        return Desk(
            school=school,
            db=self.db,
            policies=self.policies,
            normalise=self.normalise,
            clock=self.clock,
            actor=actor,
            remote=self.remote(school),
            fingerprints=self.fingerprints,
            name_of=lambda login: self.accounts.names().get(login, login),
        )

    # Work

    def sync(
        self,
        school: School,
        *,
        streams: Sequence[Stream] | None = None,
        direction: Direction = Direction.BOTH,
        trigger: str = "manual",
        wait: float | None = None,
        stop: threading.Event | None = None,
        skip_busy: bool = False,
        started: Callable[[str], None] = nothing,
        blackout: Callable[[], bool] = never,
    ) -> RunReport:
        """One cycle now; its report is on record. ``started`` is told its id as soon as it is on record.

        ``wait`` is seconds for streams that another run holds; None is as long as it takes to tell a dead run,
        whose leases are taken over, from a living one. The run ends at its next page when ``blackout`` says so.

        Raises what :func:`sync_service.engine.leased_run.run_leased` raises.
        """
        if trigger not in UNATTENDED:
            self.endpoints.probe_at_once()
        before = self.connections.token_before(school)
        period = self.settings.schedule.heartbeat
        report = run_leased(
            Job(
                school=school,
                streams=tuple(Stream) if streams is None else tuple(streams),
                direction=direction,
                trigger=trigger,
                db=self.db,
                remote=self.remote(school),
                policies=self.policies,
                normalise=self.normalise,
                clock=self.clock,
                notifier=self.notifier,
                period=period,
                wait=TELLING_PERIODS * period if wait is None else wait,
                stop=stop or threading.Event(),
                skip_busy=skip_busy,
                fingerprints=self.fingerprints,
                limits=self.settings.guard.limits(),
                probe=self._probe,
                started=started,
                blackout=blackout,
            )
        )
        if report.status is RunStatus.LOGIN_NEEDED:
            self.connections.note_rejection(school, before)
        return report

    def close_dead_runs(self, school: School) -> int:
        """Close the rows of runs whose process has died and free their streams; returns how many rows.

        A process is dead when this one has seen its heartbeat stand still for ``CLOSING_SECONDS``, so this is to be
        called every few seconds.
        """
        silence = max(CLOSING_SECONDS, TELLING_PERIODS * self.settings.schedule.heartbeat)
        self.db.leases.free_dead(school.school_id, now=self.clock.monotonic(), silence=silence)
        return self.db.runs.recover(school.school_id)

    def ask_for_comparison(
        self, school: School, streams: Sequence[Stream] = tuple(Stream), *, scheduled: bool = False
    ) -> None:
        """The next run of these streams compares them with the region as a whole."""
        from sync_service.engine.due import ask_for_comparison

        ask_for_comparison(self.db, school.school_id, streams, self.clock.now(), scheduled=scheduled)

    def comparison_asked_at(self, school: School) -> datetime | None:
        """When the schedule last asked for a comparison."""
        from sync_service.engine.due import last_asked

        return last_asked(self.db, school.school_id)

    def resync_job(self, school: School, *, actor: str, stop: threading.Event | None = None) -> Job:
        """What a resync of this person works with: :mod:`sync_service.engine.resync` and ``resync_apply``."""
        period = self.settings.schedule.heartbeat
        return Job(
            school=school,
            streams=tuple(Stream),
            direction=Direction.BOTH,
            trigger="resync",
            db=self.db,
            remote=self.remote(school),
            policies=self.policies,
            normalise=self.normalise,
            clock=self.clock,
            notifier=self.notifier,
            period=period,
            wait=TELLING_PERIODS * period,
            stop=stop or threading.Event(),
            actor=actor,
            fingerprints=self.fingerprints,
            probe=self._probe,
        )

    def needs_login(self, school: School) -> bool:
        """Whether only a person can go on, by the stored connection alone: no request is made."""
        return self.connections.needs_login(school)

    def remember_next_runs(self, school: School, moments: Mapping[Stream, datetime]) -> None:
        """Write down when the daemon will run each stream, for ``status``; empty when nobody runs the schedule."""
        from sync_service.engine.queries import remember_next_runs

        with self.db.write(school.school_id) as uow:
            remember_next_runs(uow, moments)
            uow.commit()

    @cached_property
    def files(self) -> SchoolFiles:
        """Files that people bring."""
        from sync_service.school_files import SchoolFiles

        return SchoolFiles(self.db, self.clock, probe=self._probe)

    # Who may enter

    @cached_property
    def accounts(self) -> Accounts:
        """People and their roles."""
        from sync_service.accounts import Accounts

        return Accounts(self.db.people, self.clock.now)

    @cached_property
    def door(self) -> Door:
        """Where people sign in to the page."""
        from sync_service.accounts import Door

        return Door(self.db.people, self.clock.now)

    @cached_property
    def programs(self) -> Programs:
        """Programs that call the API."""
        from sync_service.accounts import Programs

        return Programs(self.db.people, self.clock.now)

    # What the daemon does beside runs

    def tidy(self, school: School) -> None:
        """The daemon's broom: :meth:`Housekeeper.tidy`."""
        self._housekeeper.tidy(school)

    def watch(self, school: School) -> None:
        """The daemon's look at how the exchange itself is doing: :meth:`Watcher.look`."""
        self._watcher.look(school)

    # Examinations

    def doctor(self, *, fix: bool = False) -> list[Finding]:
        """Everything that is wrong with the installation, each with its remedy; ``fix`` repairs what it can."""
        from sync_service.doctor import examine

        return examine(self.settings, clock=self.clock, fix=fix)

    def check_config(self) -> list[Finding]:
        """Everything that is wrong with the settings; asks neither the region nor the database."""
        from sync_service.doctor import check_settings

        return check_settings(self.settings)
