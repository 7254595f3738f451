"""The story of the demo, step by step: each does something on one side or both, lets a cycle run, and tells.

Every step returns what was counted. The names of steps and counts are the documented ones of ``demo --json``.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sync_service.bootstrap import Service
from sync_service.demo import casting, figures, files, lessons
from sync_service.demo.agreement import Agreement, compare
from sync_service.demo.installation import FILES_NAME
from sync_service.demo.narrator import Narrator
from sync_service.demo.region import SEED, Region
from sync_service.domain.reports import RunReport, RunStatus
from sync_service.domain.school_files import ParsedPupil
from sync_service.domain.streams import Stream
from sync_service.engine.context import School
from sync_service.engine.import_report import ImportReport
from sync_service.engine.ports import Notification, Role

ACTOR = "petrova"  # the login of the demo's secretary, who is shown by name
MOST_CYCLES = 4
NEW_SCHOOL_PHONE, NEW_REGION_PHONE = "+79120000001", "+79120000002"
NEW_EMAIL = "pupil@example.ru"
NEW_ADDRESS = "г. Екатеринбург, ул. Новая, д. 1, кв. 1"


class Messages:
    """The notifier of the demo: keeps what people were told, to retell it."""

    def __init__(self) -> None:
        self.fresh: list[Notification] = []

    def tell(self, school_code: str, notification: Notification, contacts: Sequence[str]) -> bool:  # noqa: ARG002
        self.fresh.append(notification)
        return True

    def taken(self, role: Role) -> list[Notification]:
        """What this role has been told since the last call."""
        found = [one for one in self.fresh if one.role is role]
        self.fresh = [one for one in self.fresh if one.role is not role]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the story with what was counted in it."""

    step: str
    counts: dict[str, int]


