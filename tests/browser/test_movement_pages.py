"""«Движение» and the pupil's card: what a secretary enters, keeps after a mistake, and is told of."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from sync_service.domain.errors import TransientError
from sync_service.domain.people import Role
from sync_service.domain.streams import Stream
from sync_service.engine.enter_arrival import enter_arrival
from tests.browser.chromium import signed_in
from tests.browser.site import Site
from tests.unit.engine.test_movements import CHILD, MINIMAL, ORDER, form
from tests.unit.engine.test_release_watch import CARD, arrive, enrolled, states


@pytest.fixture
def office(school_page: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The page asks the region of the world."""
    monkeypatch.setattr(school_page.service, "remote", lambda school: school_page.world.remote)
    return school_page


def test_an_available_pupil_is_enrolled_without_javascript(chromium: Browser, office: Site) -> None:
    """Search, choose, a mistake that keeps what was typed, and the next run enrols without a new card."""
    world = office.world
    person = world.remote.add_person(CARD)
    context = signed_in(chromium, office, Role.SECRETARY, java_script_enabled=False)
    page = context.new_page()
    page.goto(office.at("/movements"))
    page.get_by_role("link", name="Записать прибытие").click()
    page.get_by_label("Фамилия").fill("Ёлкина")
    page.get_by_label("Имя", exact=True).fill("Анна")
    page.get_by_label("Отчество").fill("Петровна")
    page.get_by_role("button", name="Искать").click()
    expect(page.get_by_role("alert")).to_contain_text("Впишите дату рождения")
    page.get_by_label("Дата рождения").fill("11.05.2012")
    page.get_by_role("button", name="Искать").click()
    page.get_by_role("button", name="Зачислить").click()
    page.get_by_label("Номер приказа").fill("77-у")
    page.get_by_label("Дата приказа").fill("16.11.2026")
    page.get_by_label("Зачислен с").fill("16.11.2026")
    page.get_by_label("Из школы, которая ведёт движение").check()
    page.get_by_label("Прежняя школа").fill("Школа № 12")
    page.get_by_role("button", name="Записать и зачислить").click()
    expect(page.get_by_role("alert")).to_contain_text("Выберите класс")
    expect(page.get_by_label("Номер приказа")).to_have_value("77-у")
    expect(page.get_by_label("Из школы, которая ведёт движение")).to_be_checked()
    page.get_by_label("Класс").select_option("8А")
    page.get_by_role("button", name="Записать и зачислить").click()
    expect(page.get_by_role("status")).to_contain_text("зачислим без новой карточки")
    expect(page.locator(".moves")).to_contain_text("ждёт сверки")
    world.sync()
    assert enrolled(world) == [person]
    context.close()


def test_a_failed_look_up_is_shown_as_an_error(office: Site) -> None:
    """Never as «not found»; nothing of the pupil stands in the address."""
    client = office.sign_in(Role.SECRETARY)
    office.world.remote.fail_next(TransientError("away"), call="find_available")
    answer = office.post(client, "/s/school-900/movements/arrival", CHILD)
    assert "Список не проверен" in answer.text
    assert "такого ученика нет" not in answer.text
    assert str(answer.url).endswith("/movements/arrival")
    assert "такого ученика нет" in office.post(client, "/s/school-900/movements/arrival", CHILD).text


def test_a_departure_keeps_what_was_typed_until_its_destination_is_told(office: Site) -> None:
    """422 with the field named; then it is in the book, and on its way to the region."""
    world = office.world
    world.remote.add_person(CARD)
    student = arrive(world)
    world.sync()
    client = office.sign_in(Role.SECRETARY)
    assert (
        f"/movements/departure/{student}"
        in office.post(client, "/s/school-900/movements/departure", {"q": "Ёлк"}).text
    )
    path = f"/s/school-900/movements/departure/{student}"
    leave = {"date": "19.11.2026", "order_number": "80-<b>", "order_date": "19.11.2026"}
    answer = office.post(client, path, leave)
    assert answer.status_code == 422
    assert 'href="#f-destination_name"' in answer.text
    assert 'value="80-&lt;b&gt;"' in answer.text
    assert office.post(client, path, leave | {"destination_name": "Школа № 12"}).status_code == 303
    assert "Выбытие записано" in client.get("/s/school-900/movements?kind=departure").text
    world.sync()
    assert {m["kind"] for m in world.remote.records(Stream.MOVEMENTS).values()} == {"arrival", "departure"}


def test_the_board_leads_to_the_origin_and_says_what_comes_next(office: Site) -> None:
    """Case F: «Указать в движении» opens the form of that case."""
    arrive(office.world)
    office.world.sync()
    client = office.sign_in(Role.SECRETARY)
    (path,) = re.findall(r'href="(/s/school-900/movements/origin/\d+)"', client.get("/s/school-900/releases").text)
    assert "Откуда прибыл" in client.get(path).text
    assert office.post(client, path, {"origin_kind": "school"}).status_code == 422
    assert office.post(client, path, {"origin_kind": "school", "origin_name": "Школа № 12"}).status_code == 303
    assert "при следующей сверке" in client.get("/s/school-900/releases").text
    office.world.sync()
    assert states(office.world) == [("B", "not_released")]


def test_the_book_goes_out_without_formulas_and_with_an_entry(office: Site) -> None:
    """What a spreadsheet would compute comes as text; the journal names who took which pupils."""
    world = office.world
    enter_arrival(world.desk(), form(world, order_number="=1+1", last_name="-Ёлкина"))
    client = office.sign_in(Role.DIRECTOR)
    assert "Записать прибытие" not in client.get("/s/school-900/movements").text
    table = office.post(client, "/s/school-900/movements/export", {"kind": "arrival"})
    assert "'=1+1" in table.text
    assert ";=1+1" not in table.text
    assert office.post(client, "/s/school-900/movements/export", {"kind": "departure"}).text.count("\n") == 1
    causes = [row["cause"] for row in world.rows("audit") if row["actor"] == "director1"]
    assert causes == ["page:movements", "page:movements:export"]


def test_parents_of_a_sibling_are_offered_and_numbers_are_masked(office: Site) -> None:
    """The card of the parent can be ticked; СНИЛС and phones are shown only after «Показать», which is journalled."""
    world = office.world
    first = enter_arrival(world.desk(), form(world, **MINIMAL, origin_kind="none", snils="112-233-445 95"))
    client = office.sign_in(Role.SECRETARY)
    sibling = {"last_name": "Ёлкин", "first_name": "Пётр", "birth_date": "03.02.2014"}
    offered = office.post(client, "/s/school-900/movements/arrival/form", sibling).text
    (name,) = re.findall(r'name="(attach-\d+)"', offered)
    assert "000-00-07" not in offered
    klass = str(world.rows("classes")[0]["id"])
    order = ORDER | {"order_number": "78-у", "class_id": klass, "origin_kind": "school", "origin_name": "Школа № 12"}
    saved = office.post(client, "/s/school-900/movements/arrival/save", sibling | order | {name: "1"})
    assert saved.status_code == 303
    assert (world.count("guardians"), world.count("guardianships")) == (1, 2)
    path = f"/s/school-900/pupils/{first.student_id}"
    masked = client.get(path).text
    assert "•••-•••-••• 95" in masked
    assert "112-233-445" not in masked
    shown = office.post(client, path).text
    assert "112-233-445 95" in shown
    assert "8 (912) 000-00-07" in shown
    assert world.rows("audit")[-1]["cause"] == "page:unmask"
