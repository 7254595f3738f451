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
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from connectors.endpoints import Endpoints
from sync_service.clock import SystemClock
from sync_service.crash_probe import crash_probe
from sync_service.domain.errors import ConfigError, LoginNeeded, TransientError
from sync_service.domain.links import RemoteId
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.school_files import FileRejected, ParsedClassReport, ParsedPupilList
from sync_service.domain.streams import Stream
from sync_service.engine.context import School, never, nothing
from sync_service.engine.cycle import Direction
from sync_service.engine.decisions import Desk
from sync_service.engine.leased_run import UNATTENDED, Job, run_leased
from sync_service.engine.ports import Clock, Notifier, RemoteSystem
from sync_service.notify import Courier, LogNotifier, Route
from sync_service.region import CandidateToken, StoredTokens, connect, needs_login, note_rejection

if TYPE_CHECKING:
    from connectors.auth import TokenStore
    from mappings import Mappings
    from sync_service.accounts import Accounts
    from sync_service.config import SchoolSettings, Settings
    from sync_service.domain.policies import StreamPolicy
    from sync_service.domain.records import Values
    from sync_service.engine.import_files import ImportReport
    from sync_service.findings import Finding
    from sync_service.persistence import SqlDatabase
    from sync_service.persistence.uploads import Uploads

TELLING_PERIODS = 3.5  # a run is dead when its heartbeat stands still for three
WATCH_SECONDS = 60.0  # between two looks for something the administrator is to be told
CLOSING_SECONDS = 45.0  # who only watches waits longer: a long transaction keeps a heartbeat waiting too


