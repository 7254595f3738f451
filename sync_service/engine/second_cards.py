"""A second card of one pupil: the region has enrolled the person here, and another card is linked to the record.

Such a card never leaves, and no regional record is left that it could be matched with. It goes into the quarantine,
so that somebody removes it or puts it right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sync_service.domain.inbox import QuarantineItem
from sync_service.domain.links import LocalId
from sync_service.domain.streams import Stream
from sync_service.engine.ports import PersonAnswer, PersonStatus
from sync_service.engine.stores import Arrival, UnitOfWork

SECOND_CARD = "second_card"


@dataclass(slots=True, kw_only=True)
class SecondCards:
    """``new`` are to be told of, with the card that is linked; ``over`` are second cards no more."""

    new: dict[LocalId, LocalId] = field(default_factory=dict)
    over: list[LocalId] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.new or self.over)

    def items(self) -> list[QuarantineItem]:
        return [
            QuarantineItem(
                stream=Stream.STUDENTS,
                direction="push",
                code=SECOND_CARD,
                signature=f"{Stream.STUDENTS.value}:{SECOND_CARD}",
                reason=(
                    f"Ученик уже зачислен в ГИС и связан с другой карточкой школы ({linked}). Уберите лишнюю карточку"
                    " в базе школы или исправьте её, если это другой ребёнок."
                ),
                local_id=local_id,
            )
            for local_id, linked in self.new.items()
        ]


def find_second_cards(
    uow: UnitOfWork, arrivals: Mapping[LocalId, Arrival], answers: Mapping[LocalId, PersonAnswer]
) -> SecondCards:
    """``answers`` of the region by card. What has been told of is not told again before the card changes."""
    if not arrivals:
        return SecondCards()
    persons = {
        local_id: {one.person_id for one in answer.candidates if one.status is PersonStatus.ENROLLED_HERE}
        for local_id, answer in answers.items()
        if answer.status is PersonStatus.ENROLLED_HERE
    }
    known = [
        item.local_id
        for item in uow.quarantine.items(stream=Stream.STUDENTS, direction="push", discarded=None)
        if item.code == SECOND_CARD and item.local_id is not None
    ]
    if not persons and not known:
        return SecondCards()
    wanted = {person for of_card in persons.values() for person in of_card}
    cards = uow.staging.where(Stream.STUDENTS, "person_id", wanted) if wanted else {}
    linked = uow.links.by_local(Stream.STUDENTS, cards) if cards else {}
    holders = {str(cards[local_id]["person_id"]): local_id for local_id in linked}
    doubles = {
        local_id: holders[person]
        for local_id, of_card in persons.items()
        for person in sorted(of_card)
        if person in holders and holders[person] != local_id
    }
    return SecondCards(
        new={local_id: holder for local_id, holder in doubles.items() if local_id not in known},
        over=[local_id for local_id in known if local_id in arrivals and local_id not in doubles],
    )
