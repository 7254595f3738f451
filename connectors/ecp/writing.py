"""A batch on its way out and its results on their way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from connectors.answers import safe_word
from connectors.ecp.resources import BatchAnswer, ItemAnswer
from mappings import RecordMapping
from mappings.codecs import is_identifier
from sync_service.domain.errors import OutcomeUnknown, RecordError
from sync_service.domain.links import RemoteId
from sync_service.domain.streams import RemoteRecord
from sync_service.engine.ports import Op, WriteItem, WriteResult, WriteStatus

_REFUSED = {
    404: WriteStatus.NOT_FOUND,
    412: WriteStatus.STALE,
    422: WriteStatus.INVALID,
    423: WriteStatus.WINDOW_CLOSED,
    429: WriteStatus.FAILED,
}
_CONFLICTS = {
    "duplicate": WriteStatus.DUPLICATE,
    "person_has_card": WriteStatus.DUPLICATE,
    "not_released": WriteStatus.NOT_RELEASED,
}
"""409 has several unrelated reasons; one we do not know is INVALID, so that a person looks at it."""


def as_item(mapping: RecordMapping, item: WriteItem) -> dict[str, Any]:
    """The item as the contract writes it; RecordError when a value has no regional form."""
    body: dict[str, Any] = {"clientRef": item.client_ref, "op": item.op.value}
    if item.remote_id is not None:
        body["id"] = item.remote_id
    if item.version is not None:
        body["version"] = item.version
    data = {} if item.op is Op.DELETE else mapping.to_remote(item.values)
    if item.op is Op.CREATE:
        data = {name: value for name, value in data.items() if value is not None}
    body["data"] = data
    return body


def rejected_here(item: WriteItem, error: RecordError) -> WriteResult:
    """The result of an item that was not sent."""
    return WriteResult(client_ref=item.client_ref, status=WriteStatus.INVALID, code=error.code, detail=str(error))


def results_of(raw: Any, items: Sequence[WriteItem], mapping: RecordMapping, what: str) -> list[WriteResult]:
    """One result per item. An answer that does not belong to these items leaves their outcome unknown."""
    try:
        answers = msgspec.convert(raw, BatchAnswer).results
    except msgspec.ValidationError:
        raise OutcomeUnknown(f"{what}: the answer breaks the contract; the records are read back first") from None
    if [answer.client_ref for answer in answers] != [item.client_ref for item in items]:
        raise OutcomeUnknown(f"{what}: the answer belongs to other records; these are read back first")
    return [_result(item, answer, mapping, what) for item, answer in zip(items, answers, strict=True)]


def _result(item: WriteItem, answer: ItemAnswer, mapping: RecordMapping, what: str) -> WriteResult:
    stored = None if answer.item is None else mapping.to_canonical(answer.item)
    record = stored if isinstance(stored, RemoteRecord) else None
    remote_id = answer.id or (record.remote_id if record else None) or item.remote_id
    code, path = _problem(answer.problem)
    status = _status(answer.status, code)
    unclear = answer.id is not None and not is_identifier(answer.id)
    # An update or deletion that was done after all is refused when it comes again; a create would be made twice.
    unclear |= answer.status >= 500 and item.op is Op.CREATE
    if unclear or status is None or (status is WriteStatus.DONE and not _is_about(item, remote_id, record)):
        raise OutcomeUnknown(f"{what}: the outcome of a record is unclear; the records are read back first")
    return WriteResult(
        client_ref=item.client_ref,
        status=status,
        remote_id=RemoteId(remote_id) if remote_id else None,
        version=answer.version,
        change_version=answer.change_version,
        stored=record,
        code=code,
        detail=path,
    )


def _is_about(item: WriteItem, remote_id: str | None, record: RemoteRecord | None) -> bool:
    """Whether a success tells of this very item: what it says of another record must not become the row's."""
    if remote_id is None or (record is not None and record.remote_id != remote_id):
        return False
    if item.remote_id is not None:
        return remote_id == item.remote_id
    return record is None or record.client_ref in (None, item.client_ref)


def _status(status: int, code: str) -> WriteStatus | None:
    """None where neither success nor refusal is certain."""
    if status in (200, 201):
        return WriteStatus.DONE
    if status == 409:
        return _CONFLICTS.get(code, WriteStatus.INVALID)
    if status in _REFUSED:
        return _REFUSED[status]
    if 500 <= status < 600:
        return WriteStatus.FAILED
    return WriteStatus.INVALID if 400 <= status < 500 else None


def _problem(problem: Any) -> tuple[str, str]:
    """Code and path of the first issue, without its free text."""
    try:
        issue = problem["issue"][0]
        return safe_word(issue.get("code")), safe_word(issue.get("path"))
    except (LookupError, TypeError, AttributeError):
        return "", ""
