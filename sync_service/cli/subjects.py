"""``subjects``: what is stored about one pupil, handed out or destroyed with an act (152-ФЗ)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Optional

import typer

from sync_service.cli import output
from sync_service.cli.commands import command
from sync_service.cli.exit_codes import ExitCode
from sync_service.cli.shell import Shell
from sync_service.domain.erasures import Reason
from sync_service.domain.links import LocalId

if TYPE_CHECKING:
    from sync_service.engine.queries_erasure import ErasureView

app = typer.Typer(help="Данные одного ученика: выгрузить всё, что хранится, или уничтожить.", no_args_is_help=True)

ROOM = 512 * 1024  # bytes; an act with its fonts takes a fifth of it
StudentId = Annotated[int, typer.Argument(metavar="ID", help="Номер ученика в базе школы.")]


@app.callback()
def group() -> None:
    """Данные одного ученика: выгрузить всё, что хранится, или уничтожить."""


@command(app, "export")
def export(
    shell: Shell,
    student_id: StudentId,
    target: Annotated[Path, typer.Option("--output", metavar="FILE", help="Куда записать ZIP.")],
) -> int:
    """Записать в ZIP всё, что хранится об ученике; в журнале останется, кто это сделал."""
    from sync_service.engine.export_subject import export_subject

    if target.exists():
        raise typer.BadParameter("--output: такой файл уже есть; назовите другой")
    with shell.desk() as desk:
        content = export_subject(desk, LocalId(student_id))
    output.write_privately(target, content)
    shell.show({"id": student_id, "file": str(target)}, lambda: output.say(f"Записано: {target}"))
    return ExitCode.DONE


@contextmanager
def _reserved(target: Path) -> Iterator[BinaryIO]:
    """A new file nobody else on this computer may read, there before anything is done: what can be had once must have
    a place, and room in it. It goes again when that was not done. BadParameter when there is such a file, or none can
    be made."""
    try:
        output.write_privately(target, bytes(ROOM))
    except FileExistsError:
        raise typer.BadParameter("--output: такой файл уже есть; назовите другой") from None
    except OSError as error:
        with suppress(OSError):
            target.unlink()
        raise typer.BadParameter(f"--output: файл не создать: {os.strerror(error.errno or 0)}") from None
    with target.open("r+b") as file:
        try:
            yield file
            file.truncate()
        except BaseException:
            target.unlink()
            raise


@command(app, "erase")
def erase(
    shell: Shell,
    student_id: StudentId,
    reason: Annotated[
        Optional[Reason],  # noqa: UP045
        typer.Option("--reason", help="Причина для акта (152-ФЗ, статья 21)."),
    ] = None,
    target: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", metavar="FILE", help="Куда записать акт (PDF); второй раз его не получить."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Уничтожить; без этого только показать.")] = False,
) -> int:
    """Показать, что хранится об ученике, а с --yes уничтожить и записать акт. Вернуть уничтоженное нельзя."""
    if not yes:
        return _preview(shell, student_id)
    if reason is None or target is None:
        raise typer.BadParameter("с --yes нужны --reason и --output: акт появляется один раз")
    from sync_service.engine.erase_subject import erase_subject
    from sync_service.engine.erasure_act import act_on
    from sync_service.web.letters import pdf_of_act

    with _reserved(target) as file, shell.service() as service:
        job = service.resync_job(shell.one_school(service), actor=shell.person())
        done = act_on(erase_subject(job, LocalId(student_id), reason), by=shell.person())
        file.write(pdf_of_act(done))
    document = {"act": done.number, "file": str(target), "rows": done.rows, "scrubbed": done.scrubbed}

    def render() -> None:
        output.say(f"Уничтожено записей: {done.rows}. Акт № {done.number}: {target}")
        if not done.scrubbed:
            output.say("Освободившееся место ещё не перезаписано. Закончите: ecp-sync subjects scrub.")

    shell.show({"id": student_id, **document}, render)
    return ExitCode.DONE if done.scrubbed else ExitCode.OPEN_DECISIONS


def _preview(shell: Shell, student_id: int) -> int:
    from sync_service.engine.queries_erasure import erasure_view

    with shell.service() as service:
        school = shell.one_school(service)
        view = erasure_view(service.db, school, student_id)
        shell.seen(service, school, "subjects:erase", [student_id])
    document = {
        "id": view.student_id,
        "rows": {one.table: one.count for one in view.categories},
        "total": view.total,
        "obstacles": list(view.obstacles),
        "unsent": view.unsent,
        "mentions": view.mentions,
        "kept_long": view.kept_long,
    }
    shell.show(document, lambda: _render(view))
    return ExitCode.OPEN_DECISIONS if view.obstacles else ExitCode.DONE


def _render(view: ErasureView) -> None:
    output.say(f"{view.name}, дата рождения {view.born}. Ничего не уничтожено: это предпросмотр.")
    if view.parents:
        output.say(f"Вместе с карточками родителей: {', '.join(view.parents)}.")
    output.print_table(("Что хранится", "Записей"), [(one.text, one.count) for one in view.categories])
    if view.kept_long:
        output.say("Приказы, движение и итоговые отметки школа хранит 25 лет: убедитесь, что они есть на бумаге.")
    if view.unsent:
        output.say(f"Не отправлено в ГИС и пропадёт: {view.unsent}.")
    if view.mentions:
        output.say(f"Имя будет вычеркнуто из заметок на других делах: {view.mentions}.")
    for one in view.obstacles:
        output.say(f"Пока нельзя. {one}")
    if not view.obstacles:
        output.say("Уничтожить: та же команда с --yes --reason ПРИЧИНА --output АКТ.pdf")


@command(app, "acts", without=("actor",))
def acts(shell: Shell) -> int:
    """Какие акты были и стоит ли ещё отметка; чьи данные, здесь не хранится."""
    from sync_service.engine import erasure_words as words
    from sync_service.engine.queries_erasure import erasures
    from sync_service.engine.queries_words import moment_of

    with shell.service() as service:
        found = [(one, row) for one in shell.schools(service) for row in erasures(service.db, one)]
    document = [
        {
            "id": row.erasure_id,
            "school": one.code,
            "reason": row.reason.value,
            "actor": row.actor,
            "made_at": row.made_at.isoformat(),
            "rows": row.rows,
            "scrubbed": row.scrubbed_at is not None,
            "lifted_at": row.lifted_at.isoformat() if row.lifted_at else None,
            "lifted_by": row.lifted_by,
        }
        for one, row in found
    ]

    def render() -> None:
        if not found:
            output.say("Ничего не уничтожали.")
            return
        output.print_table(
            ("Акт", "Школа", "Когда", "Кто", "Причина", "Записей", "Отметка"),
            [
                (
                    row.erasure_id,
                    one.code,
                    moment_of(row.made_at.isoformat(), one.zone),
                    row.actor,
                    words.REASONS[row.reason],
                    row.rows,
                    f"снята {moment_of(row.lifted_at.isoformat(), one.zone)}" if row.lifted_at else "стоит",
                )
                for one, row in found
            ],
        )

    shell.show(document, render)
    return ExitCode.DONE


@command(app, "restore")
def restore(shell: Shell, act: Annotated[int, typer.Argument(metavar="ACT", help="Номер акта.")]) -> int:
    """Снять отметку: ученик снова зачислен, ГИС и файлы могут его вернуть. Уничтоженное не вернётся."""
    from sync_service.engine.erase_subject import restore_subject

    with shell.desk() as desk:
        restore_subject(desk, act)
    shell.show(
        {"id": act, "lifted": True},
        lambda: output.say(f"Акт {act}: отметка снята. Следующая сверка прочитает всё заново."),
    )
    return ExitCode.DONE


@command(app, "scrub")
def scrub(shell: Shell) -> int:
    """Перезаписать место, которое уничтоженное освободило в файлах базы, если тогда это не удалось."""
    from sync_service.engine.erase_subject import scrub as overwrite
    from sync_service.engine.queries_erasure import erasures

    with shell.service() as service:
        school = shell.one_school(service)
        done = overwrite(service.resync_job(school, actor=shell.person()))
        left = sum(row.scrubbed_at is None for row in erasures(service.db, school))
    shell.show(
        {"scrubbed": done, "left": left},
        lambda: output.say(
            "Не перезаписано: базу читают, или не хватает места или прав. Остановите службу и повторите."
            if left
            else "Освободившееся место перезаписано."
        ),
    )
    return ExitCode.OPEN_DECISIONS if left else ExitCode.DONE
