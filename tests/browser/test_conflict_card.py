"""The conflict card in Chromium: the secretary's way through a decision."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from sync_service.domain.people import Role
from tests.browser.conftest import signed_in
from tests.browser.site import Site, errors_on


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
    assert school_page.world.rows("students")[0]["phone"] == "+79120000003"
    context.close()
