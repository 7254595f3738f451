"""«Задержанные изменения»: exactly the set that was shown is let go, deletions by two people, all can be undone."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Browser, expect

from sync_service.domain.people import Role
from sync_service.domain.streams import Stream
from tests.browser.chromium import signed_in
from tests.browser.held import held, lost_marks, marked_pupils
from tests.browser.site import SCHOOL, Site, errors_on
from tests.unit.guard.crowd import live, rows_of


def path(hold: int) -> str:
    return f"/s/{SCHOOL}/holds/{hold}"


def digest(page: httpx.Response) -> str:
    found = re.search(r'name="digest" value="(\w+)"', page.text)
    assert found, page.text
    return found[1]


def test_two_people_delete_what_one_may_not(school_page: Site) -> None:
    """A wrong number is asked for again, the first word deletes nothing, the same person cannot be the second, the
    page names who can; after the second word the next run deletes exactly the six."""
    marked_pupils(school_page)
    hold = lost_marks(school_page, 6)
    first, second = school_page.sign_in(Role.SECRETARY), school_page.sign_in(Role.DIRECTOR)
    inbox = first.get(f"/s/{SCHOOL}").text
    assert "6 удалений в отметках" in inbox
    assert "Ничего не удалено" in inbox
    assert "Проверить" in inbox
    card = first.get(path(hold))
    assert card.text.count("будет удалена") == 6
    assert "Director А. В." in card.text
    assert "Viewer А. В." not in card.text
    form = {"do": "release", "digest": digest(card)}
    refused = school_page.post(first, path(hold), {**form, "typed": "5"})
    assert refused.status_code == 422
    assert 'value="5"' in refused.text
    assert "Введите число" in refused.text
    assert school_page.post(first, path(hold), {**form, "typed": "6"}).status_code == 303
    school_page.world.sync()
    assert live(school_page.world, Stream.MARKS) == 30
    again = school_page.post(first, path(hold), {**form, "typed": "6"})
    assert again.status_code == 422
    assert "второй человек" in again.text
    assert "Secretary А. В." in second.get(path(hold)).text
    assert school_page.post(second, path(hold), {**form, "typed": "6"}).status_code == 303
    school_page.world.sync()
    assert live(school_page.world, Stream.MARKS) == 24
    assert "Ничего не задержано" in second.get(f"/s/{SCHOOL}/holds").text


def test_a_grown_set_is_refused_with_the_fresh_one(school_page: Site) -> None:
    """Neither letting go nor discarding passes with the list of before; the answer is the list of now."""
    marked_pupils(school_page)
    hold = lost_marks(school_page, 6)
    client = school_page.sign_in(Role.SECRETARY)
    shown = digest(client.get(path(hold)))
    school_page.world.delete("marks", rows_of(school_page.world, "marks")[0])
    school_page.world.sync()
    for action in ("release", "discard"):
        answer = school_page.post(client, path(hold), {"do": action, "digest": shown, "typed": "6"})
        assert answer.status_code == 409
        assert answer.text.count("будет удалена") == 7
        assert "Состав изменился" in answer.text
        assert digest(answer) != shown
    assert live(school_page.world, Stream.MARKS) == 30


def test_discarded_deletions_bring_the_records_back(school_page: Site) -> None:
    """The page says that this cannot be taken back, and offers no button for it."""
    marked_pupils(school_page)
    hold = lost_marks(school_page, 6)
    client = school_page.sign_in(Role.SECRETARY)
    form = {"do": "discard", "digest": digest(client.get(path(hold)))}
    assert school_page.post(client, path(hold), form).status_code == 303
    assert len(school_page.world.rows("marks")) == 30
    assert "Решено за последнюю неделю" in client.get(f"/s/{SCHOOL}/holds").text
    decided = client.get(path(hold)).text
    assert "Записи снова в базе школы" in decided
    assert "/undo" not in decided


def test_a_released_change_shows_both_values_and_can_be_taken_back(school_page: Site) -> None:
    """25 phones: was and becomes stand beside each other; after the undo the same set is held again."""
    marked_pupils(school_page)
    for row in rows_of(school_page.world, "students")[:25]:
        school_page.world.update("students", row, phone="+79120000055")
    school_page.world.sync()
    hold = held(school_page.world)
    client = school_page.sign_in(Role.SECRETARY)
    card = client.get(path(hold))
    assert card.text.count("8 (912) 000-00-55") == 25
    assert "Изменить 25 записей в ГИС" in card.text
    form = {"do": "release", "digest": digest(card), "typed": "25"}
    assert school_page.post(client, path(hold), form).status_code == 303
    assert school_page.post(client, path(hold) + "/undo").status_code == 303
    assert held(school_page.world) == hold
    school_page.world.sync()
    assert all(card["phone"] is None for card in school_page.world.remote.records(Stream.STUDENTS).values())


def test_the_card_reads_on_a_narrow_screen_and_the_journal_knows_who_read_it(
    chromium: Browser, school_page: Site
) -> None:
    """The button says its effect, nothing runs out of the screen, no script complains; six pupils were seen."""
    marked_pupils(school_page)
    hold = lost_marks(school_page, 6)
    context = signed_in(chromium, school_page, Role.DIRECTOR)
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 800})
    errors = errors_on(page)
    page.goto(school_page.at(f"/holds/{hold}"))
    expect(page.get_by_role("button", name="Первое слово: удалить 6 записей в ГИС")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert errors == []
    context.close()
    with school_page.world.db.read(school_page.world.school.school_id) as uow:
        seen = [row for row in uow.audited.page(limit=20) if row.cause == f"page:holds:{hold}"]
    assert [(row.actor, len(row.students)) for row in seen] == [("director1", 6)]
