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


def test_namesakes_are_told_apart_by_class_and_parents(school_page: Site) -> None:
    """The school's side stands left, the region's right; parents come from guardianships that wait for the answer."""
    world = school_page.world
    named = {"last_name": "Ахметов", "first_name": "Руслан", "sex": "М"}
    pupil = world.insert("students", **named, birth_date="2012-01-02", personal_file_no="А-1", incomplete=False)
    mother = world.insert("guardians", last_name="Ахметова", first_name="Лилия", phone="+79120000041")
    world.insert("guardianships", student_id=pupil, guardian_id=mother, relation="мать")
    child = world.remote.create(Stream.STUDENTS, {**named, "birth_date": "2012-01-03"})
    other = world.remote.create(
        Stream.GUARDIANS, {"last_name": "Сафина", "first_name": "Гузель", "phone": "+79120000042"}
    )
    world.remote.create(Stream.GUARDIANSHIPS, {"student_id": child, "guardian_id": other, "relation": "мать"})
    world.sync()
    client = school_page.sign_in(Role.SECRETARY)
    number = re.findall(r"/matches/(\d+)", client.get(f"{HERE}/matches").text)[0]
    page = client.get(f"{HERE}/matches/{number}").text
    (line,) = re.findall(r"<tr[^>]*><th[^>]*>Родители</th>(.*?)</tr>", page, re.DOTALL)
    cells = [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", line, re.DOTALL)]
    assert cells == ["Ахметова Лилия", "Сафина Гузель"]
