"""«Кому сообщать»: entered without JavaScript, shown in part, removed; nothing typed is lost."""

from __future__ import annotations

from pydantic import SecretStr

from sync_service.config import Channel
from sync_service.domain.people import Role
from tests.browser.site import Site
from tests.smtp_server import Mood, mail_server


def test_an_administrator_says_whom_to_tell(school_page: Site) -> None:
    """A mistake keeps what was typed; the address is masked until it is asked for, which the journal tells."""
    admin = school_page.sign_in(Role.ADMIN)
    assert "Никто не указан" in admin.get("/s/school-900/contacts").text
    typed = {"role": "class_teacher", "name": "Петрова А. В.", "address": "petrova@school.example"}
    answer = school_page.post(admin, "/s/school-900/contacts", typed)
    assert answer.status_code == 422
    assert "Укажите класс" in answer.text
    assert 'value="petrova@school.example"' in answer.text
    assert '<option value="class_teacher" selected>' in answer.text
    assert school_page.post(admin, "/s/school-900/contacts", {**typed, "class_name": "5а"}).status_code == 303
    listed = admin.get("/s/school-900/contacts").text
    assert "p•••@school.example" in listed
    assert "petrova@school.example" not in listed
    whole = school_page.post(admin, "/s/school-900/contacts-shown").text
    assert "petrova@school.example" in whole
    causes = [row["cause"] for row in school_page.world.rows("audit") if row["actor"] == "admin1"]
    assert "contacts:unmask" in causes
    ((number, klass),) = [(row["id"], row["class_name"]) for row in school_page.world.rows("contacts")]
    assert klass == "5А"
    assert school_page.post(admin, f"/s/school-900/contacts/{number}").status_code == 303
    assert school_page.post(admin, f"/s/school-900/contacts/{number}").status_code == 404
    assert school_page.world.rows("contacts") == []


def test_a_name_is_text_and_nothing_else(school_page: Site) -> None:
    admin = school_page.sign_in(Role.ADMIN)
    name = "<script>alert(1)</script>"
    fields = {"role": "director", "name": name, "address": "x@y.example"}
    assert school_page.post(admin, "/s/school-900/contacts", fields).status_code == 303
    page = admin.get("/s/school-900/contacts").text
    assert name not in page
    assert "&lt;script&gt;" in page


def test_a_trial_says_on_the_page_whether_it_arrived(school_page: Site) -> None:
    """Without channels it says so; with one the letter arrives, and its failure is told in words."""
    admin = school_page.sign_in(Role.ADMIN)
    fields = {"role": "director", "name": "Орлова Е. С.", "address": "orlova@school.example"}
    school_page.post(admin, "/s/school-900/contacts", fields)
    ((number,),) = [(row["id"],) for row in school_page.world.rows("contacts")]
    assert "Каналы не настроены" in school_page.post(admin, "/s/school-900/contacts-tried").text
    with mail_server() as box:
        channel = Channel(to=("director",), url=SecretStr(box.url))
        service = school_page.service
        service.settings = service.settings.model_copy(update={"channels": (channel,)})
        page = school_page.post(admin, "/s/school-900/contacts-tried", {"contact": number})
        assert (page.status_code, len(box.letters)) == (200, 1)
        assert "Орлова Е. С., mailto" in page.text
        assert "notice--ok" in page.text
        assert str(box.port) not in page.text
        box.mood = Mood.FULL
        page = school_page.post(admin, "/s/school-900/contacts-tried", {"contact": number})
        assert "не ушло" in page.text
        assert "notice--ok" not in page.text
        assert school_page.post(admin, "/s/school-900/contacts-tried", {"contact": "9" * 30}).status_code == 404
