"""``matches``: is it the same child? A person sees the evidence, decides, and can take it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from sync_service.cli import output
from sync_service.cli.commands import command
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.options import Everything, stream_named
from sync_service.cli.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sync_service.engine.decisions import Desk
    from sync_service.engine.queries_matches import MatchRow, MatchView

app = typer.Typer(help="Возможные двойники: тот же человек или другой.", no_args_is_help=True)

CaseId = Annotated[int, typer.Argument(metavar="ID")]


def _pupils(row: MatchRow) -> Iterator[int | None]:
    from sync_service.domain.streams import Stream

    pupils = row.stream == Stream.STUDENTS.value
    return (c.local_id if pupils else None for c in row.candidates)


@command(app, "list")
def show_list(shell: Shell, everything: Everything = False) -> int:
    """Открытые вопросы, старые сверху."""
    from sync_service.engine import queries_words as words
    from sync_service.engine.queries import plain
    from sync_service.engine.queries_matches import match_rows

    with shell.service() as service:
        rows = []
        for one in shell.schools(service):
            found = match_rows(service.db, one, state=None if everything else "open")
            shell.seen(service, one, "matches:list", (pupil for row in found for pupil in _pupils(row)))
            rows += found

    def render() -> None:
        if not rows:
            output.say("Возможных двойников нет.")
            return
        output.print_table(
            ("№", "Кто", "В ГИС", "Карточки школы", "Состояние"),
            [
                (
                    row.id,
                    words.WHO.get(row.stream, words.STREAMS[row.stream]),
                    row.caption,
                    "\n".join(f"{c.local_id}: {c.caption} ({c.score} %)" for c in row.candidates),
                    words.MATCH_STATES[row.state],
                )
                for row in rows
            ],
        )
        output.say(
            "Сравнить: ecp-sync matches show №; решить: matches confirm № --card КАРТОЧКА или matches reject №."
        )

    shell.show(plain(rows), render)
    return ExitCode.DONE


@command(app, "show")
def show_one(shell: Shell, case_id: CaseId) -> int:
    """Запись ГИС и карточки-кандидаты рядом."""
    from sync_service.engine.queries import plain
    from sync_service.engine.queries_matches import match_view

    with shell.service() as service:
        one = shell.one_school(service)
        view = match_view(service.db, one, case_id)
        shell.seen(service, one, f"matches:show:{case_id}", _pupils(view))
    shell.show(plain(view), lambda: _render(view))
    return ExitCode.DONE


def _render(view: MatchView) -> None:
    from sync_service.engine import queries_words as words

    who = words.WHO.get(view.stream, "человек")
    output.say(f"Двойники {view.id}, {who}: {words.MATCH_STATES[view.state]}. {view.caption}")
    output.print_table(
        ("Поле", *(f"Карточка {c.local_id} ({c.score} %)" for c in view.candidates), "В ГИС"),
        [(line.title, *line.cards, line.gis) for line in view.compared],
    )
    for candidate in view.candidates:
        output.say(f"Карточка {candidate.local_id}: {'; '.join(candidate.why)}.")
    if view.decided_by is None:
        output.say(f"Тот же это {who}? Да: ecp-sync matches confirm {view.id} --card КАРТОЧКА.")
        output.say(f"Нет, другой {who}: ecp-sync matches reject {view.id}.")
    else:
        output.say(f"Решено: {view.decided_by}. Отменить: ecp-sync matches undo {view.id}.")


@command(app, "confirm")
def confirm(
    shell: Shell,
    case_id: CaseId,
    card: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--card", metavar="LOCAL_ID", help="Карточка школы; не нужна, если кандидат один."),
    ] = None,
) -> int:
    """«Тот же человек»: связать запись ГИС с карточкой."""
    from sync_service.domain.links import LocalId
    from sync_service.engine import decide_matches

    with shell.desk() as desk:
        with desk.db.read(desk.school.school_id) as uow:
            case = uow.matches.get(case_id)
        if card is None and case is not None and len(case.candidates) > 1:
            known = ", ".join(str(c.local_id) for c in case.candidates)
            raise typer.BadParameter(f"кандидатов несколько, укажите --card; есть: {known}")
        chosen = card if card is not None else case.candidates[0].local_id if case else 0
        decide_matches.confirm(desk, case_id, LocalId(chosen))
        who = _who(desk, case_id)
    _show_state(
        shell, case_id, "confirmed", f"Двойники {case_id}: тот же {who}. Записи связаны, разные поля сверяются."
    )
    return ExitCode.DONE


@command(app, "reject")
def reject(shell: Shell, case_id: CaseId) -> int:
    """«Другой человек»: запомнить, пока не изменятся основные сведения."""
    from sync_service.engine import decide_matches

    with shell.desk() as desk:
        decide_matches.reject(desk, case_id)
        who = _who(desk, case_id)
    _show_state(shell, case_id, "rejected", f"Двойники {case_id}: другой {who}. Запомнено.")
    return ExitCode.DONE


@command(app, "undo")
def undo(shell: Shell, case_id: CaseId) -> int:
    """Отменить решение: вопрос будет задан снова."""
    from sync_service.engine import decide_matches

    with shell.desk() as desk:
        decide_matches.undo(desk, case_id)
    _show_state(shell, case_id, "closed", f"Двойники {case_id}: решение отменено.")
    return ExitCode.DONE


@command(app, "unlink")
def unlink(
    shell: Shell,
    local_id: Annotated[int, typer.Argument(metavar="LOCAL_ID")],
    stream: Annotated[str, typer.Option("--stream", help="Поток, к которому относится карточка.")] = "students",
) -> int:
    """Разорвать связь карточки с записью ГИС; пара запоминается как разные люди."""
    from sync_service.domain.links import LocalId
    from sync_service.engine import decide_matches

    wanted = stream_named(stream)
    with shell.desk() as desk:
        decide_matches.unlink(desk, wanted, LocalId(local_id))
    document = {"id": local_id, "stream": wanted.value, "state": "unlinked"}
    shell.show(document, lambda: output.say(f"Карточка {local_id} больше не связана с записью ГИС."))
    return ExitCode.DONE


def _who(desk: Desk, case_id: int) -> str:
    from sync_service.engine import queries_words as words

    with desk.db.read(desk.school.school_id) as uow:
        case = uow.matches.get(case_id)
    return words.WHO.get(case.stream, "человек") if case is not None else "человек"


def _show_state(shell: Shell, case_id: int, state: str, sentence: str) -> None:
    shell.show({"id": case_id, "state": state}, lambda: output.say(sentence))
