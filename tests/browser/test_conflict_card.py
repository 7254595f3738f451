"""The conflict card in Chromium: the secretary's way through a decision."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from sync_service.domain.audit import Act, AuditEntry, AuditItem
from sync_service.domain.people import Role
from sync_service.domain.streams import Stream
from tests.browser.chromium import signed_in
from tests.browser.site import SCHOOL, Site, errors_on


def test_a_conflict_is_decided_with_three_keys_and_taken_back(desk: Page, school_page: Site) -> None:
    """1, Enter: the school's value goes to the region; the card says what will be written; U takes it back."""
    case = school_page.clash()
    errors = errors_on(desk)
    desk.goto(school_page.at("/conflicts"))
    desk.get_by_role("link", name="Решить").click()
    expect(desk.locator("mark.diff").first).to_have_text("1")
    desk.keyboard.press("1")
    expect(desk.locator("[data-effect]")).to_contain_text("Записать 8 (912) 000-00-01 в ГИС")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("status")).to_contain_text("записано в ГИС")
    school_page.world.sync()
    assert school_page.world.remote.records("students")  # type: ignore[arg-type]  # a stream by its name
    desk.goto(school_page.at(f"/conflicts/{case}"))
    desk.keyboard.press("u")
    expect(desk.get_by_role("status")).to_contain_text("отменяется")
    assert errors == []


def test_the_card_says_when_and_by_whom_each_side_was_changed(school_page: Site) -> None:
    """In the school's zone; a side of which nothing is known says nothing."""
    case = school_page.clash()
    client = school_page.sign_in(Role.SECRETARY)
    path = f"/s/{SCHOOL}/conflicts/{case}"
    with school_page.world.db.read(school_page.world.school.school_id) as uow:
        (opened,) = uow.conflicts.cases()
    assert opened.local_at is not None, "the journal knew it"
    assert opened.remote_at is None, "this region does not tell"
    there = opened.local_at + timedelta(hours=1)
    with school_page.world.db.write(school_page.world.school.school_id) as uow:
        uow.conflicts.save([replace(opened, remote_at=there)])
        item = AuditItem(stream=Stream.STUDENTS, act=Act.ENTER, local_id=opened.local_id, student_id=opened.local_id)
        uow.audit.append([AuditEntry(act="enter", actor="secretary1", cause="movements:arrival", items=(item,))])
        uow.commit()
    said = school_page.world.rows("audit")[-1]["at"]
    with school_page.world.db.write(school_page.world.school.school_id) as uow:
        uow.conflicts.save([replace(opened, local_at=datetime.fromisoformat(str(said)), remote_at=there)])
        uow.commit()
    (why,) = re.findall(r'<p class="why">(.*?)</p>', client.get(path).text, re.DOTALL)
    zone = ZoneInfo(school_page.world.school.zone)
    text = " ".join(re.sub(r"<[^>]+>", " ", why).split())
    assert "Secretary А. В." in text
    assert f"{there.astimezone(zone):%H:%M}" in text


def test_a_decision_on_old_values_is_refused_with_the_fresh_ones(desk: Page, school_page: Site) -> None:
    """What was chosen stays chosen; nothing is written."""
    case = school_page.clash()
    desk.goto(school_page.at(f"/conflicts/{case}"))
    row = school_page.world.rows("students")[0]
    school_page.world.update("students", row["id"], phone="+79120000009")
    desk.get_by_label("8 (912) 000-00-01").check()
    desk.get_by_role("button", name="Записать и остаться").click()
    expect(desk.get_by_role("alert")).to_contain_text("изменилось")
    expect(desk.locator(".clash")).to_contain_text("8 (912) 000-00-09")


def test_two_people_see_each_other(chromium: Browser, desk: Page, school_page: Site) -> None:
    case = school_page.clash()
    desk.goto(school_page.at(f"/conflicts/{case}"))
    other = signed_in(chromium, school_page, Role.ADMIN)
    page = other.new_page()
    page.goto(school_page.at(f"/conflicts/{case}"))
    expect(page.locator(".acts__who")).to_contain_text("Открыто также у Secretary А. В.")
    other.close()


def test_without_javascript_the_same_form_decides(chromium: Browser, school_page: Site) -> None:
    """A missing choice is asked for; a third value is written on both sides."""
    case = school_page.clash()
    context = signed_in(chromium, school_page, Role.SECRETARY, java_script_enabled=False)
    page = context.new_page()
    page.goto(school_page.at(f"/conflicts/{case}"))
    page.get_by_role("button", name="Записать и остаться").click()
    expect(page.get_by_role("alert")).to_contain_text("Выберите значение: Телефон")
    page.get_by_label("Другое", exact=True).check()
    page.get_by_label("Другое значение: Телефон").fill("8 (912) 000-00-03")
    page.get_by_role("button", name="Записать и остаться").click()
    expect(page.locator("main")).to_contain_text("Решено")
    expect(page.get_by_role("status")).to_contain_text("записано в школе и в ГИС")
    assert school_page.world.rows("students")[0]["phone"] == "+79120000003"
    context.close()


HERE = {"phone": "+79120000001", "address": "ул. Ленина, д. 5"}
THERE = {"phone": "+79120000002", "address": "ул. Мира, д. 5"}


