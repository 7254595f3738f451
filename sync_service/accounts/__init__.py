"""Who may enter: people with their roles and passwords, the door they come in by, programs with their tokens.

Nothing secret is stored in a usable form except the secret of the second factor: passwords as argon2id hashes
(RFC 9106), sessions and tokens as SHA-256 of 256 random bits.
"""

from sync_service.accounts.door import ABSOLUTE, IDLE, Door
from sync_service.accounts.errors import AccountError, Denied, TooManyTries
from sync_service.accounts.passwords import Passwords
from sync_service.accounts.people import Accounts
from sync_service.accounts.programs import Programs
from sync_service.accounts.store import TOUCH, PeopleStore, digest_of

__all__ = [
    "ABSOLUTE",
    "IDLE",
    "TOUCH",
    "AccountError",
    "Accounts",
    "Denied",
    "Door",
    "Passwords",
    "PeopleStore",
    "Programs",
    "TooManyTries",
    "digest_of",
]
