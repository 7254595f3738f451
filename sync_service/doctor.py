"""``doctor`` and ``check-config``: every problem of an installation at once, each with its remedy.

One check never hides another: what cannot be examined because of an earlier finding is left out, everything
else is still looked at. Nothing is changed unless ``fix`` asks for it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sync_service.doctor_region import examine_region
from sync_service.domain.errors import ConfigError, DatabaseDamaged, SyncError
from sync_service.findings import Finding, Level, error, ok, warning

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from mappings import Mappings
    from sync_service.config import Limits, SchoolSettings, Settings
    from sync_service.engine.ports import Clock
    from sync_service.persistence import SqlDatabase

MIB = 1024 * 1024
LITTLE_SPACE = 1024 * MIB
NO_SPACE = 100 * MIB
RESTORE = "Остановите службу, отложите файл и верните резервную копию; сами ничего не удаляйте."


def check_settings(settings: Settings) -> list[Finding]:
    """Settings and mapping tables alone; asks neither the region nor the database."""
    findings, _ = _settings(settings)
    return findings


def examine(settings: Settings, *, clock: Clock, fix: bool = False) -> list[Finding]:
    """The whole installation. ``fix`` reinstalls triggers that are missing or were changed."""
    findings, mappings = _settings(settings)
    findings += _database_file(settings)
    if any(finding.level is Level.ERROR and finding.area == "database" for finding in findings):
        return findings
    db = _open(settings, findings, fix=fix)
    if db is None:
        return findings
    try:
        findings += _recipients(settings, db)
        if mappings is not None:
            for school in settings.schools:
                findings += examine_region(school, settings.limits, db=db, mappings=mappings, clock=clock)
    finally:
        db.close()
    return findings


# Settings and mappings


def _settings(settings: Settings) -> tuple[list[Finding], Mappings | None]:
    findings = [finding for school in settings.schools for finding in _school(school, settings.limits)]
    findings += _channels(settings)
    mappings = None
    try:
        mappings, problems = _mappings(settings)
    except ConfigError as broken:
        problems = broken.problems
    findings += [error("mappings", problem, "Исправьте таблицу в папке mappings_dir.") for problem in problems]
    if not problems:
        findings.append(ok("mappings", "Таблицы соответствия в порядке: значения возвращаются из ГИС прежними."))
    return findings, mappings


def _channels(settings: Settings) -> list[Finding]:
    """Whether the library knows what to do with each channel; nothing is sent, and no address is repeated."""
    from sync_service.notify import understands

    findings = [
        error(
            "channels",
            f"channels.{number}.url: такой адрес не понимает apprise.",
            "Сверьте запись адреса со страницей нужной службы в документации apprise.",
        )
        for number, channel in enumerate(settings.channels)
        if not understands(channel.url.get_secret_value())
    ]
    if settings.channels and not findings:
        findings.append(ok("channels", f"Каналы уведомлений понятны: {len(settings.channels)}."))
    return findings


def _recipients(settings: Settings, db: SqlDatabase) -> Iterator[Finding]:
    """Roles that a channel serves by their own addresses, and nobody has entered one."""
    from sync_service.engine.contacts import ROLES
    from sync_service.notify import PLACE, routes_of

    served = {role for route in routes_of(settings) if PLACE in route.url for role in ROLES if role.value in route.to}
    if not served:
        return
    for school in db.schools.all():
        with db.read(school.school_id) as uow:
            missing = served - {contact.role for contact in uow.contacts.all()}
        if missing:
            names = ", ".join(name for role, name in ROLES.items() if role in missing)
            yield warning(
                f"contacts {school.code}",
                f"Некому сообщать: {names}. Канал есть, адреса нет.",
                "Впишите на странице «Кому сообщать» или командой ecp-sync contacts set.",
            )


def _mappings(settings: Settings) -> tuple[Mappings, list[str]]:
    from mappings import load_mappings

    mappings = load_mappings(settings.mappings_dir)
    return mappings, [problem for mapping in mappings.values() for problem in mapping.round_trip_check()]


def _school(school: SchoolSettings, limits: Limits) -> list[Finding]:
    from sync_service.region import check_connector

    area = f"school {school.code}"
    try:
        check_connector(school, limits)
    except ConfigError as broken:
        remedy = f"Исправьте настройки школы {school.code} в файле настроек."
        return [error(area, problem, remedy) for problem in broken.problems]
    return [ok(area, "Настройки школы в порядке.")]


# The database


def _database_file(settings: Settings) -> Iterator[Finding]:
    """The file of SQLite: there, writable, with room to grow."""
    from sync_service.persistence.engine import parse_url

    try:
        url = parse_url(settings.database_url)
    except ConfigError as broken:
        for problem in broken.problems:
            yield error("database", problem, "Исправьте database_url в файле настроек.")
        return
    if url.drivername != "sqlite":
        return
    file = Path(url.database or "")
    folder = file.absolute().parent
    if not folder.is_dir():
        yield error("database", f"Папки {folder} нет.", "Создайте её или исправьте database_url.")
        return
    if not os.access(folder, os.W_OK):
        yield error("database", f"В папку {folder} нельзя писать.", "Дайте службе право на запись в эту папку.")
    elif file.exists() and not os.access(file, os.W_OK):
        yield error("database", f"В файл {file} нельзя писать.", "Дайте службе право на запись в этот файл.")
    if not file.exists():
        yield error("database", f"Базы данных {file} ещё нет.", "Создайте её: ecp-sync migrate.")
    yield from _readable_by_others(file)
    yield _space(folder)


def _readable_by_others(file: Path) -> Iterator[Finding]:
    """The database and its log hold personal data; on Windows the folder's rights decide, not these bits."""
    if os.name != "posix":
        return
    open_ones = []
    for one in (file.with_name(file.name + ending) for ending in ("", "-wal", "-shm")):
        with suppress(FileNotFoundError):  # a log goes away with the last connection
            found = one.stat()
            if found.st_size and found.st_mode & (stat.S_IRGRP | stat.S_IROTH):
                open_ones.append(one)
    if open_ones:
        names = ", ".join(str(one) for one in open_ones)
        remedy = f"Закройте доступ: chmod 600 {shlex.join(str(one) for one in open_ones)}"
        yield warning("database", f"Базу данных могут читать другие пользователи компьютера: {names}.", remedy)


