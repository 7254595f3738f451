"""``conflicts``: what was changed on both sides, and a person's decision about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from sync_service.cli import output
from sync_service.cli.commands import command
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import Everything
from sync_service.cli.shell import Shell

if TYPE_CHECKING:
    from sync_service.domain.conflicts import Choice, Conflict
    from sync_service.engine.decisions import Resolution
    from sync_service.engine.queries_conflict_card import CardExtras
    from sync_service.engine.queries_conflicts import ConflictView
    from sync_service.engine.queries_shelves import SetAside

app = typer.Typer(help="Расхождения между школой и ГИС.", no_args_is_help=True)

_SIDES = {"school": "local", "gis": "gis"}


@command(app, "list")
def show_list(shell: Shell, everything: Everything = False) -> int:
    """Открытые расхождения, старые сверху."""
    from sync_service.engine import queries_words as words
    from sync_service.engine.queries import plain
    from sync_service.engine.queries_conflicts import conflict_rows

    with shell.service() as service:
        rows = []
        for one in shell.schools(service):
            found = conflict_rows(service.db, one, state=None if everything else "open")
            shell.seen(service, one, "conflicts:list", (row.student_id for row in found))
            rows += found

    def render() -> None:
        if not rows:
            output.say("Расхождений нет.")
            return
        output.print_table(
            ("№", "Кто и что", "Поля", "Почему", "Состояние"),
            [
                (
                    row.id,
                    row.caption,
                    ", ".join(words.FIELDS.get(field, field) for field in row.fields),
                    words.KINDS[row.kind],
                    words.CONFLICT_STATES[row.state],
                )
                for row in rows
            ],
        )
        output.say("Посмотреть и решить: ecp-sync conflicts show №, затем conflicts resolve № --take school|gis.")

    shell.show(plain(rows), render)
    return ExitCode.DONE


@command(app, "show")
def show_one(shell: Shell, conflict_id: Annotated[int, typer.Argument(metavar="ID")]) -> int:
    """Одно расхождение: что было согласовано, что в школе и что в ГИС."""
    from sync_service.engine.queries import plain
    from sync_service.engine.queries_conflict_card import card_extras
    from sync_service.engine.queries_conflicts import conflict_view
    from sync_service.engine.queries_shelves import set_aside

    with shell.service() as service:
        one = shell.one_school(service)
        view = conflict_view(service.db, one, conflict_id)
        extras = card_extras(service.db, one, service.policies, conflict_id)
        aside = set_aside(service.db, one, [conflict_id]).get(conflict_id)
        shell.seen(service, one, f"conflicts:show:{conflict_id}", [view.student_id])
    shell.show(plain(view), lambda: _render(view, extras, aside, one.zone))
    return ExitCode.DONE


def _render(view: ConflictView, extras: CardExtras, aside: SetAside | None, zone: str) -> None:
    from sync_service.engine import queries_words as words

    output.say(f"Расхождение {view.id}. {view.caption}")
    output.say(f"Почему: {words.KINDS[view.kind]}. Открыто {words.moment_of(view.opened_at, zone)}.")
    output.print_table(
        ("Поле", "Было согласовано", "В школе", "В ГИС"),
        [(clash.title, clash.agreed_text, clash.school_text, clash.gis_text) for clash in view.clashes],
    )
    if aside and aside.passed_to:
        note = f" Заметка: {aside.note.text}" if aside.note else ""
        when = words.moment_of(aside.passed_at, zone)
        output.say(f"Передано администратору: {aside.passed_by}, {when}.{note}")
    if aside and aside.until:
        output.say(f"Отложено до {words.day(aside.until)}.")
    titles = {clash.group: clash.title for clash in reversed(view.clashes)}
    for group, tip in extras.suggestions.items() if view.state == "open" else ():
        side = "школа" if tip.side == "school" else "ГИС"
        output.say(f"Подсказка ({titles[group]}): {side} — {tip.why}.")
    if view.decided_by:
        output.say(f"Решено: {view.decided_by}, {words.moment_of(view.decided_at, zone)}.")
        output.say(f"Отменить решение: ecp-sync conflicts undo {view.id}")
    else:
        output.say(f"Решить: ecp-sync conflicts resolve {view.id} --take school|gis --stamp {view.stamp}")


@command(app, "resolve")
def resolve(
    shell: Shell,
    conflict_id: Annotated[int, typer.Argument(metavar="ID")],
    take: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--take", metavar="school|gis", help="Чьё значение взять там, где не сказано иначе."),
    ] = None,
    group: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--group", metavar="G=school|gis", help="Чьё значение взять для одной группы полей."),
    ] = None,
    values: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--set", metavar="FIELD=VALUE", help="Записать другое значение (пустое после «=» очищает)."),
    ] = None,
    stamp: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--stamp", help="Метка из conflicts show: решение верно только для показанных значений."),
    ] = None,
) -> int:
    """Решить расхождение: взять значение школы, ГИС или записать другое."""
    from sync_service.engine.resolve import resolve as carry_out

    if not (take or group or values):
        raise typer.BadParameter("укажите --take school|gis, --group ГРУППА=school|gis или --set ПОЛЕ=ЗНАЧЕНИЕ")
    with shell.desk() as desk:
        with desk.db.read(desk.school.school_id) as uow:
            case = uow.conflicts.get(conflict_id)
        choices = _choices(case, take, group or [], values or []) if case else ()
        done = carry_out(desk, conflict_id, choices, stamp=stamp)
    _show_resolution(shell, done, "resolved")
    return ExitCode.DONE


@command(app, "undo")
def undo(shell: Shell, conflict_id: Annotated[int, typer.Argument(metavar="ID")]) -> int:
    """Отменить решение: расхождение снова открыто."""
    from sync_service.engine.undo import undo as take_back

    with shell.desk() as desk:
        done = take_back(desk, conflict_id)
    _show_resolution(shell, done, "undoing" if done.pushed else "open")
    return ExitCode.DONE


def _show_resolution(shell: Shell, done: Resolution, state: str) -> None:
    def render() -> None:
        what = "решено" if state == "resolved" else "снова открыто"
        if state == "undoing":
            what = "откроется снова, когда ГИС примет прежнее значение"
        output.say(f"Расхождение {done.conflict_id} {what}.")
        if done.written:
            output.say("Записано в базу школы.")
        if done.pushed:
            output.say("Уйдёт в ГИС при следующей сверке (сейчас: ecp-sync sync).")

    document = {
        "id": done.conflict_id,
        "state": state,
        "written": list(done.written),
        "pushed": list(done.pushed),
    }
    shell.show(document, render)


def _choices(case: Conflict, take: str | None, groups: list[str], values: list[str]) -> tuple[Choice, ...]:
    """The decision per group. A typed value wins over ``--group``, that over ``--take``."""
    from sync_service.domain.conflicts import Choice, Side

    chosen = {name: Side(_side(take, "--take")) for name in case.groups} if take else {}
    for text in groups:
        name, side = _pair(text, "--group")
        if name not in case.groups:
            raise typer.BadParameter(f"--group: нет группы «{name}»; есть: {', '.join(sorted(case.groups))}")
        chosen[name] = Side(_side(side, "--group"))
    typed = _typed(case, values)
    return tuple(
        Choice(group=name, side=Side.VALUE, values=dict(typed[name]))
        if name in typed
        else Choice(group=name, side=chosen[name])
        for name in sorted(set(chosen) | set(typed))
    )


def _typed(case: Conflict, values: list[str]) -> dict[str, dict[str, str | int | None]]:
    group_of = {clash.field: clash.group for clash in case.clashes}
    number = {clash.field for clash in case.clashes if clash.is_number}
    typed: dict[str, dict[str, str | int | None]] = {}
    for text in values:
        field, value = _pair(text, "--set")
        if field not in group_of:
            raise typer.BadParameter(f"--set: нет поля «{field}»; есть: {', '.join(group_of)}")
        if field in number and value and not value.isdecimal():
            raise typer.BadParameter(f"--set: поле {field} — число")
        typed.setdefault(group_of[field], {})[field] = int(value) if field in number and value else value or None
    return typed


def _pair(text: str, option: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise typer.BadParameter(f"{option}: ожидается ИМЯ=ЗНАЧЕНИЕ")
    return name.strip(), value.strip()


def _side(text: str, option: str) -> str:
    if text not in _SIDES:
        raise typer.BadParameter(f"{option}: ожидается school или gis, а не «{text}»")
    return _SIDES[text]
