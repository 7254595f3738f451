"""One school's view of ГИС СО «ЕЦП» by the assumed contract (openapi.yaml beside this module)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from connectors.answers import safe_word
from connectors.auth import Tokens, TokenSession, TokenStore
from connectors.ecp import resources
from connectors.ecp.settings import EcpSettings
from connectors.ecp.writing import as_item, rejected_here, results_of
from connectors.endpoints import Endpoints
from connectors.http import HttpClient
from connectors.pagination import NEVER, Listing, Source, list_versions, newest_of_each, position, read_windows
from mappings import Mappings, RecordMapping
from mappings.codecs import is_identifier
from sync_service.domain.errors import ContractError, OutcomeUnknown, RecordError, TransientError
from sync_service.domain.links import RemoteId
from sync_service.domain.records import Values
from sync_service.domain.streams import Page, Reject, RemoteRecord, Stream, StreamVersions
from sync_service.engine.ports import (
    ChangeVersions,
    Clock,
    Found,
    PersonAnswer,
    PersonCandidate,
    PersonQuery,
    PersonStatus,
    WriteItem,
    WriteResult,
)

T = TypeVar("T")

_CANDIDATE_STATUS = {
    "available": PersonStatus.AVAILABLE,
    "enrolled": PersonStatus.ENROLLED_ELSEWHERE,
    "enrolled_here": PersonStatus.ENROLLED_HERE,
}


class EcpConnector:
    """Implements RemoteSystem. Thread-safe; ``close`` ends its connections."""

    def __init__(
        self,
        settings: EcpSettings,
        *,
        tokens: TokenStore,
        mappings: Mappings,
        clock: Clock,
        uniform: Callable[[float, float], float] | None = None,
        endpoints: Endpoints | None = None,
    ) -> None:
        self._settings = settings
        self._mappings = mappings
        self._http = HttpClient(settings.http(), clock=clock, uniform=uniform, endpoints=endpoints)
        self._session = TokenSession(tokens, self._refresh)
        self._root = f"organizations/{quote(settings.organization_id, safe='')}"

    # Reading

    def change_versions(self) -> ChangeVersions:
        raw = self._http.call("GET", f"{self._root}/changeVersion", "change versions", session=self._session)
        answer = _shaped(raw, resources.ChangeVersionAnswer, "change versions")
        try:
            at = datetime.fromisoformat(answer.server_time)
        except ValueError:
            raise ContractError("change versions: serverTime is not an ISO 8601 time") from None
        if at.tzinfo is None:
            raise ContractError("change versions: serverTime has no zone")
        known = {
            stream: StreamVersions(newest=state.newest, oldest=state.oldest)
            for stream, name in resources.URL_NAMES.items()
            if (state := answer.streams.get(name)) is not None
        }
        return ChangeVersions(server_time=at.astimezone(UTC), streams=known)

    def pages(self, stream: Stream, cursor: str | None, versions: StreamVersions | None) -> Iterator[Page]:
        source = Source(
            stream=stream,
            versions=lambda: self._versions_of(stream),
            fetch=lambda low, high, number, size: self._page(stream, low, high, number, size),
            decode=lambda items: _decoded(self._mappings[stream], items),
        )
        return read_windows(
            source,
            cursor,
            versions,
            page_size=self._settings.page_size,
            read_ahead=self._settings.read_ahead,
        )

    def listing(self, stream: Stream) -> Iterator[Mapping[RemoteId, int | None]]:
        source = Source(
            stream=stream,
            versions=lambda: self._versions_of(stream),
            fetch=lambda low, high, number, size: self._page(stream, low, high, number, size, fields="id,version"),
            decode=lambda items: ([_listed(stream, item) for item in items], []),
        )
        return list_versions(source, page_size=self._settings.page_size, read_ahead=self._settings.read_ahead)

    def position(self, cursor: str | None) -> int:
        return position(cursor)

    def _versions_of(self, stream: Stream) -> StreamVersions:
        versions = self.change_versions().streams.get(stream)
        if versions is None:
            raise ContractError(f"{stream}: the region names no change version of this stream")
        return versions

    def _page(
        self, stream: Stream, low: int, high: int, number: int, size: int, *, fields: str | None = None
    ) -> Listing:
        params: dict[str, int | str] = {"maxChangeVersion": high, "pageNumber": number, "pageSize": size}
        if fields is not None:
            params["fields"] = fields
        if low != NEVER:
            params["minChangeVersion"] = low
        what = f"{stream} page {number}"
        raw = self._http.call("GET", self._path(stream), what, session=self._session, params=params)
        answer = _shaped(raw, resources.PageAnswer, what)
        if not answer.is_sound or answer.page_number != number:
            raise ContractError(f"{what}: the counts of the page contradict what was asked")
        return Listing(answer.items, total=answer.total_count, page_size=min(answer.page_size, size))

    def get(self, stream: Stream, remote_ids: Sequence[RemoteId]) -> Found:
        return self._search(stream, "ids", list(dict.fromkeys(remote_ids)))

    def find(self, stream: Stream, *, client_refs: Sequence[str] = (), keys: Sequence[Values] = ()) -> Found:
        by_ref = self._search(stream, "clientRefs", list(dict.fromkeys(client_refs)))
        by_key = self._search(stream, "keys", [self._key(stream, key) for key in keys])
        return Found(
            records=tuple(newest_of_each((*by_ref.records, *by_key.records))),
            rejects=by_ref.rejects + by_key.rejects,
        )

    def _key(self, stream: Stream, key: Values) -> dict[str, Any]:
        """The natural key in regional names; ValueError for fields that are no key, RecordError for bad values."""
        for kind in resources.NATURAL_KEYS.get(stream, ()):
            if kind <= key.keys() and any(key[name] is not None for name in kind):
                return self._mappings[stream].to_remote({name: key[name] for name in sorted(kind)})
        raise ValueError(f"{stream} cannot be searched by {', '.join(sorted(key))}")

    def _search(self, stream: Stream, by: str, wanted: Sequence[Any]) -> Found:
        records: list[RemoteRecord] = []
        rejects: list[Reject] = []
        for part in _parts(wanted):
            what = f"{stream} search by {by}"
            raw = self._http.call(
                "POST", f"{self._path(stream)}/search", what, session=self._session, body={by: part}
            )
            found, unreadable = _decoded(self._mappings[stream], _shaped(raw, resources.SearchAnswer, what).items)
            records += found
            rejects += unreadable
        return Found(records=tuple(newest_of_each(records)), rejects=tuple(rejects))

    # Writing

    def write(self, stream: Stream, items: Sequence[WriteItem], *, key: str) -> list[WriteResult]:
        """See RemoteSystem. Items the mapping cannot write are INVALID and stay here; the others are sent."""
        if len(items) > self._settings.batch_limit:
            raise ValueError(f"a batch holds at most {self._settings.batch_limit} items")
        mapping = self._mappings[stream]
        results: list[WriteResult | None] = [None] * len(items)
        bodies: list[dict[str, Any]] = []
        for place, item in enumerate(items):
            try:
                bodies.append(as_item(mapping, item))
            except RecordError as error:
                results[place] = rejected_here(item, error)
        sent = [place for place, result in enumerate(results) if result is None]
        if sent:
            what = f"{stream} batch"
            raw = self._http.call(
                "POST",
                f"{self._path(stream)}/batch",
                what,
                session=self._session,
                body={"items": bodies},
                headers={"Idempotency-Key": key},
                writing=True,
            )
            answers = results_of(raw, [items[place] for place in sent], mapping, what)
            for place, answer in zip(sent, answers, strict=True):
                results[place] = answer
        return [result for result in results if result is not None]

    # Enrolment

    def find_available(self, persons: Sequence[PersonQuery]) -> list[PersonAnswer]:
        what = "available for enrolment"
        answers: list[PersonAnswer] = []
        for part in _parts(persons):
            body = {"persons": [self._person(query) for query in part]}
            raw = self._http.call("POST", "enrolment/available/search", what, session=self._session, body=body)
            results = _shaped(raw, resources.AvailableAnswer, what).results
            by_ref = {one.ref: one for one in results}
            if len(by_ref) < len(results):
                raise ContractError(f"{what}: one of the persons got two answers")
            for query in part:
                found = by_ref.get(query.ref)
                if found is None:
                    raise ContractError(f"{what}: one of the persons got no answer")
                answers.append(self._answer(found, what))
        return answers

    def _person(self, query: PersonQuery) -> dict[str, Any]:
        values: Values = {
            "last_name": query.last_name,
            "first_name": query.first_name,
            "patronymic": query.patronymic,
            "birth_date": query.birth_date,
            "snils": query.snils,
        }
        data = self._mappings[Stream.STUDENTS].to_remote(values)
        return {"ref": query.ref, **{name: value for name, value in data.items() if value is not None}}

    def _answer(self, found: resources.PersonAnswerBody, what: str) -> PersonAnswer:
        try:
            status = PersonStatus(found.status)
            candidates = tuple(self._candidate(one) for one in found.candidates)
        except (ValueError, KeyError):
            raise ContractError(f"{what}: a status or an id of an answer is unknown to the contract") from None
        # Whom nobody of the list bears out would pass for somebody whom the region does not know, and be made anew.
        borne_out = status in {one.status for one in candidates}
        if not borne_out and (candidates or status in (PersonStatus.AVAILABLE, PersonStatus.ENROLLED_ELSEWHERE)):
            raise ContractError(f"{what}: the status of an answer contradicts its candidates")
        return PersonAnswer(ref=found.ref, status=status, candidates=candidates)

    def _candidate(self, one: resources.CandidateAnswer) -> PersonCandidate:
        rows = self._mappings[Stream.STUDENTS].rows

        def clean(field: str, raw: str | None) -> str | None:
            try:
                value = None if raw is None else rows[field].codec.decode(raw)
            except RecordError:
                return None
            return None if value is None else str(value)

        if not is_identifier(one.person_id) or not is_identifier(one.organization_id or "-"):
            raise ValueError("not an id")
        return PersonCandidate(
            person_id=one.person_id,
            status=_CANDIDATE_STATUS[one.status],
            last_name=clean("last_name", one.last_name) or "",
            first_name=clean("first_name", one.first_name) or "",
            patronymic=clean("patronymic", one.sur_name),
            birth_date=clean("birth_date", one.birth_date),
            snils=clean("snils", one.snils),
            organization_id=RemoteId(one.organization_id) if one.organization_id else None,
        )

    # The connection

    @property
    def batch_limit(self) -> int:
        return self._settings.batch_limit

    def connection_state(self) -> str:
        return self._session.state()

    def close(self) -> None:
        self._http.close()

    def _path(self, stream: Stream) -> str:
        return f"{self._root}/{resources.URL_NAMES[stream]}"

    def _refresh(self, refresh_token: str) -> Tokens:
        what = "token refresh"
        try:
            raw = self._http.call(
                "POST",
                "auth/token/refresh",
                what,
                session=None,
                body={"refreshToken": refresh_token},
                writing=True,
            )
        except OutcomeUnknown as error:
            # Nothing of the caller's own request has left; whether the token still lives, the next try tells.
            raise TransientError(str(error)) from error
        answer = _shaped(raw, resources.TokenAnswer, what)
        for token in (answer.access_token, answer.refresh_token):
            if not token or not token.isascii() or not token.isprintable() or " " in token:
                raise ContractError(f"{what}: the region sent something that is not a token")
        return Tokens(access=answer.access_token, refresh=answer.refresh_token)


def _decoded(mapping: RecordMapping, items: Sequence[Any]) -> tuple[list[RemoteRecord], list[Reject]]:
    records: list[RemoteRecord] = []
    rejects: list[Reject] = []
    for item in items:
        outcome = mapping.to_canonical(item)
        if isinstance(outcome, RemoteRecord):
            records.append(outcome)
        else:
            rejects.append(outcome)
    return records, rejects


def _listed(stream: Stream, item: Any) -> RemoteRecord:
    """An item of a list without bodies. One that cannot be told apart makes the whole list worthless."""
    remote_id, version = (item.get("id"), item.get("version")) if isinstance(item, dict) else (None, None)
    if type(remote_id) is not str or not remote_id or (version is not None and type(version) is not int):
        raise ContractError(f"{stream}: an item of the list has no id, or no number as its version")
    deleted = item.get("deleted") is True
    return RemoteRecord(stream=stream, remote_id=RemoteId(remote_id), values={}, version=version, deleted=deleted)


def _parts(wanted: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(wanted), resources.SEARCH_LIMIT):
        yield wanted[start : start + resources.SEARCH_LIMIT]


def _shaped(raw: Any, shape: type[T], what: str) -> T:
    """The answer in its shape; unknown extra fields are allowed. ContractError names the field, not the value."""
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        where = str(error).rpartition("at `")[2].strip("`$.")
        raise ContractError(f"{what}: the answer breaks the contract at {safe_word(where) or 'its top'}") from None