@pytest.mark.parametrize(
    ("effect", "phone", "sent"),
    [
        ("Взять всё из школы: записать 2 значения в ГИС и открыть следующее", "+79120000001", "+79120000001"),
        ("Взять всё из ГИС: записать 2 значения в школе и открыть следующее", "+79120000002", "+79120000002"),
    ],
)
def test_taking_a_whole_side_says_what_it_writes_and_where(
    desk: Page, school_page: Site, effect: str, phone: str, sent: str
) -> None:
    case = school_page.disagree(HERE, THERE)
    desk.goto(school_page.at(f"/conflicts/{case}"))
    desk.get_by_role("button", name=effect, exact=True).click()
    expect(desk.get_by_role("status")).to_contain_text("записано")
    school_page.world.sync()
    assert school_page.world.rows("students")[0]["phone"] == phone
    (record,) = school_page.world.remote.records(Stream.STUDENTS).values()
    assert record["phone"] == sent


def test_the_button_says_every_effect(desk: Page, school_page: Site) -> None:
    """One value by itself, several by number; a third value is written on both sides."""
    case = school_page.disagree(HERE, THERE)
    desk.goto(school_page.at(f"/conflicts/{case}"))
    button = desk.locator("button[data-effect]")
    desk.get_by_label("8 (912) 000-00-01").check()
    expect(button).to_contain_text("Записать 8 (912) 000-00-01 в ГИС и открыть следующее")
    desk.get_by_label("ул. Мира, д. 5").check()
    expect(button).to_contain_text("в школе и в ГИС и открыть следующее")
    desk.get_by_label("8 (912) 000-00-02").check()
    expect(button).to_contain_text("Записать значений: 2 в школе и открыть следующее")
    desk.get_by_label("Другое значение: Телефон").fill("8 (912) 000-00-03")
    expect(button).to_contain_text("Записать значений: 2 в школе и в ГИС")


def test_all_fields_are_shown_with_their_numbers_hidden(desk: Page, school_page: Site) -> None:
    case = school_page.disagree({"address": "ул. Ленина"}, {"address": "ул. Мира"}, phone="+79120000007")
    desk.goto(school_page.at(f"/conflicts/{case}"))
    rest = desk.locator("details.more")
    expect(rest.get_by_text("Дата рождения", exact=True)).not_to_be_visible()
    rest.get_by_text("Показать все поля").click()
    expect(rest.get_by_text("Дата рождения", exact=True)).to_be_visible()
    expect(rest).to_contain_text("8 (•••) •••-00-07")
    expect(rest).not_to_contain_text("ул. Ленина")
    assert "912" not in rest.inner_text()


def test_a_suggestion_gives_its_reason_and_chooses_nothing(desk: Page, school_page: Site) -> None:
    spelt = school_page.disagree({"address": "ул. Королёва"}, {"address": "ул. Королева"})
    desk.goto(school_page.at(f"/conflicts/{spelt}"))
    expect(desk.locator(".tip")).to_contain_text("Подсказка: школа — отличается только написание")
    expect(desk.locator("input:checked")).to_have_count(0)
    other = school_page.clash(last_name="Панов", snils="11223344595")
    desk.goto(school_page.at(f"/conflicts/{other}"))
    expect(desk.locator(".tip")).to_have_count(0)


def test_the_message_takes_the_decision_back_and_goes_after_ten_seconds(desk: Page, school_page: Site) -> None:
    """On the next card U is of the message; it stays while somebody points at it; afterwards the history has it."""
    first = school_page.clash()
    second = school_page.clash(last_name="Панов", snils="11223344595")
    desk.clock.install()
    desk.goto(school_page.at(f"/conflicts/{first}"))
    desk.keyboard.press("2")
    desk.keyboard.press("Enter")
    expect(desk).to_have_url(school_page.at(f"/conflicts/{second}"))
    toast = desk.locator(".toast")
    desk.clock.run_for(9000)
    expect(toast).to_contain_text("Отменить")
    desk.keyboard.press("u")
    expect(desk).to_have_url(school_page.at(f"/conflicts/{first}"))
    expect(desk.get_by_role("status")).to_contain_text("Решение отменено")
    assert school_page.world.rows("students")[0]["phone"] == "+79120000001"

    desk.keyboard.press("2")
    desk.keyboard.press("Enter")
    expect(toast).to_contain_text("Отменить")
    toast.hover()
    desk.clock.run_for(20000)
    expect(toast).to_have_count(1)
    desk.mouse.move(5, 5)
    desk.clock.run_for(11000)
    expect(toast).to_have_count(0)
    desk.goto(school_page.at(f"/conflicts/{first}"))
    expect(desk.get_by_role("button", name="Отменить решение")).to_be_visible()


def test_the_message_takes_back_without_javascript(chromium: Browser, school_page: Site) -> None:
    case = school_page.clash()
    context = signed_in(chromium, school_page, Role.SECRETARY, java_script_enabled=False)
    page = context.new_page()
    page.goto(school_page.at(f"/conflicts/{case}"))
    page.get_by_label("8 (912) 000-00-02").check()
    page.get_by_role("button", name="Записать и открыть следующее").click()
    expect(page.locator(".ring")).to_be_hidden()
    page.locator(".toast").get_by_role("button", name="Отменить").click()
    expect(page.get_by_role("status")).to_contain_text("Решение отменено")
    context.close()
