"""What is counted in a step of the story, and the Russian words for it."""

from __future__ import annotations

from collections.abc import Sequence

from sync_service.domain.reports import RunReport, WaitingFor
from sync_service.domain.streams import Stream
from sync_service.engine.import_report import ImportReport


def added(reports: Sequence[ImportReport], stream: Stream) -> int:
    """Records of a stream that files brought."""
    return sum(report.streams[stream].added for report in reports if stream in report.streams)


def sent(report: RunReport) -> int:
    """Changes the region has acknowledged in one run."""
    return sum(found.push.acked for found in report.streams.values())


def waiting_for_permit(report: RunReport) -> int:
    """Late marks and absences that only a permit, or an opened journal, lets out."""
    return sum(found.waiting.get(WaitingFor.PERMIT.value, 0) for found in report.streams.values())


def of_run(report: RunReport) -> dict[str, int]:
    """What one run did, over all streams."""
    found = report.streams.values()
    return {
        "received": sum(one.pull.received for one in found),
        "applied": sum(one.pull.applied for one in found),
        "sent": sent(report),
        "waiting": sum(sum(one.waiting.values()) for one in found),
        "waiting_for_permit": waiting_for_permit(report),
        "not_released": report.releases.not_released,
        "enrolled": report.releases.enrolled,
    }


CAPTIONS = {
    "files": "файлов",
    "pupils": "учеников",
    "guardians": "родителей",
    "movements": "записей движения",
    "marks": "отметок",
    "attendance": "пропусков",
    "rejected": "строк не загружено",
    "warnings": "замечаний к строкам",
    "received": "получено из ГИС",
    "applied": "внесено в базу школы",
    "sent": "отправлено в ГИС",
    "waiting": "ждёт",
    "waiting_for_permit": "из них разрешения",
    "not_released": "не отпущены прежней школой",
    "enrolled": "зачислено",
    "conflicts": "расхождений для секретаря",
    "waiting_before": "ждали разрешения",
    "waiting_after": "всё ещё ждут разрешения",
    "equal": "записей равны",
    "in_conflict": "в расхождении",
    "different": "различаются без причины",
    "only_in_school": "только в школе",
    "only_in_region": "только в ГИС",
}
