"""«Пересверка»: a preview whose figures add up, exactly that written, and what has changed since left alone."""

from __future__ import annotations

import csv
import re
import threading
from io import StringIO
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from sync_service.domain.people import Role
from sync_service.domain.streams import Stream
from sync_service.web import errands
from tests.browser.chromium import signed_in
from tests.browser.site import SCHOOL, Site, errors_on
from tests.unit.engine.world import PUPIL
from tests.unit.guard.crowd import a_pupil, rows_of

PATH = f"/s/{SCHOOL}/resync"


@pytest.fixture
def admin(school_page: Site) -> httpx.Client:
    """The administrator; the page reaches the region of the test."""
    school_page.service.connections.use(school_page.service.school(SCHOOL), school_page.world.remote)
    return school_page.sign_in(Role.ADMIN)


def pupils(where: Site, size: int = 12) -> list[int]:
    """Pupils known to both sides; their rows."""
    for number in range(size):
        where.world.remote.create(Stream.STUDENTS, a_pupil(number))
    where.world.sync(attended=True)
    return rows_of(where.world, "students")


def edited(where: Site) -> None:
    """Six pupils edited in the school (one of them on both sides in different fields), one added in the region."""
    for row in pupils(where)[:6]:
        where.world.update("students", row, phone="+79120000055")
    first = next(iter(where.world.remote.records(Stream.STUDENTS)))
    where.world.remote.edit(Stream.STUDENTS, first, email="anna@example.ru")
    where.world.remote.create(Stream.STUDENTS, a_pupil(40))


def planned(where: Site, client: httpx.Client, **fields: Any) -> str:
    """The path of a plan over these fields of the form."""
    answer = where.post(client, PATH, {"scope": "all", "kind": "compare", **fields})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def digest(page: httpx.Response) -> dict[str, str]:
    found = re.search(r'name="digest" value="(\w+)"', page.text)
    assert found, page.text
    return {"digest": found[1]}


def words_of(page: httpx.Response) -> str:
    """The text of a page, spaces made even."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).replace("&nbsp;", " ").split())


def test_the_figures_of_a_preview_add_up_and_nothing_is_written(school_page: Site, admin: httpx.Client) -> None:
    """Six changed (six in the region, one of them here as well), one added: seven, and the button says seven."""
    edited(school_page)
    before = school_page.world.rows("students"), dict(school_page.world.remote.records(Stream.STUDENTS))
    page = admin.get(planned(school_page, admin))
    shown = words_of(page)
    figures = re.search(
        r"Проверено (\d+) = изменить 6 \+ добавить 1 \+ спросить человека 0 \+ запомнить, что сходится 0"
        r" \+ не трогаем (\d+)\.",
        shown,
    )
    assert figures, shown
    known = sum(len(school_page.world.remote.records(stream)) for stream in Stream)
    assert (int(figures[1]), int(figures[2])) == (known, known - 7)
    assert "Изменить: 1 в школе + 6 в ГИС − 1 на обеих сторонах = 6." in shown
    assert "Записать 7" in shown
    assert "ещё 30 минут" in shown
    assert "Показаны 5 из 6" in shown
    assert (school_page.world.rows("students"), dict(school_page.world.remote.records(Stream.STUDENTS))) == before


def test_exactly_the_plan_is_written_and_what_changed_since_is_left_alone(
    school_page: Site, admin: httpx.Client
) -> None:
    edited(school_page)
    path = planned(school_page, admin)
    page = admin.get(path)
    school_page.world.update("students", rows_of(school_page.world, "students")[3], phone="+79120000077")
    assert school_page.post(admin, f"{path}/apply", {"digest": "0" * 32}).status_code == 409
    assert school_page.post(admin, f"{path}/apply", digest(page)).status_code == 303
    phones = [card["phone"] for card in school_page.world.remote.records(Stream.STUDENTS).values()]
    assert phones.count("+79120000055") == 5
    assert len(school_page.world.rows("students")) == 13
    shown = words_of(admin.get(path))
    assert "Записано 1 Принято ГИС 5 Изменилось с тех пор, не тронуто 1 Всего в плане 7 = 1 + 5 + 1." in shown
    again = school_page.post(admin, f"{path}/apply", digest(page))
    assert again.status_code == 422
    assert "ecp-sync" not in again.text


def test_an_expired_plan_offers_a_new_one_over_the_same(school_page: Site, admin: httpx.Client) -> None:
    edited(school_page)
    path = planned(school_page, admin, scope="streams", stream="students")
    form = digest(admin.get(path))
    for _ in range(2):  # the person stays signed in meanwhile
        school_page.world.clock.sleep(16 * 60)
        admin.get(PATH)
    refused = school_page.post(admin, f"{path}/apply", form)
    assert refused.status_code == 409
    assert "Составить новый план" in refused.text
    assert 'name="stream" value="students"' in refused.text


def test_one_pupil_is_found_and_one_side_accepted(school_page: Site, admin: httpx.Client) -> None:
    """The search stands in no address; only that pupil's disputed phone is written, as the person said."""
    school_page.clash()
    row = school_page.world.rows("students")[0]["id"]
    found = school_page.post(admin, f"{PATH}/find", {"q": PUPIL["last_name"]})
    assert f'value="local:{row}"' in found.text
    path = planned(school_page, admin, scope="record", record=f"local:{row}", kind="accept_local")
    page = admin.get(path)
    assert "Принять сторону школы" in page.text
    assert school_page.post(admin, f"{path}/apply", digest(page)).status_code == 303
    (card,) = school_page.world.remote.records(Stream.STUDENTS).values()
    assert card["phone"] == "+79120000001"


