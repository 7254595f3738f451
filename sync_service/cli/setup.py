"""``init``, ``check-config``, ``doctor`` and ``migrate``: from an empty folder to a healthy installation."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from sync_service.cli import first_admin, output
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.failures import Failure
from sync_service.cli.options import AsJson, Config
from sync_service.cli.shell import Shell

if TYPE_CHECKING:
    from sync_service.findings import Finding

LEVELS = {"ok": "в порядке", "warning": "внимание", "error": "ошибка"}

TEMPLATE = """\
# Настройки ecp-sync. Все возможности с пояснениями: config.example.toml; проверить: ecp-sync check-config.
database_url = "sqlite:///ecp-sync.sqlite"

[[schools]]
code = {code}
name = {name}
organization_id = {organization_id}
base_url = {base_url}
"""

_Text = Optional[str]  # noqa: UP045


def init(
    ctx: typer.Context,
    code: Annotated[_Text, typer.Option("--code", help="Короткий код школы, например school-900.")] = None,
    name: Annotated[_Text, typer.Option("--name", help="Название школы.")] = None,
    organization_id: Annotated[_Text, typer.Option("--organization-id", help="Номер организации в ГИС.")] = None,
    base_url: Annotated[_Text, typer.Option("--base-url", help="Адрес ГИС, https://…")] = None,
    admin: Annotated[
        _Text,
        typer.Option("--admin", metavar="LOGIN", help="Имя входа первого администратора; пароль покажется один раз."),
    ] = None,
    admin_name: Annotated[
        str, typer.Option("--admin-name", metavar="NAME", help="Фамилия и инициалы администратора.")
    ] = first_admin.NAME,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Создать файл настроек, базу данных и учётную запись первого администратора."""
    shell = Shell.of(ctx, config, as_json)
    first_admin.check(admin)
    if shell.config.exists():
        if admin is None:
            output.print_failure(_already_there(shell.config), as_json=shell.as_json)
            return ExitCode.FAILED
        return _open(shell, admin, admin_name, made=False)
    answers = {
        "code": _answer(code, "--code", "Код школы (латиницей)"),
        "name": _answer(name, "--name", "Название школы"),
        "organization_id": _answer(organization_id, "--organization-id", "Номер организации в ГИС"),
        "base_url": _answer(base_url, "--base-url", "Адрес ГИС"),
    }
    text = TEMPLATE.format(**{key: json.dumps(answer, ensure_ascii=False) for key, answer in answers.items()})
    try:
        _write(shell.config, text)
    except OSError as error:
        output.print_failure(_not_written(shell.config, error), as_json=shell.as_json)
        return ExitCode.FAILED
    return _open(shell, admin, admin_name, made=True)


def _open(shell: Shell, admin: str | None, admin_name: str, *, made: bool) -> int:
    """The database of these settings and somebody who may enter; ``made``: the settings were written just now."""
    with shell.service(create=True) as service:
        schools = [school.code for school in service.schools()]
        database = service.db.engine.url.render_as_string(hide_password=True)
        if made:
            output.note(f"Созданы {shell.config} и база данных.")
        somebody = not service.accounts.is_empty()
        entered = first_admin.enter(service, admin, admin_name)

    def render() -> None:
        if somebody:
            output.say("Учётные записи уже есть, новой не заведено. Список: ecp-sync users list.")
        elif entered is None:
            output.say(f"Страница закрыта для всех. Первый администратор: ecp-sync init --admin {first_admin.LOGIN}")
        elif admin is not None:
            first_admin.announce(entered, output.say)
        output.say("Дальше: ecp-sync connection login, затем ecp-sync import ФАЙЛ и ecp-sync sync.")

    shell.show(
        {
            "config": str(shell.config),
            "database": database,
            "schools": schools,
            "administrator": None if entered is None else entered.to_json(),
        },
        render,
    )
    return ExitCode.DONE


def _already_there(config: Path) -> Failure:
    return Failure(
        kind="FileExists",
        code=ExitCode.FAILED,
        message=f"Файл {config} уже есть, он не изменён. Проверить его: ecp-sync check-config. Завести первого"
        f" администратора: ecp-sync init --admin {first_admin.LOGIN}.",
    )


def _not_written(config: Path, error: OSError) -> Failure:
    return Failure(
        kind=type(error).__name__,
        code=ExitCode.FAILED,
        message=f"Файл {config} нельзя создать. Нужно право на запись в эту папку или другая: --config FILE.",
        detail=error.strerror or "",
    )


def _answer(given: str | None, option: str, question: str) -> str:
    """The option, or what a person answers. BadParameter when there is nobody to ask."""
    if given is not None and given.strip():
        return given.strip()
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"укажите {option}")
    return str(typer.prompt(question, err=True)).strip()


def _write(path: Path, text: str) -> None:
    """The file, only after its content was found to be valid; an existing file is never replaced."""
    from sync_service.config import load_settings
    from sync_service.domain.errors import ConfigError

    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        draft.write_text(text, encoding="utf-8")
        try:
            load_settings(draft)
        except ConfigError as error:
            problems = [problem.replace(str(draft), str(path)) for problem in error.problems]
            raise ConfigError(problems) from None
    path.parent.mkdir(parents=True, exist_ok=True)
    # Its owner alone may read it: a database_url may hold a password.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def check_config(ctx: typer.Context, config: Config = None, as_json: AsJson = False) -> int:
    """Проверить настройки и таблицы соответствия; назвать все ошибки сразу."""
    from sync_service.doctor import check_settings

    shell = Shell.of(ctx, config, as_json)
    findings = check_settings(shell.settings())
    _show(shell, findings, "Настройки в порядке.")
    return ExitCode.BAD_CONFIGURATION if _broken(findings) else ExitCode.DONE


def doctor(
    ctx: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Исправить то, что можно исправить без вас.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Проверить всю установку: базу, связь, часы, место на диске."""
    from sync_service.clock import SystemClock
    from sync_service.doctor import examine

    shell = Shell.of(ctx, config, as_json)
    findings = examine(shell.settings(), clock=SystemClock(), fix=fix)
    _show(shell, findings, "Всё в порядке.")
    return ExitCode.FAILED if _broken(findings) else ExitCode.DONE


def migrate(ctx: typer.Context, config: Config = None, as_json: AsJson = False) -> int:
    """Привести базу данных к этой версии программы."""
    from sync_service.persistence import current_revision

    shell = Shell.of(ctx, config, as_json)
    with shell.service(create=True) as service:
        revision = current_revision(service.db.engine)
    shell.show({"revision": revision}, lambda: output.say(f"База данных готова, версия схемы {revision}."))
    return ExitCode.DONE


def _broken(findings: Sequence[Finding]) -> bool:
    return any(finding.level == "error" for finding in findings)


def _show(shell: Shell, findings: Sequence[Finding], all_well: str) -> None:
    def render() -> None:
        output.print_table(
            ("Состояние", "Где", "Что", "Что сделать"),
            [(LEVELS[finding.level], finding.area, finding.message, finding.remedy) for finding in findings],
        )
        wrong = sum(finding.level != "ok" for finding in findings)
        output.say(all_well if not wrong else f"Требует внимания: {wrong}.")

    shell.show({"ok": not _broken(findings), "findings": [asdict(finding) for finding in findings]}, render)
