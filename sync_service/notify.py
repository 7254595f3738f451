"""Telling people, behind the Notifier port: an event in the log that something waits in the table.

The message itself names pupils, so it stands in the table ``notifications`` alone, where the engine put it.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from sync_service.engine.ports import Notification


class LogNotifier:
    """One event per message with role and key; neither text nor addresses. Never raises."""

    def tell(self, school_code: str, notification: Notification, contacts: Sequence[str]) -> None:
        structlog.get_logger().info(
            "notification",
            school=school_code,
            role=notification.role.value,
            key=notification.key,
            severity=notification.severity,
            count=len(contacts),
        )