def test_what_is_missing_is_said(school_page: Site, admin: httpx.Client) -> None:
    """No plan is made of a form that does not say what to compare."""
    for fields, missing in (
        ({}, "Выберите, что сверить"),
        ({"scope": "streams"}, "Отметьте хотя бы один раздел"),
        ({"scope": "days", "since": "вчера"}, "День пишется"),
        ({"scope": "days", "since": "2026-11-02", "until": "2026-11-01"}, "раньше первого"),
        ({"scope": "record", "record": "17"}, "Найдите ученика"),
        ({"scope": "record", "record": "local:999"}, "Нет такой записи"),
        ({"scope": "all", "kind": "delete"}, "если стороны расходятся"),
    ):
        answer = school_page.post(admin, PATH, fields)
        assert (answer.status_code, missing in answer.text) == (422, True), fields
    assert school_page.world.rows("plans") == []


def test_the_rows_go_into_a_spreadsheet_without_formulas(school_page: Site, admin: httpx.Client) -> None:
    """A value that begins like a formula arrives as text; every row of the plan is there."""
    row = pupils(school_page, 1)[0]
    school_page.world.update("students", row, address="=2+5")
    path = planned(school_page, admin)
    answer = school_page.post(admin, f"{path}/csv")
    lines = list(csv.reader(StringIO(answer.text.removeprefix("\ufeff")), delimiter=";"))
    assert [line[7] for line in lines] == ["станет", "'=2+5"]


def test_a_long_plan_is_waited_for(
    chromium: Browser, school_page: Site, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the region answers slowly a page says so; when the plan stands, it opens by itself."""
    monkeypatch.setattr(errands, "AT_ONCE_SECONDS", 0.01)
    edited(school_page)
    go_on = threading.Event()
    read = school_page.world.remote.change_versions

    def slowly() -> Any:
        go_on.wait(20)
        return read()

    monkeypatch.setattr(school_page.world.remote, "change_versions", slowly)
    context = signed_in(chromium, school_page, Role.ADMIN)
    page = context.new_page()
    errors = errors_on(page)
    page.goto(school_page.at("/resync"))
    page.get_by_label("Всё", exact=False).last.check()
    page.get_by_role("button", name="Показать, что изменится").click()
    expect(page.get_by_role("heading", name="Составляется план")).to_be_visible()
    expect(page.get_by_role("link", name="Проверить, готово ли")).to_be_visible()
    go_on.set()
    expect(page.get_by_role("button", name="Записать 7")).to_be_visible()
    assert errors == []
    context.close()
