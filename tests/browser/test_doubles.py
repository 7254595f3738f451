"""«Возможные двойники»: the question names whom it is about, a child or a parent, and so do the answers."""

from __future__ import annotations

import re

import pytest

from sync_service.domain.people import Role
from sync_service.domain.streams import Stream
from tests.browser.site import SCHOOL, Site, a_parent_twice

HERE = f"/s/{SCHOOL}"


@pytest.mark.parametrize(
    ("answer", "button", "word", "done"),
    [
        ("same", "Тот же родитель: соединить с отмеченной карточкой", "тот же родитель", "«тот же родитель»"),
        ("other", "Другой родитель: оставить отдельной карточкой", "другой родитель", "«другой родитель»"),
    ],
)
def test_a_parent_is_asked_about_as_a_parent(
    school_page: Site, answer: str, button: str, word: str, done: str
) -> None:
    a_parent_twice(school_page.world)
    client = school_page.sign_in(Role.SECRETARY)
    assert "возможный двойник родителя" in client.get(HERE).text
    listed = client.get(f"{HERE}/matches").text
    number = re.findall(r"/matches/(\d+)", listed)[0]
    page = client.get(f"{HERE}/matches/{number}").text
    assert "Тот же это родитель?" in page
    assert button in page
    (card,) = re.findall(r'name="card" value="(\d+)"', page)
    assert school_page.post(client, f"{HERE}/matches/{number}", {"do": answer, "card": card}).status_code == 303
    after = client.get(f"{HERE}/matches/{number}").text
    assert word in after
    assert done in client.get(HERE).text
    for text in (listed, page, after):
        assert "ребён" not in text


def test_a_child_is_asked_about_as_a_child(school_page: Site) -> None:
    world = school_page.world
    named = {"last_name": "Ахметов", "first_name": "Руслан", "sex": "М"}
    world.insert("students", **named, birth_date="2012-01-02", personal_file_no="А-1", incomplete=False)
    world.remote.create(Stream.STUDENTS, {**named, "birth_date": "2012-01-03"})
    world.sync()
    client = school_page.sign_in(Role.SECRETARY)
    number = re.findall(r"/matches/(\d+)", client.get(f"{HERE}/matches").text)[0]
    page = client.get(f"{HERE}/matches/{number}").text
    assert "Тот же это ребёнок?" in page
    assert "родител" not in page.replace("смотрите на дату рождения, СНИЛС и родителей", "")