def _space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"Свободно на диске: {free // MIB} МиБ."
    remedy = f"Освободите место на диске с папкой {folder}."
    if free < NO_SPACE:
        return error("disk", text, remedy)
    return warning("disk", text, remedy) if free < LITTLE_SPACE else ok("disk", text)


def _open(settings: Settings, findings: list[Finding], *, fix: bool) -> SqlDatabase | None:
    """The open database, its findings added; None when it cannot be used."""
    from sync_service.persistence import SqlDatabase
    from sync_service.persistence.engine import create

    engine = create(settings.database_url)
    try:
        schema = _schema(engine)
        findings += [schema, *_damage(engine)]
        findings += [*_triggers(engine, fix=fix), *_erasures(engine)] if schema.level is Level.OK else []
    except DatabaseDamaged as damaged:
        findings.append(error("database", f"Файл базы данных повреждён: {damaged}.", RESTORE))
        engine.dispose()
        return None
    except SyncError as away:
        findings.append(error("database", str(away), "Проверьте database_url и что сервер базы данных запущен."))
        engine.dispose()
        return None
    if schema.level is not Level.OK:
        engine.dispose()
        return None
    return SqlDatabase(engine)


def _schema(engine: Engine) -> Finding:
    from sync_service.persistence.migrate import HEAD, current_revision

    found = current_revision(engine)
    if found == HEAD:
        return ok("database", f"База данных открывается, версия схемы {found}.")
    if found is None:
        return error("database", "В базе данных нет таблиц.", "Создайте их: ecp-sync migrate.")
    return error(
        "database",
        f"Версия схемы {found}, а этой программе нужна {HEAD}.",
        "Выполните ecp-sync migrate; если не поможет, обновите ecp-sync.",
    )


def _damage(engine: Engine) -> list[Finding]:
    from sync_service.persistence.health import damage

    broken = damage(engine)
    return [] if broken is None else [error("database", f"Файл базы данных повреждён: {broken}.", RESTORE)]


def _erasures(engine: Engine) -> list[Finding]:
    """What was destroyed and still lies in the freed space of the files."""
    from sync_service.persistence.scrubbing import waiting

    acts = ", ".join(str(number) for number in waiting(engine))
    if not acts:
        return []
    remedy = "Остановите службу и выполните ecp-sync subjects scrub."
    return [
        warning("erasures", f"Данные уничтожены, но освободившееся место не перезаписано: акты № {acts}.", remedy)
    ]


def _triggers(engine: Engine, *, fix: bool) -> list[Finding]:
    from sync_service.persistence.engine import connected
    from sync_service.persistence.triggers import install_triggers, verify_triggers

    with connected(engine, writing=fix) as connection:
        problems = verify_triggers(connection)
        if problems and fix:
            install_triggers(connection)
            left = verify_triggers(connection)
            connection.commit()
            problems, repaired = left, len(problems) - len(left)
            if not left:
                return [ok("triggers", f"Журнал изменений восстановлен, исправлено: {repaired}.")]
    if not problems:
        return [ok("triggers", "Журнал изменений ведётся: все триггеры на месте.")]
    remedy = "Выполните ecp-sync doctor --fix. Изменения, сделанные без журнала, найдёт полная сверка."
    return [error("triggers", problem, remedy) for problem in problems]
