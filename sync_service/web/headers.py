"""What every answer carries, and which requests are not even looked at.

The policy allows nothing but our own files: no inline script or style, no frame, no other origin (OWASP ASVS 5.0,
3.4). A request that changes something must come from a page of ours: the browser says so in ``Sec-Fetch-Site``
and ``Origin``; the token in the form proves it once more.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
COMMON = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LARGEST_BODY = 32 * 1024 * 1024  # a class report of a whole year has 2 MiB


class Gate:
    """Refuses foreign hosts, foreign origins and oversized bodies; adds the headers to everything else."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], secure: bool) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refusal(scope["method"], headers)
        static = scope["path"].startswith("/static/")

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in COMMON.items():
                    answer.setdefault(name, value)
                if self._secure:
                    answer.setdefault("Strict-Transport-Security", "max-age=31536000")
                if not static:
                    answer.setdefault("Cache-Control", "no-store")
            await send(message)

        if refused is not None:
            await PlainTextResponse(refused[1], status_code=refused[0])(scope, receive, dressed)
            return
        await self._app(scope, receive, dressed)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if _name_of(host) not in self._hosts:
            return 421, "Этот адрес здесь не обслуживается. Откройте страницу по адресу из настройки web.public_url."
        if "transfer-encoding" in headers:
            return 411, "Длина запроса не названа."
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            return 413, "Слишком большой запрос: не больше 32 МиБ."
        if method in UNSAFE and "authorization" not in headers:
            site, origin = headers.get("sec-fetch-site"), headers.get("origin")
            if site not in (None, "same-origin", "none"):
                return 403, "Запрос пришёл с чужой страницы и отклонён."
            if origin is not None and origin.rpartition("://")[2] != host:
                return 403, "Запрос пришёл с чужой страницы и отклонён."
            if site is None and origin is None:
                return 403, "Браузер не сказал, с какой страницы запрос. Обновите браузер."
        return None


def _name_of(host: str) -> str:
    """The host without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()
