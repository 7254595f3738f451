"""The translation of one stream between the region's JSON and canonical records, compiled from its table.

One table serves both directions; ``round_trip_check`` proves that they agree. Regional fields the table does
not name are ignored; a field the region did not send is absent from the values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from mappings.codecs import Codec, is_identifier
from sync_service.domain.errors import RecordError
from sync_service.domain.links import RemoteId
from sync_service.domain.policies import FieldPolicy, OnClash, Owner, StreamPolicy
from sync_service.domain.records import Scalar, Values
from sync_service.domain.streams import Reject, RemoteRecord, Stream

ID, VERSION, CHANGE_VERSION, DELETED, CLIENT_REF = "id", "version", "changeVersion", "deleted", "clientRef"
CHANGED_AT = "changedAt"
"""What every regional item carries beside its fields."""

LARGEST_VERSION = 2**63 - 1
LONGEST_MOMENT = 40  # characters; it is kept with records that wait

_ABSENT = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRow:
    """One row of a mapping table. ``default`` stands for an explicit null of the region."""

    field: str
    remote: str
    codec: Codec
    owner: Owner
    on_clash: OnClash
    group: str = ""
    required: bool = False
    default: Scalar = None

    def describe(self) -> str:
        parts = (self.field, self.remote, self.codec.name, self.owner, self.on_clash, self.group)
        return f"{parts}{self.required}{self.default!r}"


class RecordMapping:
    """One stream's table, compiled. ``fingerprint`` changes when the table or one of its code tables does."""

    __slots__ = ("_decoders", "_rows", "fingerprint", "policy", "stream")

    def __init__(self, stream: Stream, rows: Sequence[FieldRow], *, recipe: str = "") -> None:
        self.stream = stream
        self._rows = {row.field: row for row in rows}
        self._decoders: tuple[tuple[str, str, Callable[[Any], Scalar], Scalar, bool], ...] = tuple(
            (row.field, row.remote, row.codec.decode, row.default, row.required) for row in rows
        )
        described = "\n".join((stream, *(row.describe() for row in rows), recipe))
        self.fingerprint = hashlib.blake2b(described.encode(), digest_size=8).hexdigest()
        self.policy = StreamPolicy(
            stream=stream,
            fields=tuple(
                FieldPolicy(
                    field=row.field,
                    owner=row.owner,
                    on_clash=row.on_clash,
                    group=row.group,
                    fold=row.codec.fold,
                )
                for row in rows
            ),
        )

    @property
    def rows(self) -> Mapping[str, FieldRow]:
        return self._rows

    def to_canonical(self, item: Any) -> RemoteRecord | Reject:
        """The record of one regional item, or why it cannot be read.

        A tombstone is never rejected for its fields: what cannot be read is left out.
        """
        field = remote = ""
        try:
            remote_id = item[ID]
            if not is_identifier(remote_id):
                return self._reject(item, None, "no_id", ID, "у записи нет годного идентификатора")
            if item.get(DELETED) is True:
                return self._record(item, remote_id, self._readable(item), deleted=True)
            values: Values = {}
            get = item.get
            for field, remote, decode, default, required in self._decoders:
                raw = get(remote, _ABSENT)
                if raw is _ABSENT:
                    if required:
                        return self._missing(item, remote_id, field)
                    continue
                value = default if raw is None else decode(raw)
                if value is None:
                    if required:
                        return self._missing(item, remote_id, field)
                    value = default
                values[field] = value
            return self._record(item, remote_id, values, deleted=False)
        except RecordError as error:
            codec = self._rows[field].codec.name if field else ""
            return self._reject(
                item, item[ID], error.code, f"{field} {codec}".strip(), f"поле {remote or ID}: {error}"
            )
        except (KeyError, TypeError, AttributeError):
            if not isinstance(item, dict):
                return self._reject(item, None, "not_an_object", "item", "запись региона не является объектом")
            if ID not in item:
                return self._reject(item, None, "no_id", ID, "у записи нет идентификатора")
            raise

    def _record(self, item: dict[str, Any], remote_id: str, values: Values, *, deleted: bool) -> RemoteRecord:
        version, change, client_ref = item.get(VERSION), item.get(CHANGE_VERSION), item.get(CLIENT_REF)
        changed_at = item.get(CHANGED_AT)
        if not (
            (version is None or _is_version(version))
            and (change is None or _is_version(change))
            and (client_ref is None or (type(client_ref) is str and client_ref.isprintable()))
            and item.get(DELETED) in (None, deleted)
        ):
            raise RecordError("служебные поля записи не того вида", code="wrong_type")
        return RemoteRecord(
            stream=self.stream,
            remote_id=RemoteId(remote_id),
            values=values,
            version=version,
            change_version=change,
            deleted=deleted,
            client_ref=client_ref,
            changed_at=changed_at if type(changed_at) is str and len(changed_at) <= LONGEST_MOMENT else None,
        )

    def _readable(self, item: dict[str, Any]) -> Values:
        values: Values = {}
        for row in self._rows.values():
            raw = item.get(row.remote)
            if raw is None:
                continue
            try:
                value = row.codec.decode(raw)
            except RecordError:
                continue
            if value is not None:
                values[row.field] = value
        return values

    def to_remote(self, values: Values) -> dict[str, Any]:
        """Regional JSON of these fields; None stays null. Fields the table does not name are not sent.

        Raises RecordError for a value that has no regional form.
        """
        data: dict[str, Any] = {}
        for field, value in values.items():
            row = self._rows.get(field)
            if row is None:
                continue
            try:
                data[row.remote] = None if value is None else row.codec.encode(value)
            except RecordError as error:
                raise RecordError(f"{field}: {error}", code=error.code) from None
        return data

    def normalise_local(self, values: Values) -> Values:
        """Canonical form of staging values, field by field; fields the table does not name are left out.

        Raises RecordError for an impossible value and for an empty field that must have one. References may be
        empty: a record waits for them.
        """
        clean: Values = {}
        for field, value in values.items():
            row = self._rows.get(field)
            if row is None:
                continue
            if value is not None:
                try:
                    value = row.codec.clean(value)
                except RecordError as error:
                    raise RecordError(f"{field}: {error}", code=error.code) from None
            if value is None:
                value = row.default
                if value is None and row.required and row.codec.name != "ref":
                    raise RecordError(f"{field}: значение обязательно", code="required")
            clean[field] = value
        return clean

    def round_trip_check(self, *samples: Values, seed: int = 1, rounds: int = 20) -> list[str]:
        """Problems of the table: values that change on the way to the region and back. Empty is good.

        Checks the samples, and ``rounds`` generated records once full and once with every optional field empty.
        Problems name fields, never values.
        """
        random = Random(seed)  # noqa: S311 - repeatable samples, not secrets
        generated: list[Values] = []
        for _ in range(rounds):
            full: Values = {row.field: row.codec.example(random) for row in self._rows.values()}
            generated.append(full)
            generated.append({field: value if self._rows[field].required else None for field, value in full.items()})
        problems: dict[str, None] = {}
        for values in (*samples, *generated):
            for problem in self._one_round(values):
                problems[problem] = None
        return list(problems)

    def _one_round(self, values: Values) -> list[str]:
        try:
            cleaned = self.normalise_local(values)
            sent = self.to_remote(cleaned)
        except RecordError as error:
            return [f"{self.stream}: {error} ({error.code})"]
        received = self.to_canonical({ID: "round-trip", **msgspec.json.decode(msgspec.json.encode(sent))})
        if isinstance(received, Reject):
            return [f"{self.stream}: {received.signature}"]
        problems = []
        for field, value in cleaned.items():
            if received.values.get(field) != value:
                problems.append(f"{self.stream}.{field}: значение не возвращается из региона прежним")
        if self.normalise_local(cleaned) != cleaned:
            problems.append(f"{self.stream}: повторная нормализация меняет значения")
        return problems

    def _missing(self, item: Any, remote_id: str, field: str) -> Reject:
        row = self._rows[field]
        return self._reject(item, remote_id, "required", field, f"поле {row.remote}: значение обязательно")

    def _reject(self, item: Any, remote_id: str | None, code: str, what: str, reason: str) -> Reject:
        change, client_ref = (
            (item.get(CHANGE_VERSION), item.get(CLIENT_REF)) if isinstance(item, dict) else (None, None)
        )
        return Reject(
            stream=self.stream,
            remote_id=RemoteId(remote_id) if remote_id else None,
            code=code,
            signature=f"{self.stream}.{what}: {code}",
            reason=reason,
            payload=msgspec.json.encode(item).decode(),
            change_version=change if _is_version(change) else None,
            client_ref=client_ref if type(client_ref) is str else None,
        )


def _is_version(number: Any) -> bool:
    return type(number) is int and 0 <= number <= LARGEST_VERSION
