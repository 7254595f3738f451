"""The body of an answer, whole and within its limits, or not at all.

Both figures are bounded while bytes arrive: what comes over the wire, and what it unpacks to. The unpacker never
hands out more than one byte beyond the limit, so that a bomb is refused before it has gone off.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from sync_service.domain.errors import ContractError, TransientError


class BodyReader:
    """Takes the raw chunks of one body. ``arrived`` and ``unpacked`` count the bytes so far."""

    def __init__(self, encoding: str, what: str, *, most_arrived: int, most_unpacked: int) -> None:
        """ContractError for a packing we did not ask for; packings in one another are such."""
        encoding = encoding.strip().lower()
        if encoding not in ("", "identity", "gzip"):
            raise ContractError(f"{what}: the answer is packed in a way we did not ask for")
        self.arrived = self.unpacked = 0
        self._what = what
        self._most_arrived = most_arrived
        self._most_unpacked = most_unpacked
        self._unpacker = zlib.decompressobj(wbits=31) if encoding == "gzip" else None

    def whole(self, chunks: Iterable[bytes]) -> bytes:
        """The unpacked body. ContractError beyond a limit, TransientError when the packing is damaged or cut."""
        parts = [self._taken(chunk) for chunk in chunks]
        unpacker = self._unpacker
        if unpacker is not None and self.arrived and not unpacker.eof:
            raise TransientError(f"{self._what}: the packed answer is cut off")
        return b"".join(parts)

    def _taken(self, chunk: bytes) -> bytes:
        self.arrived += len(chunk)
        if self.arrived <= self._most_arrived:
            if self._unpacker is not None:
                chunk = self._plain(self._unpacker, chunk)
            self.unpacked += len(chunk)
        if self.arrived > self._most_arrived or self.unpacked > self._most_unpacked:
            raise ContractError(f"{self._what}: the answer is larger than we accept; lower page_size")
        return chunk

    def _plain(self, unpacker: zlib._Decompress, chunk: bytes) -> bytes:
        if unpacker.eof and chunk:
            raise TransientError(f"{self._what}: something follows the packed answer")
        try:
            plain = unpacker.decompress(chunk, self._most_unpacked - self.unpacked + 1)
        except zlib.error:
            raise TransientError(f"{self._what}: the packed answer is damaged") from None
        if unpacker.unused_data:
            raise TransientError(f"{self._what}: something follows the packed answer")
        return plain
