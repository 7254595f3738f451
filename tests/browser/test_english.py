"""The page in English: every screen answers, and the catalogue fits the texts it translates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sync_service.domain.people import Role
from sync_service.web import i18n
from sync_service.web.navigation import NAVIGATION
from sync_service.web.rendering import LANGUAGE_COOKIE, ROLE_NAMES
from tests.browser import catalogue
from tests.browser.routes import pages
from tests.browser.site import Site, furnished, site
from tests.databases import SqliteTemplate

DOOR = (
    "bare.html",
    "base.html",
    "login.html",
    "code.html",
    "password.html",
    "nobody.html",
    "schools.html",
    "trouble.html",
)
PLACEHOLDER = re.compile(r"%\(\w+\)s|%[sd]|\{\w*\}")


@pytest.fixture(scope="module")
def english_site(sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("english")
    with site(sqlite_template.copy(folder), folder) as made:
        furnished(made)
        yield made


@pytest.fixture(scope="module")
def reader(english_site: Site) -> httpx.Client:
    client = english_site.sign_in(Role.ADMIN)
    client.cookies.set(LANGUAGE_COOKIE, i18n.ENGLISH)
    return client


def test_the_door_speaks_english_once_it_is_asked_to(english_site: Site) -> None:
    with httpx.Client(base_url=english_site.url, follow_redirects=True) as client:
        assert '<html lang="ru">' in client.get("/login").text
        page = client.get("/language/en", headers={"Referer": f"{english_site.url}/login"}).text
        assert '<html lang="en">' in page
        assert "<h1>Login</h1>" in page
        assert re.findall("[а-яё]+", re.sub(r"Русский|ГИС СО «ЕЦП»", "", page), re.IGNORECASE) == []
        assert '<html lang="ru">' in client.get("/language/ru").text


@pytest.mark.parametrize("path", pages())
def test_a_screen_answers_in_english(reader: httpx.Client, path: str) -> None:
    answer = reader.get(path)
    assert answer.status_code in (200, 404, 422), path
    assert '<html lang="en">' in answer.text
    assert re.search(r'<nav class="nav" aria-label="Sections">|<main class="door"', answer.text), path


def test_every_entry_is_a_text_of_the_page_and_every_text_has_an_entry() -> None:
    """Otherwise: make catalogue."""
    assert set(catalogue.translations()) == set(catalogue.texts())


def test_what_the_engine_says_without_a_table_is_still_said() -> None:
    engine = "".join(
        path.read_text(encoding="utf-8") for path in (catalogue.WEB.parent / "engine").glob("queries_*.py")
    )
    for text in (*catalogue.OF_TODAY, *catalogue.OF_A_PUPIL):
        assert text.removeprefix("прежняя школа ") in engine, text


def test_a_translation_keeps_what_is_filled_in() -> None:
    for text, translation in i18n.catalogue(i18n.ENGLISH).items():
        assert translation.strip(), text
        assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(translation)), text
        assert text[:1].isspace() == translation[:1].isspace(), text


def test_the_door_and_the_navigation_are_translated() -> None:
    known = i18n.catalogue(i18n.ENGLISH)
    wanted = [title for title, _ in NAVIGATION] + [one.title for _, sections in NAVIGATION for one in sections]
    wanted += ROLE_NAMES.values()
    for name in DOOR:
        source = (catalogue.WEB / "templates" / name).read_text(encoding="utf-8")
        wanted += [text for text in catalogue.template_texts(source) if catalogue.RUSSIAN.search(text)]
    assert [text for text in wanted if text not in known] == []


def test_counted_words_follow_the_language() -> None:
    forms = ("ученик", "ученика", "учеников")
    assert [i18n.pluralizer("en")(number, *forms) for number in (1, 2, 21)] == ["pupil", "pupils", "pupils"]
    assert [i18n.pluralizer("ru")(number, *forms) for number in (1, 2, 21)] == ["ученик", "ученика", "ученик"]
    assert i18n.pluralizer("en")(2, "слон", "слона", "слонов") == "слона"
