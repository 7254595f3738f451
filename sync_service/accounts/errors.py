"""What is said to who may not enter, and to who may not change an account as asked.

DecisionError
├── Denied
│   └── TooManyTries
└── AccountError
"""

from __future__ import annotations

from datetime import timedelta

from sync_service.domain.errors import DecisionError


class Denied(DecisionError):
    """Nobody is let in; the text may be shown and does not say which part was wrong."""


class TooManyTries(Denied):
    """Come back after ``wait``."""

    def __init__(self, wait: timedelta) -> None:
        minutes = max(1, round(wait.total_seconds() / 60))
        super().__init__(f"Слишком много попыток входа. Попробуйте снова через {minutes} мин.")
        self.wait = wait


class AccountError(DecisionError):
    """An account or a token cannot be changed as asked; the text says why and what to do."""
