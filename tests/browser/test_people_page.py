"""«Пользователи»: what an administrator may do to an account, and where that ends."""

from __future__ import annotations

import re

import pytest

from sync_service.domain.people import Role
from tests.browser.site import Site

PEOPLE = "/s/school-900/people"


def test_an_account_is_made_changed_and_closed(school_page: Site) -> None:
    """The first password is shown on this page once; what was done stands in the journal without it."""
    admin = school_page.sign_in(Role.ADMIN)
    fields = {"login": "petrova", "name": "Петрова А. В.", "role": "secretary"}
    page = school_page.post(admin, PEOPLE, fields)
    found = re.search(r"<b>petrova:</b> <code>([^<]+)</code>", page.text)
    assert found
    person = school_page.service.door.sign_in("petrova", found[1], address="127.0.0.1")[1].person
    assert person.must_change_password
    assert found[1] not in admin.get(PEOPLE).text
    for do in ("password", "disable", "enable"):
        assert school_page.post(admin, f"{PEOPLE}/{person.person_id}", {"do": do}).status_code in (200, 303)
    rows = [row for row in school_page.world.rows("audit") if row["cause"] == "person:petrova"]
    assert [row["note"] for row in rows] == ["added as secretary", "password", "disable", "enable"]
    assert found[1] not in str(rows)


@pytest.mark.parametrize("do", ["password", "totp", "disable"])
def test_an_account_of_two_schools_is_not_taken_over_from_one(school_page: Site, do: str) -> None:
    """A first password would open the other school too; its role here may be changed. Who administers both may."""
    accounts, admin = school_page.service.accounts, school_page.sign_in(Role.ADMIN)
    other = school_page.service.db.schools.ensure(
        "school-901", name="Школа № 901", organization_id="school-2", zone="Asia/Yekaterinburg"
    )
    person = school_page.people[Role.DIRECTOR]
    accounts.set_role(person.person_id, other, Role.DIRECTOR)
    answer = school_page.post(admin, f"{PEOPLE}/{person.person_id}", {"do": do})
    assert answer.status_code == 422
    assert "открывает и другую школу" in answer.text
    assert school_page.service.door.sign_in("director1", "двенадцать месяцев", address="127.0.0.1")
    answer = school_page.post(admin, f"{PEOPLE}/{person.person_id}", {"do": "role", "role": "viewer"})
    assert answer.status_code == 303
    accounts.set_role(school_page.people[Role.ADMIN].person_id, other, Role.ADMIN)
    both = school_page.sign_in(Role.ADMIN)
    assert school_page.post(both, f"{PEOPLE}/{person.person_id}", {"do": do}).status_code in (200, 303)
