"""What was typed when the session ended survives the door: password, second factor, and the way on."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import httpx
import pyotp
import pytest

from sync_service.domain.people import Role
from tests.browser.site import PASSWORD, SCHOOL, Site

NOTE = "Мама принесёт «свидетельство» в среду & <b>"


def hidden(page: str) -> list[tuple[str, str]]:
    """The hidden fields of the form on a page, as a browser would send them."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return [(html.unescape(name), html.unescape(value)) for name, value in found]


def idle(where: Site, role: Role) -> httpx.Client:
    """A browser whose session has ended."""
    client = where.sign_in(role)
    where.world.clock.moment += timedelta(minutes=31)
    return client


def sent(client: httpx.Client, path: str, fields: list[tuple[str, str]]) -> httpx.Response:
    return client.post(path, data={name: [v for n, v in fields if n == name] for name, _ in fields})


@pytest.mark.parametrize("role", [Role.SECRETARY, Role.ADMIN])
def test_a_note_typed_in_a_session_that_ended_is_saved_after_all(school_page: Site, role: Role) -> None:
    """The administrator mistypes the password and the code once each; it still waits for him."""
    case = school_page.clash()
    path = f"/s/{SCHOOL}/conflicts/{case}/note?shelf=later"
    client = idle(school_page, role)
    page = client.post(path, data={"csrf": "old", "note": NOTE, "twice": ["1", "2"]})
    assert (page.status_code, "заполненное не потеряется" in page.text) == (401, True)

    for password in ("не тот", PASSWORD):
        fields = [*hidden(page.text), ("login", f"{role.value}1"), ("password", password)]
        page = sent(client, "/login", fields)
    if role is Role.ADMIN:
        assert "Код подтверждения" in page.text
        secret = re.findall(r'door__secret">([A-Z2-7]+)<', page.text)[0]
        for code in ("000000", pyotp.TOTP(secret).at(school_page.world.clock.moment)):
            page = sent(client, "/login/code", [*hidden(page.text), ("code", code)])

    assert "Вы снова вошли" in page.text
    target = html.unescape(re.findall(r'<form method="post" action="([^"]*)">', page.text)[0])
    fields = hidden(page.text)
    assert target == path
    assert [pair for pair in fields if pair[0] != "csrf"] == [("note", NOTE), ("twice", "1"), ("twice", "2")]
    assert sent(client, target, fields).status_code == 303
    assert [row["note"] for row in school_page.world.rows("case_notes")] == [NOTE]


def test_a_note_waits_behind_a_new_password_as_well(school_page: Site) -> None:
    """A new first password from the administrator ends the session: it is to be changed, then the note goes."""
    path = f"/s/{SCHOOL}/conflicts/{school_page.clash()}/note"
    client = school_page.sign_in(Role.SECRETARY)
    given = school_page.service.accounts.reset_password(school_page.people[Role.SECRETARY].person_id)
    page = client.post(path, data={"csrf": "old", "note": NOTE})
    page = sent(client, "/login", [*hidden(page.text), ("login", "secretary1"), ("password", given)])
    for old in ("не тот", given):
        assert "Новый пароль" in page.text
        mine = "лошадь на синей крыше"
        fields = [*hidden(page.text), ("old", old), ("new", mine), ("again", mine)]
        page = sent(client, "/password", fields)
    assert "Вы снова вошли" in page.text
    assert sent(client, path, hidden(page.text)).status_code == 303
    assert [row["note"] for row in school_page.world.rows("case_notes")] == [NOTE]


def test_a_kept_form_goes_nowhere_but_to_our_own_pages(school_page: Site) -> None:
    """Neither a foreign address nor a text of another shape is followed."""
    for path, text in (
        ("https://evil.example/s/", '[["note","x"]]'),
        ("/login", '[["note","x"]]'),
        ("/s/x", "{"),
        ("/s/x", "[1]"),
        ("/s/x", "[" * 100_000),
        ("/s/x", '[["note",1]]'),
    ):
        client = httpx.Client(base_url=school_page.url, headers={"Origin": school_page.url})
        school_page.clients.append(client)
        fields = {"login": "secretary1", "password": PASSWORD, "kept_path": path, "kept_fields": text}
        answer = client.post("/login", data=fields)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
