"""Release watch: an arriving pupil and the previous school's release (DESIGN.md 5, regulation 3.5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sync_service.domain.links import LocalId


class ReleaseCase(StrEnum):
    """The regulation's cases; ``letter`` is how people refer to them."""

    AVAILABLE = "A"  # in «доступные для зачисления»: enrol without a new card
    NOT_RELEASED = "B"  # came from a school that keeps movement and is absent from the list
    OTHER_DISTRICT = "C"  # came from a district without movement accounting: phone as well, new card
    DEPARTURE = "D"  # our leaver: must appear in the list afterwards
    FIRST_TIME = "E"  # has not studied before: new card
    UNKNOWN_ORIGIN = "F"  # the secretary is asked; nothing is created


class ReleaseState(StrEnum):
    CLAIMED = "claimed"  # we say the pupil arrived; not looked up yet, or a question is open (case F)
    NOT_RELEASED = "not_released"
    RELEASED = "released"  # the way is free: the enrolment is on its way to the region
    ENROLLED = "enrolled"
    WITHDRAWN = "withdrawn"
    # mirror list, our departures (case D)
    LEFT = "left"  # departure entered, not seen in the list yet
    VISIBLE = "visible"  # the list shows our leaver


OPEN_STATES = (ReleaseState.CLAIMED, ReleaseState.NOT_RELEASED, ReleaseState.RELEASED, ReleaseState.LEFT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One case. ``movement_id`` is the local arrival or departure it is about, None when only a card exists."""

    release_id: int
    student_id: LocalId
    case: ReleaseCase
    state: ReleaseState
    movement_id: LocalId | None = None
    person_id: str | None = None  # region-wide id once known
    previous_school: str | None = None
    previous_phone: str | None = None
    new_card: bool = False
    opened_at: datetime | None = None
    updated_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    closed_from: ReleaseState | None = None  # the state a person closed it in; opening it again restores it


class StepKind(StrEnum):
    """What was done about a case; the case's log."""

    OPENED = "opened"
    CALL = "call"
    PROMISE = "promise"
    DIRECTOR = "director"
    STATE = "state"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStep:
    release_id: int
    kind: StepKind
    actor: str
    at: datetime
    text: str = ""
    next_call_on: str | None = None
