"""The doctor's look at one school's way to the region: line, TLS, token, access, clocks."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sync_service.domain.errors import AccessRefused, LoginNeeded, SyncError
from sync_service.findings import Finding, error, ok, warning

if TYPE_CHECKING:
    from mappings import Mappings
    from sync_service.config import Limits, SchoolSettings
    from sync_service.engine.ports import Clock
    from sync_service.persistence import ConnectionStore, SqlDatabase

LINE_SECONDS = 5.0
MOST_SKEW = 60.0  # seconds; school days and edit windows are decided by our clock
_GOST = (
    "Если сервер требует ГОСТ TLS, поставьте рядом stunnel с поддержкой ГОСТ (например, от КриптоПро) и укажите его"
    ' адрес: base_url = "http://127.0.0.1:ПОРТ".'
)
_LOGIN = "Введите ключ: ecp-sync connection login --school {code}."


def examine_region(
    school: SchoolSettings, limits: Limits, *, db: SqlDatabase, mappings: Mappings, clock: Clock
) -> list[Finding]:
    """Findings of one school, its area named after its code. One request at most carries the token."""
    area = f"region {school.code}"
    line = _line(school, area)
    known = db.schools.get(school.code)
    if known is None:
        return [
            line,
            error(area, "Школы ещё нет в базе данных.", "Она добавится при первом запуске: ecp-sync status."),
        ]
    store = db.connection(known.school_id)
    token = _token(school, store, area)
    if line.level != "ok" or token is not None:
        return [line, *([token] if token is not None else [])]
    return [line, *_access(school, limits, store, mappings, clock, area)]


def _token(school: SchoolSettings, store: ConnectionStore, area: str) -> Finding | None:
    if store.load() is None:
        return error(area, "Нужен вход: ключ ГИС ещё не введён.", _LOGIN.format(code=school.code))
    if store.state() == "login_needed":
        return error(area, "Нужен вход: ГИС не принимает сохранённый ключ.", _LOGIN.format(code=school.code))
    return None


def _line(school: SchoolSettings, area: str) -> Finding:
    """Whether somebody listens at the address, and speaks TLS we trust."""
    parts = urlsplit(school.base_url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((host, port), LINE_SECONDS) as plain:
            if parts.scheme == "https":
                _shake_hands(plain, host, school)
    except ssl.SSLCertVerificationError:
        remedy = "Укажите в ca_bundle файл с корневым сертификатом ГИС (PEM); проверка никогда не отключается."
        return error(area, f"Сертификату сервера {host} нет доверия.", remedy)
    except ssl.SSLError:
        return error(area, f"С сервером {host} не удалось установить защищённое соединение.", _GOST)
    except OSError:
        remedy = f"Проверьте сеть, сетевой экран и base_url. {_GOST}"
        return error(area, f"Сервер {host}, порт {port}, не отвечает.", remedy)
    return ok(area, f"Сервер {host} отвечает.")


def _shake_hands(plain: socket.socket, host: str, school: SchoolSettings) -> None:
    from connectors.transport import trusted_roots

    with trusted_roots(school.ca_bundle).wrap_socket(plain, server_hostname=host):
        pass


def _access(
    school: SchoolSettings, limits: Limits, store: ConnectionStore, mappings: Mappings, clock: Clock, area: str
) -> list[Finding]:
    from sync_service.region import StoredTokens, connect, note_rejection

    tokens = StoredTokens(store)
    before = tokens.load()
    remote = connect(school, limits=limits, tokens=tokens, mappings=mappings, clock=clock)
    try:
        theirs = remote.change_versions().server_time
    except LoginNeeded:
        note_rejection(store, {before.refresh if before else None, tokens.last_saved})
        return [error(area, "Нужен вход: ГИС не принимает сохранённый ключ.", _LOGIN.format(code=school.code))]
    except AccessRefused:
        remedy = "Проверьте organization_id: ключ выдан другой организации, или такой организации нет."
        return [error(area, "ГИС отказывает в доступе к данным школы.", remedy)]
    except SyncError as failure:
        remedy = "Повторите позже; если не пройдёт, проверьте base_url."
        return [error(area, f"ГИС отвечает не так, как условлено: {failure}", remedy)]
    finally:
        remote.close()
    skew = round((clock.now() - theirs).total_seconds())
    if abs(skew) > MOST_SKEW:
        remedy = "Включите синхронизацию времени на этом компьютере: по часам решается, что ещё можно исправлять."
        return [
            ok(area, "ГИС принимает ключ."),
            warning(area, f"Часы расходятся с часами ГИС на {abs(skew)} с.", remedy),
        ]
    return [ok(area, "ГИС принимает ключ, часы идут согласно.")]
