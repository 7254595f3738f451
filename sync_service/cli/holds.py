"""``holds``: what the mass-change guard stopped. A person releases exactly that set, discards it, or has it read
again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from sync_service.cli import output
from sync_service.cli.commands import command
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import Everything
from sync_service.cli.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync_service.domain.holds import Hold
    from sync_service.engine.decisions import Desk
    from sync_service.engine.queries_holds import HoldView

app = typer.Typer(help="Задержанное: слишком много изменений сразу.", no_args_is_help=True)

HoldId = Annotated[int, typer.Argument(metavar="ID")]
SHOWN = 50  # records of a hold on a screen; --json has all


@command(app, "list", without=("actor",))
def show_list(shell: Shell, everything: Everything = False) -> int:
    """Что задержано и почему."""
    from sync_service.engine import queries_words as words
    from sync_service.engine.queries import plain
    from sync_service.engine.queries_holds import hold_rows

    with shell.service() as service:
        rows = [row for one in shell.schools(service) for row in hold_rows(service.db, one, everything=everything)]

    def render() -> None:
        if not rows:
            output.say("Ничего не задержано.")
            return
        output.print_table(
            ("№", "Поток", "Почему", "Состояние", "Кто"),
            [
                (
                    row.id,
                    words.STREAMS[row.stream],
                    row.why,
                    words.HOLD_STATES[row.state],
                    row.decided_by or row.first_by,
                )
                for row in rows
            ],
        )
        output.say("Записи и что делает каждое решение: ecp-sync holds show №.")

    shell.show(plain(rows), render)
    return ExitCode.DONE


@command(app, "show")
def show_one(shell: Shell, hold_id: HoldId) -> int:
    """Записи задержанного набора и что делает каждое решение."""
    from sync_service.engine.queries import plain
    from sync_service.engine.queries_holds import hold_view

    with shell.service() as service:
        one = shell.one_school(service)
        view = hold_view(service.db, one, hold_id)
        shell.seen(service, one, f"holds:show:{hold_id}", (item.student_id for item in view.items))
    shell.show(plain(view), lambda: _render(view, one.zone))
    return ExitCode.DONE


def _render(view: HoldView, zone: str) -> None:
    from sync_service.engine import queries_words as words

    output.say(f"Задержание {view.id}: {words.STREAMS[view.stream]}. {view.why}. {words.HOLD_STATES[view.state]}.")
    output.print_table(
        ("Запись", "Что произойдёт", "Состояние"),
        [(item.caption, item.change, words.ITEM_STATES[item.state]) for item in view.items[:SHOWN]],
    )
    if len(view.items) > SHOWN:
        output.say(f"Показано {SHOWN} из {len(view.items)}; все: --json.")
    if view.first_by:
        output.say(f"Первое слово: {view.first_by}, {words.moment_of(view.first_at, zone)}.")
    if view.decided_by:
        output.say(
            f"Решено: {view.decided_by}, {words.moment_of(view.decided_at, zone)}. Отменить: holds undo {view.id}."
        )
    for name, text in view.choices.items():
        stamp = f" --digest {view.digest}" if name == "release" else ""
        output.say(f"ecp-sync holds {name} {view.id}{stamp} — {text}.")


@command(app, "release")
def release(
    shell: Shell,
    hold_id: HoldId,
    digest: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--digest", metavar="D", help="Решать, только если набор тот же, что был показан."),
    ] = None,
) -> int:
    """Разрешить именно этот набор; удаление разрешают два человека."""
    from sync_service.engine import decide_holds

    return _decide(
        shell,
        lambda desk: decide_holds.release(desk, hold_id, digest=digest),
        {
            "released": f"Задержание {hold_id}: разрешено. Выполнится при следующей сверке.",
            "seconding": f"Задержание {hold_id}: записано. Удаление должен подтвердить второй человек.",
        },
    )


@command(app, "discard")
def discard(shell: Shell, hold_id: HoldId) -> int:
    """Отменить: изменение не нужно."""
    from sync_service.engine import decide_holds

    return _decide(
        shell,
        lambda desk: decide_holds.discard(desk, hold_id),
        {"discarded": f"Задержание {hold_id}: отменено."},
    )


@command(app, "recheck")
def recheck(shell: Shell, hold_id: HoldId) -> int:
    """Прочитать записи заново; при следующей сверке набор посчитают снова."""
    from sync_service.engine import decide_holds

    return _decide(
        shell,
        lambda desk: decide_holds.recheck(desk, hold_id),
        {"superseded": f"Задержание {hold_id}: прочитано заново. Запустите сверку: ecp-sync sync."},
    )


@command(app, "undo")
def undo(shell: Shell, hold_id: HoldId) -> int:
    """Отменить решение, пока оно не выполнено."""
    from sync_service.engine import decide_holds

    return _decide(
        shell,
        lambda desk: decide_holds.undo(desk, hold_id),
        {"open": f"Задержание {hold_id}: решение отменено, записи снова задержаны."},
    )


def _decide(shell: Shell, decide: Callable[[Desk], Hold], sentences: dict[str, str]) -> int:
    """One decision; a deletion that waits for its second person counts as something still open."""
    with shell.desk() as desk:
        case = decide(desk)
    state = case.state.value
    shell.show({"id": case.hold_id, "state": state}, lambda: output.say(sentences[state]))
    return ExitCode.OPEN_DECISIONS if state == "seconding" else ExitCode.DONE
