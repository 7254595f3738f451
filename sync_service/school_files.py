"""Files that people bring: read by what is in them, kept between preview and import, brought into staging."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sync_service.domain.school_files import FileRejected, ParsedClassReport, ParsedPupilList

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync_service.engine.context import School
    from sync_service.engine.import_files import ImportReport
    from sync_service.engine.ports import Clock
    from sync_service.persistence import SqlDatabase
    from sync_service.persistence.uploads import Uploads


class SchoolFiles:
    """Pupil lists and class reports. The zone of the school says which day is today in what they tell."""

    def __init__(self, db: SqlDatabase, clock: Clock, *, probe: Callable[[str], None]) -> None:
        self._db = db
        self._clock = clock
        self._probe = probe

    def read(self, school: School, path: Path) -> ParsedPupilList | ParsedClassReport:
        """What the file says; FileRejected when it is neither a pupil list nor a class report, or unreadable."""
        from connectors.files.limits import DEFAULT_LIMITS

        try:
            with path.open("rb") as file:
                content = file.read(DEFAULT_LIMITS.max_bytes + 1)
        except OSError as error:
            raise FileRejected(
                code="unreadable",
                reason=f"Файл не открывается: {error.strerror}.",
                remedy="Проверьте имя файла и право на чтение.",
            ) from None
        return self.parse(school, content, path.name)

    def parse(self, school: School, content: bytes, file_name: str) -> ParsedPupilList | ParsedClassReport:
        """The same for a file that was uploaded."""
        from connectors.files.school_file import read_school_file

        return read_school_file(content, file_name=file_name, today=self._clock.today(school.zone))

    def bring_in(self, school: School, path: Path, *, actor: str, dry_run: bool = False) -> ImportReport:
        """Read the file and bring it into staging, whole or not at all; FileRejected when it cannot be read."""
        return self._bring_in(school, self.read(school, path), path.name, actor=actor, dry_run=dry_run)

    def bring_in_upload(
        self, school: School, content: bytes, file_name: str, *, actor: str, dry_run: bool = False
    ) -> ImportReport:
        """The same for a file that was uploaded."""
        return self._bring_in(school, self.parse(school, content, file_name), file_name, actor=actor, dry_run=dry_run)

    def _bring_in(
        self,
        school: School,
        parsed: ParsedPupilList | ParsedClassReport,
        file_name: str,
        *,
        actor: str,
        dry_run: bool,
    ) -> ImportReport:
        from sync_service.engine.import_files import import_parsed

        return import_parsed(
            self._db,
            school,
            self._clock,
            parsed,
            actor=actor,
            file_name=file_name,
            dry_run=dry_run,
            probe=self._probe,
        )

    @cached_property
    def uploads(self) -> Uploads:
        """Files between their preview and their import."""
        from sync_service.persistence.uploads import Uploads

        return Uploads(self._db.engine, self._clock.now)
