"""``contacts``: whom to tell, the people behind the roles of a notification."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from sync_service.cli import output
from sync_service.cli.commands import command
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.shell import Shell

app = typer.Typer(help="Кому сообщать: директор, классные руководители и другие.", no_args_is_help=True)

RoleName = Annotated[
    str,
    typer.Argument(metavar="ROLE", help="director, deputy_head, class_teacher, secretary или admin."),
]


@command(app, "list")
def show_list(
    shell: Shell,
    unmask: Annotated[bool, typer.Option("--unmask", help="Адреса целиком; запрос останется в журнале.")] = False,
) -> int:
    """Кому сообщать; адреса показаны не целиком."""
    from sync_service.engine.contacts import ROLES, contact_rows, contacts_in_full
    from sync_service.engine.ports import Role
    from sync_service.engine.queries import plain

    with shell.desk() as desk:
        rows = contacts_in_full(desk) if unmask else contact_rows(desk.db, desk.school)

    def render() -> None:
        if not rows:
            output.say(
                "Никто не указан. Пример: ecp-sync contacts set director --name «Орлова Е. С.» --address ПОЧТА."
            )
            return
        output.print_table(
            ("№", "Кому", "Класс", "Имя", "Адрес"),
            [(row.id, ROLES[Role(row.role)], row.class_name, row.name, row.address) for row in rows],
        )

    shell.show(plain(rows), render)
    return ExitCode.DONE


@command(app, "set")
def set_one(
    shell: Shell,
    role: RoleName,
    name: Annotated[str, typer.Option("--name", help="Фамилия и инициалы.")],
    address: Annotated[str, typer.Option("--address", help="Почта, телефон или имя в мессенджере.")],
    class_name: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--class", metavar="CLASS", help="Класс; только для классного руководителя."),
    ] = None,
) -> int:
    """Указать, кому сообщать. Та же роль с тем же адресом ещё раз — новое имя."""
    from sync_service.engine.contacts import ROLES, row_of, set_contact
    from sync_service.engine.queries import plain

    with shell.desk() as desk:
        stored = set_contact(desk, role=role, name=name, address=address, class_name=class_name)
    row = row_of(stored, masked=True)
    shell.show(plain(row), lambda: output.say(f"№ {row.id}: {ROLES[stored.role]}, {row.name}, {row.address}."))
    return ExitCode.DONE


@command(app, "test")
def try_now(
    shell: Shell,
    contact_id: Annotated[
        Optional[int],  # noqa: UP045
        typer.Argument(metavar="[ID]", help="Кому; без него — во все каналы, у которых одно место."),
    ] = None,
) -> int:
    """Отправить проверочное сообщение сейчас и сказать, ушло ли оно."""
    from sync_service.engine.queries import plain
    from sync_service.notify_trial import try_channels

    with shell.service() as service:
        desk = service.desk(shell.one_school(service), shell.person())
        trials = try_channels(desk, service.settings, contact_id)

    def render() -> None:
        if not trials:
            output.say("Все каналы доставляют по адресам людей. Проверить одного: ecp-sync contacts test №.")
            return
        output.print_table(
            ("Канал", "Вид", "Ушло"),
            [(trial.channel, trial.scheme, "да" if trial.arrived else "НЕТ") for trial in trials],
        )

    shell.show(plain(trials), render)
    return ExitCode.DONE if all(trial.arrived for trial in trials) else ExitCode.FAILED


@command(app, "remove")
def remove(shell: Shell, contact_id: Annotated[int, typer.Argument(metavar="ID")]) -> int:
    """Больше не сообщать по этому адресу."""
    from sync_service.engine.contacts import remove_contact

    with shell.desk() as desk:
        gone = remove_contact(desk, contact_id)
    shell.show({"id": contact_id, "removed": True}, lambda: output.say(f"{gone.name}: больше не сообщаем."))
    return ExitCode.DONE
