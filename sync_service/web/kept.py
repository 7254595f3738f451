"""A form that could not be taken yet, kept in the pages of the door until it is sent again: nothing typed is lost."""

from __future__ import annotations

import json
from dataclasses import dataclass

from fastapi import Request

from sync_service.web.visits import CSRF, MOST_FIELDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where the form was going and what it said, in its order; a name may come several times. False for none."""

    path: str = ""
    fields: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.fields)

    @property
    def text(self) -> str:
        """The fields as one hidden field of the door's forms holds them."""
        return json.dumps(self.fields, ensure_ascii=False)

    @classmethod
    def from_text(cls, path: str, text: str) -> Kept:
        """What a form of the door brings back. Anything that is not such a text, or leads elsewhere, is dropped."""
        try:
            found = json.loads(text) if text else []
            fields = tuple((name, value) for name, value in found)
        except (ValueError, TypeError, RecursionError):
            return NOTHING
        if not path.startswith("/s/") or not all(isinstance(part, str) for pair in fields for part in pair):
            return NOTHING
        return cls(path=path, fields=fields)


NOTHING = Kept()


async def keep(request: Request) -> Kept:
    """The form of a request, without the token and without files."""
    url = request.url
    async with request.form(max_fields=MOST_FIELDS, max_files=1) as form:
        fields = tuple((n, v) for n, v in form.multi_items() if isinstance(v, str) and n != CSRF)
    return Kept(path=f"{url.path}?{url.query}" if url.query else url.path, fields=fields)
