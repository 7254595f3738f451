"""Tables: ``staging`` belongs to the school, the others to synchronisation; one database."""

from sync_service.persistence.schema import erasures, people, review, state
from sync_service.persistence.schema.staging import LOCAL_ONLY, LOOK_UP, STAGING
from sync_service.persistence.schema.types import metadata

__all__ = ["LOCAL_ONLY", "LOOK_UP", "STAGING", "erasures", "metadata", "people", "review", "state"]
