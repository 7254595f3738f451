"""The systemic brake: equal failures by the dozen stop a stream (invariant 6).

Counted over the whole run, so that small pages do not slip through one by one. What the page or batch at hand
would have kept is not kept, and the position stays before it: once the cause is mended, everything arrives.
"""

from __future__ import annotations

from collections.abc import Iterable

from sync_service.domain.errors import SystemicFailure
from sync_service.domain.guards import systemic_failure
from sync_service.domain.streams import Stream
from sync_service.engine.context import Cycle


def brake(cycle: Cycle, stream: Stream, direction: str, failures: Iterable[tuple[object, str]], *, of: int) -> None:
    """Stop the stream when its records fail by the dozen for one reason; raises SystemicFailure.

    ``failures`` are (record, signature) of the ``of`` records at hand; a record that is read again counts once.
    """
    failed = cycle.tally.failures[stream, direction]
    failed.update(failures)
    cycle.tally.judged[stream, direction] += of
    judged = cycle.tally.judged[stream, direction]
    signatures = [signature for _, signature in failed]
    if signature := systemic_failure(signatures, of=judged):
        raise SystemicFailure(
            f"{stream.value}: {signatures.count(signature)} of {judged} records of this run fail with «{signature}»; "
            "the stream is stopped and goes on from here once the cause is mended. Compare the mapping tables with "
            "the region's release."
        )