class Service:
    """One installation, ready for work. Safe to share between threads; ``close`` ends its connections."""

    def __init__(
        self, settings: Settings, *, db: SqlDatabase, clock: Clock, notifier: Notifier | None = None
    ) -> None:
        self.settings = settings
        self.db = db
        self.clock = clock
        self.courier = self._hire() if settings.channels and notifier is None else None
        self.notifier: Notifier = notifier or self.courier or LogNotifier()
        self._looked_at: dict[str, float] = {}
        self.endpoints = Endpoints(clock)  # what this process knows of the regional servers
        self._probe = crash_probe(os.environ) or nothing
        self._schools = _register(db, settings)
        self._remotes: dict[str, RemoteSystem] = {}
        self._retired: list[RemoteSystem] = []
        self._tokens: dict[str, StoredTokens] = {}
        self._lock = threading.RLock()

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
        with self._lock:
            remotes = [*self._retired, *self._remotes.values()]
            self._retired, self._remotes = [], {}
        if self.courier is not None:
            self.courier.close()
        for remote in remotes:
            remote.close()
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

    def normalise(self, stream: Stream, values: Values) -> Values:
        """Staging values in canonical form; RecordError for what no record may hold."""
        return self.mappings[stream].normalise_local(values)

    def remote(self, school: School) -> RemoteSystem:
        """The school's connector, made when first asked for."""
        with self._lock:
            if school.code not in self._remotes:
                tokens = StoredTokens(self.db.connection(school.school_id))
                self._remotes[school.code], self._tokens[school.code] = self._connect(school, tokens), tokens
            return self._remotes[school.code]

    def _connect(self, school: School, tokens: TokenStore) -> RemoteSystem:
        return connect(
            self.school_settings(school),
            limits=self.settings.limits,
            tokens=tokens,
            mappings=self.mappings,
            clock=self.clock,
            endpoints=self.endpoints,
        )

    def school_settings(self, school: School) -> SchoolSettings:
        return next(one for one in self.settings.schools if one.code == school.code)

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
        store = self.db.connection(school.school_id)
        before = store.load()
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
            note_rejection(store, {None if before is None else before[1], self._tokens[school.code].last_saved})
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

    def login(self, school: School, refresh_token: str) -> None:
        """Prove a refresh token with one request and keep it.

        A rejected token (LoginNeeded) changes nothing: what was stored before stays. When the region cannot be
        asked (TransientError) the token is kept unproven, and the next run uses it.
        """
        tokens = CandidateToken(self.db.connection(school.school_id), refresh_token)
        remote = self._connect(school, tokens)
        self.endpoints.probe_at_once()
        try:
            remote.change_versions()
        except LoginNeeded:
            remote.close()
            raise
        except TransientError:
            remote.close()
            tokens.keep()
            raise
        with self._lock:
            former = self._remotes.get(school.code)
            if former is not None:
                self._retired.append(former)  # a run may be using it
            self._remotes[school.code], self._tokens[school.code] = remote, tokens

    def needs_login(self, school: School) -> bool:
        """Whether only a person can go on, by the stored connection alone: no request is made."""
        return needs_login(self.db.connection(school.school_id))

    def remember_next_runs(self, school: School, moments: Mapping[Stream, datetime]) -> None:
        """Write down when the daemon will run each stream, for ``status``; empty when nobody runs the schedule."""
        from sync_service.engine.queries import remember_next_runs

        with self.db.write(school.school_id) as uow:
            remember_next_runs(uow, moments)
            uow.commit()

    # Files

    def read_file(self, path: Path) -> ParsedPupilList | ParsedClassReport:
        """What the file says; FileRejected when it is neither a pupil list nor a class report, or unreadable."""
        from connectors.files.limits import DEFAULT_LIMITS

        try:
            with path.open("rb") as file:
                content = file.read(DEFAULT_LIMITS.max_bytes + 1)
        except OSError as error:
            raise FileRejected(
                code="unreadable",
                reason=f"Файл не открывается: {error.strerror}.",
                remedy="Проверьте имя файла и право на чтение.",
            ) from None
        return self.read_content(content, path.name)

    def read_content(self, content: bytes, file_name: str) -> ParsedPupilList | ParsedClassReport:
        """The same for a file that was uploaded."""
        from connectors.files.school_file import read_school_file

        today = self.clock.today(self.schools()[0].zone)
        return read_school_file(content, file_name=file_name, today=today)

    def import_file(self, school: School, path: Path, *, actor: str, dry_run: bool = False) -> ImportReport:
        """Read the file and bring it into staging, whole or not at all."""
        return self._import(school, self.read_file(path), path.name, actor=actor, dry_run=dry_run)

    def import_content(
        self, school: School, content: bytes, file_name: str, *, actor: str, dry_run: bool = False
    ) -> ImportReport:
        """The same for a file that was uploaded."""
        return self._import(school, self.read_content(content, file_name), file_name, actor=actor, dry_run=dry_run)

    def _import(
        self,
        school: School,
        parsed: ParsedPupilList | ParsedClassReport,
        file_name: str,
        *,
        actor: str,
        dry_run: bool,
    ) -> ImportReport:
        from sync_service.engine.import_files import import_parsed

        return import_parsed(
            self.db,
            school,
            self.clock,
            parsed,
            actor=actor,
            file_name=file_name,
            dry_run=dry_run,
            probe=self._probe,
        )

    @cached_property
    def uploads(self) -> Uploads:
        """Files between their preview and their import."""
        from sync_service.persistence.uploads import Uploads

        return Uploads(self.db.engine, self.clock.now)

    # People

    @cached_property
    def accounts(self) -> Accounts:
        """Who may enter the page and the API."""
        from sync_service.accounts import Accounts
        from sync_service.persistence.people import SqlPeople

        return Accounts(SqlPeople(self.db.engine), self.clock.now)

    # Telling people

    def _hire(self) -> Courier:
        """Who carries messages over the channels of the settings."""
        rules = self.settings.notify

        def quiet(school: School) -> bool:
            local = self.clock.now().astimezone(ZoneInfo(school.zone))
            return any(window.covers(local) for window in rules.quiet_hours)

        return Courier(
            self.db,
            lambda: self._schools.values(),
            [
                Route(to=frozenset(one.to), url=one.url.get_secret_value(), names=one.names)
                for one in self.settings.channels
            ],
            clock=self.clock,
            quiet=quiet,
            director_at_once=rules.director_at_once,
            timeout=rules.timeout,
            page=self.settings.web.public_url,
        )

    def watch(self, school: School) -> None:
        """The daemon's look at how the exchange itself is doing, once a minute: what has begun (login needed, the
        brake, a long silence) is written down for the administrator, and whatever is untold is passed on."""
        from sync_service.engine.alerts import watch_state
        from sync_service.engine.telling import note_arrival, untold

        now = self.clock.monotonic()
        if now - self._looked_at.get(school.code, -WATCH_SECONDS) < WATCH_SECONDS:
            return
        self._looked_at[school.code] = now
        watch_state(
            self.db,
            school,
            login_needed=self.needs_login(school),
            silence=self.settings.notify.silence,
            now=self.clock.now(),
        )
        waiting = untold(self.db, school)
        told = [n.key for n, addresses in waiting if self.notifier.tell(school.code, n, addresses)]
        if told:
            note_arrival(self.db, school, told)

    # Examinations

    def doctor(self, *, fix: bool = False) -> list[Finding]:
        """Everything that is wrong with the installation, each with its remedy; ``fix`` repairs what it can."""
        from sync_service.doctor import examine

        return examine(self.settings, clock=self.clock, fix=fix)

    def check_config(self) -> list[Finding]:
        """Everything that is wrong with the settings; asks neither the region nor the database."""
        from sync_service.doctor import check_settings

        return check_settings(self.settings)


def _register(db: SqlDatabase, settings: Settings) -> dict[str, School]:
    """The schools of the settings with their ids in the database, added or brought up to date."""
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
