"""``quarantine``: records set aside because something is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from sync_service.cli import output
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import Actor, AsJson, Config, SchoolCode, stream_named
from sync_service.cli.shell import Shell, chosen_schools, one_school, seen

if TYPE_CHECKING:
    from sync_service.engine.queries_quarantine import QuarantineView

app = typer.Typer(help="Карантин: записи, с которыми что-то не так.", no_args_is_help=True)

_DIRECTIONS = {"pull": "из ГИС", "push": "в ГИС"}


@app.command("list")
def show_list(
    ctx: typer.Context,
    stream: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--stream", help="Только этот поток.", show_default=False),
    ] = None,
    school: SchoolCode = None,
    actor: Actor = None,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Отложенные записи с причинами."""
    from sync_service.engine import queries_words as words
    from sync_service.engine.queries import plain
    from sync_service.engine.queries_quarantine import quarantine_rows

    wanted = stream_named(stream) if stream else None
    shell = Shell.of(ctx, config, as_json)
    with shell.service() as service:
        rows = []
        for one in chosen_schools(service, school):
            found = quarantine_rows(service.db, one, stream=wanted)
            seen(service, one, actor, "quarantine:list", (row.student_id for row in found))
            rows += found

    def render() -> None:
        if not rows:
            output.say("Карантин пуст.")
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
        output.say(
            "Исправьте причину и повторите: ecp-sync quarantine retry №; отложить совсем: quarantine discard №."
        )

    shell.show(plain(rows), render)
    return ExitCode.DONE


@app.command("show")
def show_one(
    ctx: typer.Context,
    item_id: Annotated[int, typer.Argument(metavar="ID")],
    school: SchoolCode = None,
    actor: Actor = None,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Одна запись целиком, как она пришла."""
    from sync_service.engine.queries import plain
    from sync_service.engine.queries_quarantine import quarantine_view

    shell = Shell.of(ctx, config, as_json)
    with shell.service() as service:
        one = one_school(service, school)
        view = quarantine_view(service.db, one, item_id)
        seen(service, one, actor, f"quarantine:show:{item_id}", [view.student_id])
    shell.show(plain(view), lambda: _render(view, one.zone))
    return ExitCode.DONE


def _render(view: QuarantineView, zone: str) -> None:
    from sync_service.engine import queries_words as words

    output.print_table(
        ("Что", "Значение"),
        [
            ("Номер", view.id),
            ("Поток", f"{words.STREAMS[view.stream]}, {_DIRECTIONS[view.direction]}"),
            ("Запись", view.caption or view.remote_id),
            ("Причина", f"{view.reason} ({view.code})"),
            ("Попыток", view.tries),
            ("Впервые", words.moment_of(view.first_seen, zone)),
            ("Последний раз", words.moment_of(view.last_seen, zone)),
            ("Содержание", view.payload),
        ],
    )


@app.command("retry")
def retry(
    ctx: typer.Context,
    item_ids: Annotated[list[int], typer.Argument(metavar="ID…")],
    school: SchoolCode = None,
    actor: Actor = None,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Повторить: записи ГИС читаются заново, записи школы уйдут при следующей сверке."""
    from sync_service.engine import decide_quarantine

    wanted = list(dict.fromkeys(item_ids))
    shell = Shell.of(ctx, config, as_json)
    with shell.desk(school, actor) as desk:
        left = decide_quarantine.retry(desk, wanted)
    stayed = len(wanted) - left

    def render() -> None:
        output.say(f"Вышло из карантина: {left}, осталось: {stayed}.")
        if stayed:
            output.say("Причина у оставшихся прежняя: ecp-sync quarantine list.")

    shell.show({"retried": len(wanted), "left": left, "stayed": stayed}, render)
    return ExitCode.OPEN_DECISIONS if stayed else ExitCode.DONE


@app.command("discard")
def discard(
    ctx: typer.Context,
    item_id: Annotated[int, typer.Argument(metavar="ID")],
    school: SchoolCode = None,
    actor: Actor = None,
    config: Config = None,
    as_json: AsJson = False,
) -> int:
    """Отложить совсем; запись вернётся сама, когда изменится."""
    from sync_service.engine import decide_quarantine

    shell = Shell.of(ctx, config, as_json)
    with shell.desk(school, actor) as desk:
        decide_quarantine.discard(desk, item_id)
    document = {"id": item_id, "state": "discarded"}
    shell.show(document, lambda: output.say(f"Карантин {item_id}: отложено. Запись вернётся, когда изменится."))
    return ExitCode.DONE