@dataclass(slots=True, kw_only=True)
class Story:
    """A told story: ``steps`` in order, the newest run, the proof at the end."""

    service: Service
    school: School
    region: Region
    folder: Path
    messages: Messages
    narrator: Narrator
    today: date
    cast: casting.Cast
    chosen: Sequence[lessons.Chosen]
    steps: list[Step] = field(default_factory=list)
    reports: list[RunReport] = field(default_factory=list)
    agreement: Agreement = field(default_factory=Agreement)
    source: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311 - handwriting

    @property
    def holds(self) -> bool:
        """Whether both sides agree, every run was clean, the second one sent nothing, and one conflict and one flag
        are left to look at."""
        totals = self.totals()
        return (
            self.agreement.holds
            and next(one.counts["sent"] for one in self.steps if one.step == "second_sync") == 0
            and all(report.status is RunStatus.SUCCEEDED for report in self.reports)
            and totals["open_conflicts"] == 1
            and totals["not_released"] == 1
        )

    def tell(self) -> None:
        """The whole story, until both sides agree."""
        self.import_files()
        self.first_sync()
        self.second_sync()
        self.edit_both_sides()
        self.answer_about_origin()
        self.release()
        self.open_late_entry()
        self.prove()

    def document(self) -> dict[str, Any]:
        """The document of ``demo --json``: the newest run, the steps, the totals."""
        return {
            "report": self.reports[-1].to_json(),
            "story": [asdict(step) for step in self.steps],
            "totals": self.totals(),
        }

    def totals(self) -> dict[str, int]:
        """What there is at the end."""
        with self.service.db.read(self.school.school_id) as uow:
            releases = uow.releases.counts()
        return {
            "pupils": len(self.cast.everybody),
            "classes_reported": len(self.chosen),
            "runs": len(self.reports),
            "sent": sum(figures.sent(report) for report in self.reports),
            "open_conflicts": len(self.open_conflict_ids()),
            "not_released": releases.get("not_released", 0),
            "enrolled": releases.get("enrolled", 0),
            **{f"records_{name}": count for name, count in self.agreement.totals().items()},
        }

    def open_conflict_ids(self) -> list[int]:
        """The open cases a person may decide."""
        with self.service.db.read(self.school.school_id) as uow:
            return [case.conflict_id for case in uow.conflicts.cases()]

    # the steps

    def import_files(self) -> None:
        self.narrator.chapter("Секретарь загружает файлы школы")
        folder, known = self.folder / FILES_NAME, lessons.already_noted(self.region)
        paths = [self._write_list([one.pupil for one in self.cast.everybody], "Список учеников")]
        for one in self.chosen:
            pupils = [listed for listed in self.cast.everybody if listed.school_class == one.school_class]
            paths.append(
                files.write_report(
                    folder,
                    self.region.name,
                    one.school_class,
                    pupils,
                    one.lessons,
                    known=known,
                    today=self.today,
                    source=self.source,
                )
            )
        done = [self._import(path) for path in paths]
        for path in paths:
            self.narrator.say(f"   {path.name}")
        self._step(
            "import",
            {
                "files": len(done),
                "pupils": figures.added(done, Stream.STUDENTS),
                "guardians": figures.added(done, Stream.GUARDIANS),
                "movements": figures.added(done, Stream.MOVEMENTS),
                "marks": figures.added(done, Stream.MARKS),
                "attendance": figures.added(done, Stream.ATTENDANCE),
                "rejected": sum(report.rejected for report in done),
                "warnings": sum(report.warnings for report in done),
            },
        )

    def first_sync(self) -> None:
        self.narrator.chapter("Первая синхронизация: школа и ГИС узнают друг друга")
        report = self._sync()
        self._step("first_sync", figures.of_run(report) | {"conflicts": len(self.open_conflict_ids())})
        self.narrator.say("Учеников, которых ГИС уже знает, служба нашла по СНИЛС или по ФИО и дате рождения.")
        self.narrator.say("Прибывшие, которых прежняя школа отпустила, и первоклассники зачислены.")
        for notification in self.messages.taken(Role.DIRECTOR):
            self.narrator.stress(f"Директору: {notification.text}")
        for notification in self.messages.taken(Role.SECRETARY):
            self.narrator.stress(f"Секретарю: {notification.text}")

    def second_sync(self) -> None:
        self.narrator.chapter("Вторая синхронизация: ничего не изменилось, ничего и не отправлено")
        self._step("second_sync", figures.of_run(self._sync()))

    def edit_both_sides(self) -> None:
        self.narrator.chapter("Одно поле меняют обе стороны")
        edited = self.cast.edited
        card = replace(
            edited.pupil, phone=NEW_SCHOOL_PHONE, email=NEW_EMAIL, guardians=(), enrolled_on=None, order_number=None
        )
        self._import(self._write_list([replace(card, order_date=None, admitted_on=None)], "Исправленная карточка"))
        self.region.edit("students", edited.student_id or "", {"phone": NEW_REGION_PHONE, "address": NEW_ADDRESS})
        self.narrator.say("Школа: новый телефон и новая почта ученика. ГИС: другой новый телефон и новый адрес.")
        report = self._sync()
        self._step("edit_both_sides", figures.of_run(report) | {"conflicts": len(self.open_conflict_ids())})
        self.narrator.say("Почта ушла в ГИС, адрес пришёл в школу; о телефоне решит секретарь.")

    def answer_about_origin(self) -> None:
        self.narrator.chapter("Секретарь выяснил, откуда прибыл ученик")
        district = next(one for one in self.region.neighbours() if not one["keepsMovement"])
        pupil = casting.answered(self.cast.of_unknown_origin, origin=str(district["name"]))
        self._import(self._write_list([pupil], "Откуда прибыл"))
        self._step("origin_answered", figures.of_run(self._sync()))
        self.narrator.say("Там движение в системе не ведут: заведена новая карточка, ученик зачислен.")
        self.messages.fresh.clear()

    def release(self) -> None:
        self.narrator.chapter("Прежняя школа оформила выбытие одного из двух неотпущенных")
        self.region.release(self.cast.to_be_released.person_id or "")
        report = self._sync()
        self._step("release", figures.of_run(report))
        self.narrator.say("Зачислен в том же цикле; за карточкой ушли его родители, приказ и отметки.")

    def open_late_entry(self) -> None:
        self.narrator.chapter("Опоздавшие отметки: прошло больше 14 дней после урока")
        before = figures.waiting_for_permit(self.reports[-1])
        if before:
            self.narrator.say(f"Ждут разрешения: {before}. Регион открывает журналы этих классов.")
        else:
            self.narrator.say("Таких нет: с начала учебного года прошло меньше 14 дней.")
        until = self.today + timedelta(days=7)
        self.region.open_late_entry([one.school_class.class_id for one in self.chosen], until)
        report = self._sync()
        after = figures.waiting_for_permit(report)
        self._step("late_entry", {"waiting_before": before, "waiting_after": after} | figures.of_run(report))

    def prove(self) -> None:
        self.narrator.chapter("Проверка: база школы против ГИС, запись за записью")
        for _ in range(MOST_CYCLES):
            if not figures.sent(self._sync()):
                break
        self.agreement = compare(self.service, self.school, self.region)
        self._step("agreement", self.agreement.totals())
        if self.holds:
            self.narrator.say("Стороны согласны. Открыты одно расхождение и один неотпущенный ученик.")
        else:
            self.narrator.stress("Стороны разошлись: это ошибка, о ней стоит сообщить разработчикам.")

    # what the steps are made of

    def _sync(self) -> RunReport:
        report = self.service.sync(self.school, trigger="demo")
        self.reports.append(report)
        if report.status is not RunStatus.SUCCEEDED:
            self.narrator.stress(f"Цикл завершился со статусом {report.status.value}: {report.error or ''}")
        return report

    def _import(self, path: Path) -> ImportReport:
        return self.service.files.bring_in(self.school, path, actor=ACTOR)

    def _write_list(self, pupils: Sequence[ParsedPupil], title: str) -> Path:
        year = self.cast.school_year
        return files.write_list(self.folder / FILES_NAME, pupils, year=year, title=title, source=self.source)

    def _step(self, name: str, counts: dict[str, int]) -> None:
        self.steps.append(Step(step=name, counts=counts))
        self.narrator.figures({figures.CAPTIONS[key]: count for key, count in counts.items()})
