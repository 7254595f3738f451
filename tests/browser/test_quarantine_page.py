"""«Карантин»: reasons with what to do, trying again and setting aside by group or record, and taking that back."""

from __future__ import annotations

import re
from typing import Any

from sync_service.domain.people import Role
from sync_service.domain.streams import Stream
from sync_service.engine.queries_page import waiting
from tests.browser.site import SCHOOL, Site
from tests.unit.engine.mapped_region import MappedRemote
from tests.unit.engine.test_stale_decisions import a_mark
from tests.unit.engine.world import PUPIL

PATH = f"/s/{SCHOOL}/quarantine"


def unknown_mark(item: dict[str, Any]) -> Any:
    return {**item, "grade": "отлично"}


def set_aside(where: Site) -> int:
    world = where.world
    return waiting(world.db, world.school, world.clock.today(world.school.zone), Role.SECRETARY).quarantined


def two_unreadable_marks(where: Site) -> MappedRemote:
    """Two of three marks of a pupil nobody can read."""
    world = where.world
    remote = MappedRemote.over(world.remote)
    world.remote = remote
    pupil = remote.create(Stream.STUDENTS, dict(PUPIL))
    world.sync()
    marks = [remote.create(Stream.MARKS, a_mark(pupil, where.timetable.lessons[0], position=n)) for n in (1, 2, 3)]
    remote.broken.update(dict.fromkeys(marks[:2], unknown_mark))
    world.sync()
    assert len(world.rows("quarantine")) == 2
    return remote


def connected(where: Site, remote: MappedRemote) -> None:
    where.service.connections.use(where.service.school(SCHOOL), remote)


def group_of(text: str) -> str:
    found = re.search(r'name="group" value="(g\w+)"', text)
    assert found, text
    return found[1]


def test_a_mended_region_lets_a_whole_group_out(school_page: Site) -> None:
    """One reason, two records, what to do; a retry while the reason stands says that they stay."""
    remote = two_unreadable_marks(school_page)
    connected(school_page, remote)
    client = school_page.sign_in(Role.SECRETARY)
    shown = client.get(PATH).text
    assert "2&nbsp;записи" in shown
    assert "Что делать" in shown
    form = {"group": group_of(shown)}
    assert school_page.post(client, f"{PATH}/retry", form).status_code == 303
    assert "Осталось с той же причиной: 2" in client.get(PATH).text
    remote.mended = True
    assert school_page.post(client, f"{PATH}/retry", form).status_code == 303
    assert "Вышло из карантина: 2" in client.get(PATH).text
    assert len(school_page.world.rows("marks")) == 3


def test_without_the_region_nothing_changes_and_the_reason_is_said(school_page: Site) -> None:
    two_unreadable_marks(school_page)
    client = school_page.sign_in(Role.SECRETARY)
    answer = school_page.post(client, f"{PATH}/retry", {"group": group_of(client.get(PATH).text)})
    assert answer.status_code in (409, 503)
    assert 'role="alert"' in answer.text
    assert len(school_page.world.rows("quarantine")) == 2


def test_one_record_is_set_aside_for_good_and_brought_back(school_page: Site) -> None:
    """It no longer counts as waiting, stands in the list of what was set aside, and returns from there. Who opens
    a record as it came stands in the journal."""
    two_unreadable_marks(school_page)
    world, client = school_page.world, school_page.sign_in(Role.SECRETARY)
    group = group_of(client.get(PATH).text)
    records = client.get(f"{PATH}?group={group}").text
    first = re.findall(r'name="item" value="(\d+)"', records)[0]
    nothing = school_page.post(client, f"{PATH}/discard", {"group": group, "ticked": "1"})
    assert (nothing.status_code, "Отметьте записи" in nothing.text) == (422, True)
    assert (
        school_page.post(client, f"{PATH}/discard", {"group": group, "ticked": "1", "item": first}).status_code == 303
    )
    assert set_aside(school_page) == 1
    aside = client.get(f"{PATH}?discarded=1").text
    assert "1&nbsp;запись" in aside
    assert school_page.post(client, f"{PATH}/undo", {"group": group_of(aside)}).status_code == 303
    assert set_aside(school_page) == 2
    assert "отлично" in client.get(f"{PATH}/{first}").text
    with world.db.read(world.school.school_id) as uow:
        assert f"page:quarantine:{first}" in {row.cause for row in uow.audited.page(limit=5)}


def test_the_secretary_reads_captions_and_the_administrator_the_rest(school_page: Site) -> None:
    """Whom the record is about is told by its references; codes, tables and payloads are for whoever needs them."""
    two_unreadable_marks(school_page)
    secretary, admin = school_page.sign_in(Role.SECRETARY), school_page.sign_in(Role.ADMIN)
    board = secretary.get(PATH).text
    assert "«Отметка»: значение, которого программа не знает" in board
    assert "Ёлкина Анна Петровна: Алгебра, 18.11.2026, 2-й урок" in board
    records = secretary.get(PATH, params={"group": group_of(board)}).text
    number = re.findall(r'name="item" value="(\d+)"', records)[0]
    card = secretary.get(f"{PATH}/{number}").text
    assert "<dt>Отметка</dt><dd>отлично</dd>" in card
    for page in (board, records, card):
        assert not re.search("grade|unmapped_code|codes/|mappings|payload|studentId", page)
    for page in (admin.get(PATH).text, admin.get(f"{PATH}/{number}").text):
        assert "Подробности для администратора" in page
        assert "codes/marks.toml" in page
    assert "&#34;grade&#34;" in admin.get(f"{PATH}/{number}").text
    with school_page.world.db.read(school_page.world.school.school_id) as uow:
        seen = [row for row in uow.audited.page(limit=20) if row.cause.startswith("page:quarantine")]
    assert all(row.students for row in seen)
