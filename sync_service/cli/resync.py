"""``resync``: preview what comparing anew would write, then write exactly that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from sync_service.cli import output
from sync_service.cli.commands import command
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import stream_named
from sync_service.cli.shell import Shell
from sync_service.domain.streams import Stream

if TYPE_CHECKING:
    from sync_service.bootstrap import Service
    from sync_service.domain.plans import Scope
    from sync_service.engine.context import School
    from sync_service.engine.queries_resync import PlanView

app = typer.Typer(help="Пересверка: сначала план, потом ровно он.", no_args_is_help=True)

_LINES = 100  # fields of a plan that are printed; all of them are in --json
_PLAN = Annotated[int, typer.Argument(metavar="PLAN")]


class Accepted(StrEnum):
    """Values of ``--accept``."""

    GIS = "gis"
    SCHOOL = "school"


@command(app, "plan")
def plan(
    shell: Shell,
    record: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--record", metavar="STREAM:ID", help="Одна запись: номер в базе школы или id в ГИС."),
    ] = None,
    stream: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--stream", metavar="X", help="Весь поток (можно несколько раз).", show_default=False),
    ] = None,
    since: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--since", metavar="DATE", help="Всё, что служба записала или отправила с этого дня."),
    ] = None,
    until: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--until", metavar="DATE", help="По этот день включительно (с --since)."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Всё.")] = False,
    accept: Annotated[
        Optional[Accepted],  # noqa: UP045
        typer.Option("--accept", help="Считать верной одну сторону, что бы ни было согласовано раньше."),
    ] = None,
) -> int:
    """Составить план: что изменится в школе и в ГИС. Ничего не записывает, кроме самого плана."""
    from sync_service.domain.plans import PlanKind
    from sync_service.engine.resync import make_plan

    scope = _scope(record, stream or [], since, until, everything=everything)
    kinds = {None: PlanKind.COMPARE, Accepted.GIS: PlanKind.ACCEPT_GIS, Accepted.SCHOOL: PlanKind.ACCEPT_LOCAL}
    with shell.service() as service:
        one = shell.one_school(service)
        made = make_plan(service.resync_job(one, actor=shell.person()), kinds[accept], scope)
        view = _view(shell, service, one, made.plan_id)
    _show(shell, view, one)
    return ExitCode.CHANGES if view.changes else ExitCode.DONE


def _scope(
    record: str | None, streams: list[str], since: str | None, until: str | None, *, everything: bool
) -> Scope:
    """What is meant; BadParameter unless exactly one way of naming it was used."""
    from sync_service.domain.plans import Scope

    if sum((record is not None, bool(streams), since is not None, everything)) != 1:
        raise typer.BadParameter("укажите одно: --record, --stream, --since или --all")
    if until is not None and since is None:
        raise typer.BadParameter("--until бывает только вместе с --since")
    if record is not None:
        name, sign, number = record.partition(":")
        if not sign or not number:
            raise typer.BadParameter("--record: ожидается ПОТОК:НОМЕР, например students:17")
        side = "local" if number.isdecimal() else "gis"
        return Scope(streams=(stream_named(name),), record=f"{side}:{number}")
    chosen = {stream_named(name) for name in streams} or set(Stream)
    first, last = _day(since, "--since"), _day(until, "--until")
    if first and last and last < first:
        raise typer.BadParameter("--until раньше, чем --since")
    return Scope(streams=tuple(one for one in Stream if one in chosen), since=first, until=last)


def _day(text: str | None, option: str) -> str | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise typer.BadParameter(f"{option}: ожидается день вида 2026-09-01") from None


@command(app, "apply")
def apply(shell: Shell, plan_id: _PLAN) -> int:
    """Выполнить план: записать ровно то, что в нём, если с тех пор ничего не изменилось."""
    from sync_service.engine.resync_apply import apply_plan

    with shell.service() as service:
        one = shell.one_school(service)
        apply_plan(service.resync_job(one, actor=shell.person()), plan_id)
        view = _view(shell, service, one, plan_id)
    shell.show(_plain(view), lambda: _render_results(view))
    return ExitCode.DONE if set(view.results) <= {"applied", "sent"} else ExitCode.OPEN_DECISIONS


@command(app, "show")
def show_one(shell: Shell, plan_id: _PLAN) -> int:
    """Один план целиком."""
    with shell.service() as service:
        one = shell.one_school(service)
        view = _view(shell, service, one, plan_id)
    _show(shell, view, one)
    return ExitCode.DONE


@command(app, "list", without=("actor",))
def show_list(shell: Shell) -> int:
    """Последние планы."""
    from sync_service.engine import queries_resync_words as words
    from sync_service.engine import queries_words
    from sync_service.engine.queries import plain
    from sync_service.engine.queries_resync import plan_rows

    with shell.service() as service:
        chosen = [(one, plan_rows(service.db, one, service.clock)) for one in shell.schools(service)]
    rows = [row for _, found in chosen for row in found]

    def render() -> None:
        if not rows:
            output.say("Планов нет. Составить: ecp-sync resync plan.")
            return
        output.print_table(
            ("№", "Что", "Составлен", "Кем", "Записей", "Состояние"),
            [
                (
                    row.id,
                    words.title(row.kind, row.scope),
                    queries_words.moment_of(row.created_at, one.zone),
                    row.created_by,
                    row.changes,
                    words.state(row.state),
                )
                for one, found in chosen
                for row in found
            ],
        )

    shell.show(plain(rows), render)
    return ExitCode.DONE


def _view(shell: Shell, service: Service, school: School, plan_id: int) -> PlanView:
    """The plan, after it was written down who looks at whom."""
    from sync_service.engine.queries_resync import plan_view

    view = plan_view(service.db, school, service.clock, plan_id)
    shell.seen(service, school, f"resync:{plan_id}", (item.student_id for item in view.items))
    return view


def _plain(view: PlanView) -> object:
    from sync_service.engine.queries import plain

    return plain(view)


def _show(shell: Shell, view: PlanView, school: School) -> None:
    shell.show(_plain(view), lambda: _render(view, school.zone))


def _render(view: PlanView, zone: str) -> None:
    from sync_service.engine import queries_resync_words as words
    from sync_service.engine import queries_words

    output.say(f"План {view.id}. {words.title(view.kind, view.scope)}. {words.state(view.state).capitalize()}.")
    if view.changes:
        _print_counts(view.counts, words.PLAN_ACTS)
        _print_items(view)
    else:
        output.say("Изменений нет: в плане нечего выполнять.")
    left = {name: counts for name, counts in view.left.items() if counts}
    if left:
        output.say("Остаётся обычной сверке:")
        _print_counts(left, words.LEFT)
    if view.changes and view.state in ("planned", "applying"):
        until = queries_words.moment_of(view.expires_at, zone)
        output.say(f"Выполнить до {until}: ecp-sync resync apply {view.id}")


def _print_counts(counts: Mapping[str, Mapping[str, int]], titles: Mapping[str, str]) -> None:
    from sync_service.engine import queries_words

    output.print_table(
        ("Поток", "Что", "Записей"),
        [
            (queries_words.STREAMS[stream], titles.get(name, name), count)
            for stream, of_stream in counts.items()
            for name, count in of_stream.items()
        ],
    )


def _print_items(view: PlanView) -> None:
    from sync_service.engine import queries_resync_words as words

    lines: list[tuple[object, ...]] = []
    for item in view.items:
        what = ", ".join(words.PLAN_ACTS[act] for act in item.acts)
        lines.append((item.id, item.caption, what, "", "", "", words.result(item.result)))
        lines.extend(
            ("", "", f.title, words.TARGETS[f.target], f.before_text, f.after_text, f.why_text) for f in item.fields
        )
    output.print_table(("№", "Запись", "Что", "Где", "Было", "Станет", "Почему"), lines[:_LINES])
    if len(lines) > _LINES:
        output.say(f"Показано начало. Весь план: ecp-sync resync show {view.id} --json.")


def _render_results(view: PlanView) -> None:
    from sync_service.engine import queries_resync_words as words

    output.say(f"План {view.id}. {words.state(view.state).capitalize()}.")
    output.print_table(
        ("Что стало", "Записей"),
        [(words.RESULTS.get(name, "ещё не выполнено"), count) for name, count in view.results.items()],
    )
    rest = [item for item in view.items if item.result not in ("applied", "sent")]
    if rest:
        output.print_table(
            ("№", "Запись", "Что стало"),
            [(item.id, item.caption, words.result(item.result)) for item in rest[:_LINES]],
        )
        output.say("Остальное не тронуто. Составьте новый план: ecp-sync resync plan.")
