"""One transaction of one school, with a store per noun; checked against the lease before it is kept."""

from __future__ import annotations

from collections.abc import Callable

from sync_service.domain.errors import LeaseLost
from sync_service.engine.stores import Fence
from sync_service.persistence.stores.attempts import Attempts
from sync_service.persistence.stores.audit import Audit
from sync_service.persistence.stores.audited import Audited
from sync_service.persistence.stores.cases import Cases
from sync_service.persistence.stores.conflicts import Conflicts
from sync_service.persistence.stores.contacts import Contacts
from sync_service.persistence.stores.cursors import Cursors
from sync_service.persistence.stores.erasing import Erasures
from sync_service.persistence.stores.guard import GuardCounts, Holds
from sync_service.persistence.stores.inbox import Inbox
from sync_service.persistence.stores.journal import ChangeJournal
from sync_service.persistence.stores.lessons import Staging
from sync_service.persistence.stores.links import Links
from sync_service.persistence.stores.matches import Matches
from sync_service.persistence.stores.notifications import Notifications
from sync_service.persistence.stores.outbox import Outbox
from sync_service.persistence.stores.plans import Plans
from sync_service.persistence.stores.quarantine import Quarantine
from sync_service.persistence.stores.releases import Releases
from sync_service.persistence.stores.subjects import Subjects
from sync_service.persistence.transactions import Transaction

# FOR SHARE: a takeover waits for this commit, so that no write can slip in behind it.
_OWNED = (
    "SELECT t.stream FROM leases AS t WHERE t.school_id = ? AND t.stream {texts} AND t.token = ?"
    " AND t.holder IS NOT NULL {share}"
)


class SqlUnitOfWork:
    """Stores over one transaction; nothing is kept unless ``commit`` is reached."""

    def __init__(self, tx: Transaction, fence: Fence | None, new_ref: Callable[[], str]) -> None:
        self._tx = tx
        self._fence = fence
        self.committed = False
        self.staging = Staging(tx)
        self.links = Links(tx)
        self.journal = ChangeJournal(tx)
        self.inbox = Inbox(tx)
        self.quarantine = Quarantine(tx)
        self.conflicts = Conflicts(tx)
        self.outbox = Outbox(tx, new_ref)
        self.attempts = Attempts(tx)
        self.cursors = Cursors(tx)
        self.matches = Matches(tx)
        self.releases = Releases(tx)
        self.audit = Audit(tx)
        self.audited = Audited(tx)
        self.notifications = Notifications(tx)
        self.contacts = Contacts(tx)
        self.plans = Plans(tx)
        self.guard = GuardCounts(tx)
        self.holds = Holds(tx)
        self.cases = Cases(tx)
        self.subjects = Subjects(tx)
        self.erasures = Erasures(tx, self.audit)

    def commit(self) -> None:
        """Chain the audit entries, check the fence, commit. Raises LeaseLost when the fence is stale."""
        if not self._tx.writable:
            raise RuntimeError("this unit of work is for reading")
        self.audit.flush()
        self._check_fence()
        self._tx.unmute_journal()
        self._tx.connection.commit()
        self.committed = True

    def _check_fence(self) -> None:
        if self._fence is None:
            return
        share = "FOR SHARE" if self._tx.dialect.name == "postgresql" else ""
        streams = [s.value for s in self._fence.streams]
        owned = self._tx.query(_OWNED, self._tx.school, streams, self._fence.token, share=share)
        if len(owned) != len(set(streams)):
            self._tx.connection.rollback()
            raise LeaseLost("another run has taken over; nothing of this transaction was kept")
