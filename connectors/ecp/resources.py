"""Names of the assumed contract: streams in addresses, natural keys, what its answers look like."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from sync_service.domain.streams import Stream

URL_NAMES: dict[Stream, str] = {stream: stream.value.replace("_", "-") for stream in Stream}

NATURAL_KEYS: dict[Stream, tuple[frozenset[str], ...]] = {
    Stream.STUDENTS: (
        frozenset({"snils"}),
        frozenset({"last_name", "first_name", "patronymic", "birth_date"}),
    ),
    Stream.GUARDIANS: (frozenset({"last_name", "first_name", "patronymic", "phone"}),),
    Stream.GUARDIANSHIPS: (frozenset({"student_id", "guardian_id"}),),
    Stream.MOVEMENTS: (frozenset({"student_id", "kind", "order_number", "date"}),),
    Stream.MARKS: (frozenset({"student_id", "lesson_id"}),),
    Stream.FINAL_MARKS: (frozenset({"student_id", "subject_id", "period_id", "kind"}),),
    Stream.ATTENDANCE: (frozenset({"student_id", "lesson_id"}),),
}
"""By which canonical fields a record can be searched; each set is one kind of key."""

SEARCH_LIMIT = 500


Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""Numbers and versions of records; JSON itself knows no largest integer."""


class PageAnswer(msgspec.Struct, rename="camel"):
    """A page; what it declares beside these fields follows from them. Items stay plain."""

    items: list[Any]
    total_count: Count
    page_number: Count
    page_size: Count

    @property
    def is_sound(self) -> bool:
        return self.page_size >= 1


class SearchAnswer(msgspec.Struct):
    items: list[Any]


class StreamState(msgspec.Struct):
    newest: Count
    oldest: Count


class ChangeVersionAnswer(msgspec.Struct, rename="camel"):
    server_time: str
    streams: dict[str, StreamState]


class TokenAnswer(msgspec.Struct, rename="camel"):
    access_token: str
    refresh_token: str


class ItemAnswer(msgspec.Struct, rename="camel"):
    """The answer for one item of a batch."""

    client_ref: str
    status: int
    id: str | None = None
    version: Count | None = None
    change_version: Count | None = None
    item: dict[str, Any] | None = None
    problem: Any = None


class BatchAnswer(msgspec.Struct):
    results: list[ItemAnswer]


class CandidateAnswer(msgspec.Struct, rename="camel"):
    person_id: str
    last_name: str
    first_name: str
    status: str
    sur_name: str | None = None
    birth_date: str | None = None
    snils: str | None = None
    organization_id: str | None = None


class PersonAnswerBody(msgspec.Struct):
    ref: str
    status: str
    candidates: list[CandidateAnswer]


class AvailableAnswer(msgspec.Struct):
    results: list[PersonAnswerBody]
