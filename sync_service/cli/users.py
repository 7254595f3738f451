"""``users``: who may enter the page, and which programs may use the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sync_service.cli import output
from sync_service.cli.accounts_noted import note, note_account
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import AsJson, Config, SchoolCode
from sync_service.cli.shell import Shell, chosen_schools, one_school
from sync_service.domain.people import Role

if TYPE_CHECKING:
    from sync_service.bootstrap import Service
    from sync_service.domain.people import Person

app = typer.Typer(help="Кто входит на страницу и какие программы обращаются к службе.", no_args_is_help=True)
Login = Annotated[str, typer.Argument(metavar="LOGIN", help="Имя входа.")]
RoleOption = Annotated[Role, typer.Option("--role", help="Что можно: secretary, admin, director или viewer.")]

_NAMES = {
    Role.SECRETARY: "секретарь",
    Role.ADMIN: "администратор",
    Role.DIRECTOR: "директор",
    Role.VIEWER: "наблюдатель",
}


@app.command("list")
def show_list(ctx: typer.Context, config: Config = None, as_json: AsJson = False) -> int:
    """Учётные записи и их роли."""
    shell = Shell.of(ctx, config, as_json)
    with shell.service() as service:
        codes = {school.school_id: school.code for school in service.schools()}
        rows = [
            {
                "id": person.person_id,
                "login": person.login,
                "name": person.name,
                "roles": {codes[s]: role.value for s, role in person.roles.items() if s in codes},
                "disabled": person.disabled,
                "second_factor": person.has_totp,
            }
            for person in service.accounts.everybody()
        ]

    def render() -> None:
        if not rows:
            output.say("Учётных записей нет. Первый администратор: ecp-sync init --admin ivanova")
            return
        output.print_table(
            ("Имя входа", "Кто", "Роли", "Второй код", "Состояние"),
            [
                (
                    row["login"],
                    row["name"],
                    ", ".join(f"{code}: {_NAMES[Role(role)]}" for code, role in dict(row["roles"]).items()),  # type: ignore[call-overload]  # as built above
                    "есть" if row["second_factor"] else "—",
                    "отключена" if row["disabled"] else "работает",
                )
                for row in rows
            ],
        )

    shell.show(rows, render)
    return ExitCode.DONE


@app.command("add")
def add(
    ctx: typer.Context,
    login: Login,
    role: RoleOption,
    name: Annotated[str, typer.Option("--name", help="Фамилия и инициалы: они стоят в журнале.")],
    school: SchoolCode = None,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Завести учётную запись. Пароль для первого входа показывается один раз."""
    shell = Shell.of(ctx, config, as_json)
    with shell.service() as service:
        roles = {one.school_id: role for one in chosen_schools(service, school)}
        person, password = service.accounts.add(login=login, name=name, roles=roles)
        note_account(service, person, f"added as {role.value}")

    def render() -> None:
        output.say(f"Учётная запись {person.login} заведена: {_NAMES[role]}.")
        output.say(f"Пароль для первого входа: {password}")
        output.say("Передайте его лично: он показан один раз, при входе его надо сменить.")

    shell.show({"id": person.person_id, "login": person.login, "password": password}, render)
    return ExitCode.DONE


