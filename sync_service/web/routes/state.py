"""«Состояние»: how every stream stands, and what the last two weeks looked like."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import HTMLResponse

from sync_service.domain.people import Permission
from sync_service.engine.judging import Word
from sync_service.engine.queries_state import school_state
from sync_service.web.visits import Visit, visiting

router = APIRouter(include_in_schema=False)

LOOKS = {
    Word.STOPPED: ("danger", "stop"),
    Word.LOGIN: ("info", "key"),
    Word.HELD: ("warn", "hold"),
    Word.LATE: ("warn", "clock"),
    Word.WORKS: ("ok", "check"),
}
SENTENCE = {
    Word.WORKS: ("работает", "работают"),
    Word.LATE: ("опаздывает", "опаздывают"),
    Word.HELD: ("задержан", "задержаны"),
    Word.LOGIN: ("ждёт входа", "ждут входа"),
    Word.STOPPED: ("остановлен", "остановлены"),
}


@router.get("/s/{school}/state")
def state(visit: Annotated[Visit, Depends(visiting(Permission.SEE))]) -> HTMLResponse:
    """Figures alone: no pupil is named."""
    service, school = visit.service, visit.school
    now = service.clock.now()
    found = school_state(
        service.db,
        school,
        needs_login=service.needs_login(school),
        intervals=service.settings.intervals_of(service.school_settings(school)),
        now=now,
    )
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC).isoformat()
    return visit.render(
        "state.html",
        state=found,
        looks=LOOKS,
        sentence=[(found.words[word], forms) for word, forms in SENTENCE.items() if word in found.words],
        now=now.isoformat(),
        midnight=midnight,
    )
