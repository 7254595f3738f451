"""What the region answers when it refuses: the problem body and the two ways to raise it."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def problem(code: str, details: str, path: str | None = None) -> Json:
    """The body of a refusal: one issue, without personal data."""
    return {"issue": [{"severity": "error", "code": code, "details": details, "path": path}]}


class RequestRefused(Exception):
    """The whole request is answered with ``status`` and a problem body."""

    def __init__(
        self,
        status: int,
        code: str,
        details: str,
        *,
        path: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.body = problem(code, details, path)
        self.headers = headers or {}


class ItemRefused(Exception):
    """One item of a batch is answered with ``status``; ``item_id`` names the item it collided with."""

    def __init__(
        self, status: int, code: str, details: str, *, path: str | None = None, item_id: str | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self.item_id = item_id
        self.body = problem(code, details, path)
