"""``releases``: pupils the previous school has not released, and what was done about them."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from sync_service.cli import output
from sync_service.cli.commands import command
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import Everything
from sync_service.cli.shell import Shell

if TYPE_CHECKING:
    from sync_service.engine.queries_releases import ReleaseView

app = typer.Typer(help="Ученики, не отчисленные прежней школой.", no_args_is_help=True)

CaseId = Annotated[int, typer.Argument(metavar="ID")]
STEPS = ("call", "promise", "director", "note")


@command(app, "list")
def show_list(shell: Shell, everything: Everything = False) -> int:
    """Открытые случаи, старые сверху."""
    from sync_service.engine import queries_words as words
    from sync_service.engine.queries import plain
    from sync_service.engine.queries_releases import release_rows

    with shell.service() as service:
        rows = []
        for one in shell.schools(service):
            today = service.clock.today(one.zone)
            found = release_rows(service.db, one, today, state=None if everything else "open")
            shell.seen(service, one, "releases:list", (row.student_id for row in found))
            rows += found

    def render() -> None:
        if not rows:
            output.say("Все прибывшие зачислены, ждать некого.")
            return
        output.print_table(
            ("№", "Ученик", "Класс", "Состояние", "Прежняя школа", "Телефон", "Дней", "Позвонить", "Итог"),
            [
                (
                    row.id,
                    row.caption,
                    row.class_name,
                    row.state_text,
                    row.previous_school,
                    words.phone(row.previous_phone),
                    row.days_waiting,
                    words.value_day(row.next_call_on),
                    row.last_outcome,
                )
                for row in rows
            ],
        )
        output.say("Записать звонок: ecp-sync releases log-call № --outcome «что сказали» --next-call ГГГГ-ММ-ДД.")

    shell.show(plain(rows), render)
    return ExitCode.DONE


@command(app, "show")
def show_one(shell: Shell, release_id: CaseId) -> int:
    """Один случай со всем, что по нему сделано."""
    from sync_service.engine.queries import plain
    from sync_service.engine.queries_releases import release_view

    with shell.service() as service:
        one = shell.one_school(service)
        view = release_view(service.db, one, service.clock.today(one.zone), release_id)
        shell.seen(service, one, f"releases:show:{release_id}", [view.student_id])
    shell.show(plain(view), lambda: _render(view, one.zone))
    return ExitCode.DONE


def _render(view: ReleaseView, zone: str) -> None:
    from sync_service.engine import queries_words as words

    where = f", {view.class_name}" if view.class_name else ""
    output.say(f"Случай {view.id}. {view.caption}{where}: {view.state_text}. {view.case_text} ({view.case}).")
    if view.previous_school:
        output.say(f"Прежняя школа: {view.previous_school}, телефон {words.phone(view.previous_phone)}.")
    if view.order_number:
        output.say(f"Приказ № {view.order_number} от {words.value_day(view.order_date)}.")
    output.print_table(
        ("Когда", "Что", "Кто", "Итог", "Позвонить снова"),
        [
            (
                words.moment_of(step.at, zone),
                step.kind_text,
                step.actor,
                step.text,
                words.value_day(step.next_call_on),
            )
            for step in view.steps
        ],
    )


@command(app, "log-call")
def log_call(
    shell: Shell,
    release_id: CaseId,
    outcome: Annotated[str, typer.Option("--outcome", metavar="TEXT", help="Что сказали.")],
    next_call: Annotated[
        Optional[datetime],  # noqa: UP045
        typer.Option("--next-call", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Когда позвонить снова."),
    ] = None,
    step: Annotated[
        str, typer.Option("--step", metavar="|".join(STEPS), help="Звонок, обещание, сказано директору, заметка.")
    ] = "call",
) -> int:
    """Записать звонок в прежнюю школу."""
    from sync_service.domain.releases import StepKind
    from sync_service.engine import decide_releases

    if step not in STEPS:
        raise typer.BadParameter(f"--step: ожидается {', '.join(STEPS)}, а не «{step}»")
    if not outcome.strip():
        raise typer.BadParameter("--outcome: напишите, что сказали")
    day: date | None = next_call.date() if next_call else None
    with shell.desk() as desk:
        decide_releases.log_step(
            desk, release_id, StepKind(step), outcome.strip(), next_call_on=day.isoformat() if day else None
        )
    again = f" Позвонить снова {day:%d.%m.%Y}." if day else ""
    document = {"id": release_id, "step": step, "next_call_on": day.isoformat() if day else None}
    shell.show(document, lambda: output.say(f"Случай {release_id}: записано.{again}"))
    return ExitCode.DONE


@command(app, "close")
def close(
    shell: Shell,
    release_id: CaseId,
    outcome: Annotated[str, typer.Option("--outcome", metavar="TEXT", help="Почему закрыт.")] = "",
) -> int:
    """Ученик всё-таки не прибыл: закрыть, ничего не отправлять."""
    from sync_service.engine import decide_releases

    with shell.desk() as desk:
        decide_releases.close(desk, release_id, outcome.strip())
    _show_state(shell, release_id, "withdrawn", f"Случай {release_id} закрыт. Вернуть: ecp-sync releases reopen.")
    return ExitCode.DONE


@command(app, "reopen")
def reopen(shell: Shell, release_id: CaseId) -> int:
    """Открыть снова: при следующей сверке ученика опять ищут в списке доступных."""
    from sync_service.engine import decide_releases

    with shell.desk() as desk:
        state = decide_releases.reopen(desk, release_id)
    _show_state(shell, release_id, state.value, f"Случай {release_id} снова открыт; его проверит следующая сверка.")
    return ExitCode.DONE


def _show_state(shell: Shell, release_id: int, state: str, sentence: str) -> None:
    shell.show({"id": release_id, "state": state}, lambda: output.say(sentence))
