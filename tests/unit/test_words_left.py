"""What a page says once: a record's name in it leads «Отменить» nowhere else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from sync_service.domain.people import Role
from sync_service.web.visits import Visit


def test_a_name_with_an_end_of_line_is_one_line() -> None:
    """The path behind the word is ours alone; other programs may write any name into the school's tables."""
    left: list[str] = []
    parts: Any = SimpleNamespace(door=SimpleNamespace(leave_word=lambda _secret, text: left.append(text)))
    school: Any = SimpleNamespace(code="school-900")
    nothing = cast(Any, None)
    visit = Visit(request=nothing, parts=parts, secret="", session=nothing, school=school, role=Role.SECRETARY)
    visit.go("/conflicts", word="Ёлкина\n/logout\r\n: записано.", undo="/conflicts/5/undo")
    visit.go("/conflicts", word="Ёлкина\n/logout")
    assert left == ["Ёлкина /logout : записано.\n/s/school-900/conflicts/5/undo", "Ёлкина /logout"]
