"""``quarantine``: records set aside because something is wrong with them, grouped by reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from sync_service.cli import output
from sync_service.cli.commands import command
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import stream_named
from sync_service.cli.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sync_service.engine.context import School
    from sync_service.engine.decisions import Desk
    from sync_service.engine.queries_quarantine import QuarantineGroup, QuarantineRow, QuarantineView

app = typer.Typer(help="Карантин: записи, с которыми что-то не так.", no_args_is_help=True)

_DIRECTIONS = {"pull": "из ГИС", "push": "в ГИС"}

ItemIds = Annotated[
    Optional[list[int]],  # noqa: UP045
    typer.Argument(metavar="ID…", show_default=False),
]
GroupName = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--group", metavar="GROUP", help="Вся группа: её номер или подпись.", show_default=False),
]


@command(app, "list")
def show_list(
    shell: Shell,
    stream: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--stream", help="Только этот поток.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Не группы, а сами записи.")] = False,
    discarded: Annotated[bool, typer.Option("--discarded", help="Записи, отложенные совсем.")] = False,
) -> int:
    """Причины, по которым записи отложены; с --all — сами записи."""
    from sync_service.engine.queries import plain
    from sync_service.engine.queries_quarantine import quarantine_groups, quarantine_rows

    wanted = stream_named(stream) if stream else None
    groups: list[QuarantineGroup] = []
    rows: list[QuarantineRow] = []
    with shell.service() as service:
        for one in shell.schools(service):
            if not (everything or discarded):
                groups += quarantine_groups(service.db, one, stream=wanted)
                continue
            found = quarantine_rows(service.db, one, stream=wanted, discarded=discarded)
            shell.seen(service, one, "quarantine:list", (row.student_id for row in found))
            rows += found
        zones = {one.code: one.zone for one in service.schools()}

    if everything or discarded:
        shell.show(plain(rows), lambda: _render_rows(rows))
    else:
        shell.show(plain(groups), lambda: _render_groups(groups, zones))
    return ExitCode.DONE


def _render_groups(groups: Sequence[QuarantineGroup], zones: Mapping[str, str]) -> None:
    from sync_service.engine import queries_words as words

    if not groups:
        output.say("Карантин пуст.")
        return
    output.print_table(
        ("Группа", "Поток", "Куда", "Записей", "Причина", "Что делать", "Последний раз"),
        [
            (
                group.id,
                words.STREAMS[group.stream],
                _DIRECTIONS[group.direction],
                group.count,
                group.reason,
                group.remedy,
                words.moment_of(group.last_seen, zones[group.school]),
            )
            for group in groups
        ],
    )
    output.say(
        "Записи группы: ecp-sync quarantine show ГРУППА; повторить сейчас: quarantine retry --group ГРУППА; "
        "отложить совсем: quarantine discard --group ГРУППА."
    )


def _render_rows(rows: Sequence[QuarantineRow]) -> None:
    from sync_service.engine import queries_words as words

    if not rows:
        output.say("Таких записей нет.")
        return
    output.print_table(
        ("№", "Поток", "Куда", "Запись", "Причина", "Попыток"),
        [
            (
                row.id,
                words.STREAMS[row.stream],
                _DIRECTIONS[row.direction],
                row.caption or row.remote_id,
                row.reason,
                row.tries,
            )
            for row in rows
        ],
    )
    if rows[0].discarded_by:
        output.say("Вернуть: ecp-sync quarantine undo №.")
    else:
        output.say("Повторить сейчас: ecp-sync quarantine retry №; отложить совсем: quarantine discard №.")


@command(app, "show")
def show_one(shell: Shell, item: Annotated[str, typer.Argument(metavar="ID")]) -> int:
    """Одна запись целиком, как она пришла; по номеру группы — её записи."""
    from sync_service.engine.queries import plain
    from sync_service.engine.queries_quarantine import quarantine_rows, quarantine_view

    with shell.service() as service:
        one = shell.one_school(service)
        if not item.isdecimal():
            rows = quarantine_rows(service.db, one, group=item)
            shell.seen(service, one, f"quarantine:show:{item}", (row.student_id for row in rows))
            shell.show(plain(rows), lambda: _render_rows(rows))
            return ExitCode.DONE
        view = quarantine_view(service.db, one, int(item))
        shell.seen(service, one, f"quarantine:show:{item}", [view.student_id])
    shell.show(plain(view), lambda: _render(view, one))
    return ExitCode.DONE


def _render(view: QuarantineView, school: School) -> None:
    from sync_service.engine import queries_words as words

    discarded = [("Отложено совсем", f"{view.discarded_by}, {words.moment_of(view.discarded_at, school.zone)}")]
    output.print_table(
        ("Что", "Значение"),
        [
            ("Номер", view.id),
            ("Группа", view.group),
            ("Поток", f"{words.STREAMS[view.stream]}, {_DIRECTIONS[view.direction]}"),
            ("Запись", view.caption or view.remote_id),
            ("Причина", f"{view.reason} ({view.code})"),
            ("Что делать", view.remedy),
            ("Попыток", view.tries),
            ("Впервые", words.moment_of(view.first_seen, school.zone)),
            ("Последний раз", words.moment_of(view.last_seen, school.zone)),
            *(discarded if view.discarded_by else []),
            ("Содержание", view.payload),
        ],
    )


def _one_way(item_ids: list[int] | None, group: str | None) -> None:
    if bool(item_ids) == (group is not None):
        raise typer.BadParameter("укажите номера записей или --group")


def _chosen(desk: Desk, item_ids: list[int] | None, group: str | None) -> list[int]:
    """The records a command is about: named one by one, or as a group."""
    from sync_service.engine import decide_quarantine

    return decide_quarantine.members(desk, group) if group is not None else list(dict.fromkeys(item_ids or ()))


@command(app, "retry")
def retry(shell: Shell, item_ids: ItemIds = None, group: GroupName = None) -> int:
    """Повторить: записи ГИС читаются заново, записи школы уйдут при следующей сверке."""
    from sync_service.engine import decide_quarantine

    _one_way(item_ids, group)
    with shell.desk() as desk:
        wanted = _chosen(desk, item_ids, group)
        left = decide_quarantine.retry(desk, wanted)
    stayed = len(wanted) - left

    def render() -> None:
        output.say(f"Вышло из карантина: {left}, осталось: {stayed}.")
        if stayed:
            output.say("Причина у оставшихся прежняя: ecp-sync quarantine list.")

    shell.show({"retried": len(wanted), "left": left, "stayed": stayed}, render)
    return ExitCode.OPEN_DECISIONS if stayed else ExitCode.DONE


@command(app, "discard")
def discard(shell: Shell, item_ids: ItemIds = None, group: GroupName = None) -> int:
    """Отложить совсем; запись вернётся сама, когда изменится."""
    from sync_service.engine import decide_quarantine

    _one_way(item_ids, group)
    with shell.desk() as desk:
        wanted = _chosen(desk, item_ids, group)
        decide_quarantine.discard(desk, wanted)
    _show_states(shell, wanted, "discarded", "отложено. Запись вернётся, когда изменится")
    return ExitCode.DONE


@command(app, "undo")
def undo(shell: Shell, item_ids: Annotated[list[int], typer.Argument(metavar="ID…")]) -> int:
    """Вернуть отложенное совсем: при следующей сверке будет новая попытка."""
    from sync_service.engine import decide_quarantine

    wanted = list(dict.fromkeys(item_ids))
    with shell.desk() as desk:
        decide_quarantine.undo_discard(desk, wanted)
    _show_states(shell, wanted, "open", "снова в карантине")
    return ExitCode.DONE


def _show_states(shell: Shell, item_ids: Sequence[int], state: str, text: str) -> None:
    def render() -> None:
        for item_id in item_ids:
            output.say(f"Карантин {item_id}: {text}.")

    shell.show([{"id": item_id, "state": state} for item_id in item_ids], render)