@app.command("role")
def set_role(
    ctx: typer.Context,
    login: Login,
    role: RoleOption,
    school: SchoolCode = None,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Дать другую роль в школе."""
    shell = Shell.of(ctx, config, as_json)
    with shell.service() as service:
        person = _person(service, login)
        one = one_school(service, school).school_id
        service.accounts.set_role(person.person_id, one, role)
        note(service, [one], f"person:{person.login}", f"role: {role.value}")
    shell.show({"login": person.login, "role": role.value}, lambda: output.say(f"{person.login}: {_NAMES[role]}."))
    return ExitCode.DONE


@app.command("password")
def reset_password(ctx: typer.Context, login: Login, config: Config = None, as_json: AsJson = False) -> int:
    """Выдать новый пароль для первого входа; прежний перестаёт действовать."""
    shell = Shell.of(ctx, config, as_json)
    with shell.service() as service:
        person = _person(service, login)
        password = service.accounts.reset_password(person.person_id)
        note_account(service, person, "password")
    shell.show(
        {"login": person.login, "password": password},
        lambda: output.say(f"Новый пароль для первого входа {person.login}: {password}"),
    )
    return ExitCode.DONE


@app.command("totp-reset")
def reset_totp(ctx: typer.Context, login: Login, config: Config = None, as_json: AsJson = False) -> int:
    """Забыть телефон с кодами: при следующем входе его настроят заново."""
    shell = Shell.of(ctx, config, as_json)
    with shell.service() as service:
        person = _person(service, login)
        service.accounts.reset_totp(person.person_id)
        note_account(service, person, "totp")
    shell.show({"login": person.login}, lambda: output.say(f"{person.login}: код настроят при следующем входе."))
    return ExitCode.DONE


@app.command("disable")
def disable(ctx: typer.Context, login: Login, config: Config = None, as_json: AsJson = False) -> int:
    """Отключить учётную запись: войти нельзя, открытые входы завершены. В журнале она остаётся."""
    return _switch(Shell.of(ctx, config, as_json), login, disabled=True)


@app.command("enable")
def enable(ctx: typer.Context, login: Login, config: Config = None, as_json: AsJson = False) -> int:
    """Снова разрешить вход."""
    return _switch(Shell.of(ctx, config, as_json), login, disabled=False)


def _switch(shell: Shell, login: str, *, disabled: bool) -> int:
    with shell.service() as service:
        person = _person(service, login)
        service.accounts.disable(person.person_id, disabled=disabled)
        note_account(service, person, "disable" if disabled else "enable")
    word = "отключена" if disabled else "работает"
    shell.show({"login": person.login, "disabled": disabled}, lambda: output.say(f"{person.login}: {word}."))
    return ExitCode.DONE


def _person(service: Service, login: str) -> Person:
    found = next((p for p in service.accounts.everybody() if p.login == login.strip().lower()), None)
    if found is None:
        raise typer.BadParameter(f"учётной записи «{login}» нет; список: ecp-sync users list")
    return found


# -- tokens of programs

tokens = typer.Typer(help="Ключи программ для /api/v1.", no_args_is_help=True)
app.add_typer(tokens, name="tokens")


@tokens.command("list")
def list_tokens(ctx: typer.Context, school: SchoolCode = None, config: Config = None, as_json: AsJson = False) -> int:
    """Ключи программ школы."""
    shell = Shell.of(ctx, config, as_json)
    with shell.service() as service:
        rows = [
            {
                "id": token.token_id,
                "name": token.name,
                "role": token.role.value,
                "created_by": token.created_by,
                "created_at": token.created_at.isoformat(),
                "last_used_at": token.last_used_at.isoformat() if token.last_used_at else None,
                "revoked": token.revoked_at is not None,
            }
            for token in service.programs.tokens(one_school(service, school).school_id)
        ]

    def render() -> None:
        output.print_table(
            ("№", "Программа", "Роль", "Кем выдан", "Состояние"),
            [
                (
                    row["id"],
                    row["name"],
                    _NAMES[Role(str(row["role"]))],
                    row["created_by"],
                    "отозван" if row["revoked"] else "действует",
                )
                for row in rows
            ],
        )

    shell.show(rows, render)
    return ExitCode.DONE


@tokens.command("add")
def add_token(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Какая программа.")],
    role: RoleOption = Role.VIEWER,
    school: SchoolCode = None,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Выдать ключ программе; он показывается один раз."""
    from sync_service.cli.shell import actor_named

    shell = Shell.of(ctx, config, as_json)
    with shell.service() as service:
        one = one_school(service, school)
        token, secret = service.programs.issue_token(one.school_id, name=name, role=role, by=actor_named(None))
        note(service, [one.school_id], f"token:{token.token_id}", "issued")

    def render() -> None:
        output.say(f"Ключ программы «{token.name}»: {secret}")
        output.say("Он показан один раз. В запросе: Authorization: Bearer КЛЮЧ")

    shell.show({"id": token.token_id, "name": token.name, "token": secret}, render)
    return ExitCode.DONE


@tokens.command("revoke")
def revoke_token(
    ctx: typer.Context,
    token_id: Annotated[int, typer.Argument(metavar="ID")],
    school: SchoolCode = None,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Отозвать ключ: с ним больше ничего не сделать."""
    shell = Shell.of(ctx, config, as_json)
    with shell.service() as service:
        one = one_school(service, school)
        service.programs.revoke_token(one.school_id, token_id)
        note(service, [one.school_id], f"token:{token_id}", "revoked")
    shell.show({"id": token_id, "revoked": True}, lambda: output.say(f"Ключ {token_id} отозван."))
    return ExitCode.DONE
