"""The systemic brake: equal failures by the dozen stop a stream before anything of them is kept (invariant 6)."""

from __future__ import annotations

from collections.abc import Sequence

from sync_service.domain.errors import ContractError
from sync_service.domain.guards import systemic_failure
from sync_service.domain.streams import Stream


def brake(stream: Stream, signatures: Sequence[str], *, of: int) -> None:
    """Stop the stream when its records fail by the dozen for one reason; raises ContractError."""
    if signature := systemic_failure(signatures, of=of):
        raise ContractError(
            f"{stream.value}: {signatures.count(signature)} of {of} records fail with «{signature}»; the stream is "
            "stopped and nothing of this page was applied. Compare the mapping tables with the region's release."
        )
