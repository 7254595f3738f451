"""What a failure of HTTP means to us: httpx errors, status codes and unreadable bodies → domain errors.

    nothing was sent (connect, TLS, no free connection)   Unreachable
    no whole answer (timeout, reset, broken protocol)     Unreachable; of a write OutcomeUnknown
    301 … 308                                             ContractError; of a write OutcomeUnknown
    400 405 409 413 415 422                               ContractError
    401                                                   LoginNeeded, after one refresh
    403 404                                               AccessRefused
    410                                                   CursorExpired
    429                                                   RateLimited
    503                                                   Unreachable
    500 502 504                                           TransientError; of a write OutcomeUnknown
    200 with HTML                                         TransientError; of a write OutcomeUnknown
    200 with another body that is not strict JSON         ContractError; of a write OutcomeUnknown

Bodies are never quoted; of a problem body only its code is.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from connectors.strict_json import BadJson, decode
from sync_service.domain.errors import (
    AccessRefused,
    ContractError,
    CursorExpired,
    FatalError,
    LoginNeeded,
    OutcomeUnknown,
    RateLimited,
    SyncError,
    TransientError,
    Unreachable,
)

LONGEST_WAIT: Final = 7 * 24 * 3600.0  # seconds; a region that asks for more is taken to mean this
MOST_PROBLEM: Final = 64 * 1024  # bytes of a problem body that are worth reading
_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)

NOT_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
)
COUNTERPARTS: Final[dict[type[Exception], type[SyncError]]] = {
    httpx.ConnectError: Unreachable,
    httpx.ConnectTimeout: Unreachable,
    httpx.PoolTimeout: Unreachable,
    httpx.ProxyError: Unreachable,
    httpx.ReadTimeout: Unreachable,
    httpx.WriteTimeout: Unreachable,
    httpx.ReadError: Unreachable,
    httpx.WriteError: Unreachable,
    httpx.CloseError: Unreachable,
    httpx.RemoteProtocolError: Unreachable,
    httpx.TimeoutException: Unreachable,
    httpx.NetworkError: Unreachable,
    httpx.ProtocolError: Unreachable,
    httpx.TransportError: Unreachable,
    httpx.RequestError: Unreachable,
    httpx.HTTPError: TransientError,
    httpx.HTTPStatusError: TransientError,
    httpx.DecodingError: ContractError,
    httpx.TooManyRedirects: ContractError,
    # The rest can only come from a defect of ours or from a wrong address.
    httpx.LocalProtocolError: FatalError,
    httpx.UnsupportedProtocol: FatalError,
    httpx.InvalidURL: FatalError,
    httpx.CookieConflict: FatalError,
    httpx.StreamError: FatalError,
    httpx.StreamConsumed: FatalError,
    httpx.StreamClosed: FatalError,
    httpx.ResponseNotRead: FatalError,
    httpx.RequestNotRead: FatalError,
}

_REFUSED: Final[dict[int, type[SyncError]]] = {
    401: LoginNeeded,
    403: AccessRefused,
    404: AccessRefused,
    410: CursorExpired,
    429: RateLimited,
    503: Unreachable,
}
_NEXT_STEP: Final = {
    401: "enter a new regional token",
    403: "ask the region for access to this data",
    404: "check organization_id and base_url",
    410: "everything will be compared again",
    503: "the region is under maintenance, it is tried again later",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer: every byte of the body has arrived and was unpacked within the limits."""

    status: int
    headers: httpx.Headers
    body: bytes


def from_httpx(error: Exception, what: str, *, writing: bool) -> SyncError:
    """The domain error of an httpx one; of a write anything that may have left is OutcomeUnknown."""
    kind = next((COUNTERPARTS[base] for base in type(error).__mro__ if base in COUNTERPARTS), FatalError)
    name = type(error).__name__
    if isinstance(error, NOT_SENT):
        if _is_certificate(error):
            return Unreachable(
                f"{what}: the region's TLS certificate is not trusted; set ca_bundle or tell the region"
            )
        return Unreachable(f"{what}: the region could not be reached ({name}); it is tried again later")
    if writing and kind is not FatalError:
        return OutcomeUnknown(f"{what}: the answer was lost ({name}); the records are read back first")
    return kind(f"{what}: no whole answer came ({name}); it is tried again later")


def _is_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def from_status(answer: Answer, what: str, *, writing: bool, retry_after: float | None) -> SyncError:
    """The domain error of an answer that is not 2xx."""
    status = answer.status
    code = problem_code(answer)
    said = f"{what}: the region answered {status}" + (f" ({code})" if code else "")
    if status == 429:
        return RateLimited(f"{said}; it asks us to wait", retry_after=retry_after)
    kind = _REFUSED.get(status)
    if kind is not None:
        return kind(f"{said}; {_NEXT_STEP[status]}")
    if writing and not (400 <= status < 500 and status not in (408, 409)):
        return OutcomeUnknown(f"{said}; the records are read back first")
    if status >= 500 or status == 408:
        return TransientError(f"{said}; it is tried again later")
    return ContractError(f"{said}; the contract does not foresee this, compare it with openapi.yaml")


def parsed(answer: Answer, what: str, *, writing: bool) -> Any:
    """The JSON value of a 2xx answer; never the content of anything that does not declare itself JSON."""
    problem: SyncError
    if is_json(answer):
        try:
            return decode(answer.body)
        except BadJson as bad:
            problem = ContractError(f"{what}: the answer cannot be believed: {bad}")
    elif is_web_page(answer):
        problem = TransientError(f"{what}: a web page came instead of data; it is tried again later")
    else:
        problem = ContractError(f"{what}: the answer is not declared as JSON")
    if writing:
        raise OutcomeUnknown(f"{problem}; the records are read back first")
    raise problem


def is_json(answer: Answer) -> bool:
    kind = _content_type(answer)
    return kind == "application/json" or kind.endswith("+json")


def is_web_page(answer: Answer) -> bool:
    return _content_type(answer) in ("text/html", "application/xhtml+xml")


def _content_type(answer: Answer) -> str:
    return str(answer.headers.get("content-type", "")).partition(";")[0].strip().lower()


def problem_code(answer: Answer) -> str:
    """The code of a problem body ``{issue: [{code}]}``, empty when there is none that is safe to repeat."""
    if not is_json(answer) or len(answer.body) > MOST_PROBLEM:
        return ""
    try:
        issue = decode(answer.body)["issue"][0]
    except (BadJson, LookupError, TypeError):
        return ""
    return safe_word(issue.get("code")) if isinstance(issue, dict) else ""


def safe_word(text: Any) -> str:
    """A short identifier as it is, anything else as nothing: free text may hold personal data."""
    if (
        isinstance(text, str)
        and len(text) <= 80
        and text.isascii()
        and text.replace("_", "a").replace(".", "a").isalnum()
    ):
        return text
    return ""


def wait_asked(headers: httpx.Headers, now: datetime) -> float | None:
    """Seconds from now of a Retry-After in seconds or as a date; None when absent, past or unreadable.

    A date is taken relative to the answer's own Date, so that a difference of the clocks does not matter. Of
    several the longest counts.
    """
    sent = _http_date(headers.get("date", "")) or now
    waits = [_seconds(text.strip(), sent) for text in headers.get_list("retry-after")]
    longest = max((wait for wait in waits if wait is not None), default=0.0)
    return min(longest, LONGEST_WAIT) if longest > 0 else None


def _seconds(text: str, sent: datetime) -> float | None:
    if _SECONDS.fullmatch(text):
        return float(text)
    at = _http_date(text)
    return None if at is None else (at - sent).total_seconds()


def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
