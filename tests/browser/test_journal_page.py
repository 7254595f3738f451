"""«Журнал»: the entries of one run, and the file for an incident whose chain anybody can recompute."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from io import StringIO
from typing import Any

from sync_service.domain.people import Role
from tests.browser.site import SCHOOL, Site

HERE = f"/s/{SCHOOL}"
DAYS = {"first": "2026-11-20", "last": "2026-11-20"}


def recomputed(entry: dict[str, Any]) -> str:
    """The digest of an entry as the file itself says it is made; standard library only."""
    records = entry["records"]
    assert entry["form"] == 2
    lines = [[r["stream"], r["act"], r["local_id"], r["student_id"]] for r in records]
    head = [entry[name] for name in ("seq", "at", "actor", "act", "cause", "note")]
    header = json.dumps([*head, lines], ensure_ascii=False, separators=(",", ":")).encode()
    chain = hashlib.blake2b(bytes.fromhex(entry["previous"]), digest_size=16)
    chain.update(len(header).to_bytes(4, "big") + header)
    for record in records:
        chain.update(bytes.fromhex(record["digest"]))
    return chain.hexdigest()


def test_the_file_for_an_incident_proves_itself_and_is_journalled(school_page: Site) -> None:
    """Every digest follows from what stands beside it; names are in it, values are not; one forged word shows."""
    school_page.clash()
    admin = school_page.sign_in(Role.ADMIN)
    answer = school_page.post(admin, f"{HERE}/journal/export", {**DAYS, "format": "json"})
    assert answer.headers["content-disposition"] == (
        'attachment; filename="journal-school-900-2026-11-20-2026-11-20.json"'
    )
    document = answer.json()
    entries = document["entries"]
    assert document["chain"] == "holds"
    assert len(entries) == len(school_page.world.rows("audit")) - 1  # the export is the next one
    assert [entry["digest"] for entry in entries] == [recomputed(entry) for entry in entries]
    assert [entry["previous"] for entry in entries[1:]] == [entry["digest"] for entry in entries[:-1]]
    assert "Ёлкина Анна Петровна" in answer.text
    assert "79120000001" not in answer.text
    entries[2]["actor"] = "somebody"
    assert recomputed(entries[2]) != entries[2]["digest"]
    last = school_page.world.rows("audit")[-1]
    assert (last["cause"], last["actor"]) == ("journal:export", "admin1")
    assert last["note"] == f"{len(entries)} entries of 2026-11-20 to 2026-11-20"

    table = school_page.post(admin, f"{HERE}/journal/export", {**DAYS, "format": "csv"})
    rows = list(csv.reader(StringIO(table.content.decode("utf-8-sig")), delimiter=";"))
    assert [row[-1] for row in rows[1 : len(entries) + 1]] == [entry["digest"] for entry in entries]


def test_only_the_days_asked_for_and_only_for_the_administrator(school_page: Site) -> None:
    school_page.clash()
    admin, director = school_page.sign_in(Role.ADMIN), school_page.sign_in(Role.DIRECTOR)
    other = school_page.post(admin, f"{HERE}/journal/export", {"first": "2026-11-18", "last": "2026-11-19"})
    assert other.json()["entries"] == []
    assert (
        school_page.post(admin, f"{HERE}/journal/export", {"first": "2026-11-20", "last": "2026-11-19"}).status_code
        == 422
    )
    for wrong in ({"first": "x"}, {**DAYS, "last": "9999-12-31"}, {**DAYS, "first": "0001-01-01"}):
        assert school_page.post(admin, f"{HERE}/journal/export", wrong).status_code == 422
    assert school_page.post(director, f"{HERE}/journal/export", DAYS).status_code == 403
    assert "Выгрузка для инцидента" in admin.get(f"{HERE}/journal").text
    assert "Выгрузка для инцидента" not in director.get(f"{HERE}/journal").text


def test_the_entries_of_one_person_are_chosen_by_name_and_no_name_stands_in_the_address(school_page: Site) -> None:
    """The list shows names and sends logins; the service itself can be chosen as well."""
    school_page.clash()
    secretary, admin = school_page.sign_in(Role.SECRETARY), school_page.sign_in(Role.ADMIN)
    secretary.get(f"{HERE}/conflicts")
    choices = dict(re.findall(r'<option value="([^"]*)">([^<]*)</option>', admin.get(f"{HERE}/journal").text))
    assert choices["secretary1"] == "Secretary А. В."
    assert choices["system"] == "служба"
    page = admin.get(f"{HERE}/journal", params={"actor": "secretary1"}).text
    assert page.count('<th role="rowheader"') == 1
    assert '<td role="cell" data-l="Кто">Secretary А. В.</td>' in page
    assert '<option value="secretary1" selected>' in page
    assert (
        '<option value="gone" selected>gone</option>' in admin.get(f"{HERE}/journal", params={"actor": "gone"}).text
    )


def test_a_broken_chain_is_told_in_words(school_page: Site) -> None:
    """Where it is broken stands among the details for the administrator."""
    school_page.clash()
    world, admin = school_page.world, school_page.sign_in(Role.ADMIN)
    assert "Цепочка цела" in school_page.post(admin, f"{HERE}/journal/verify").text
    world.update("audit", world.rows("audit")[0]["id"], actor="somebody")
    page = school_page.post(admin, f"{HERE}/journal/verify").text
    assert "Цепочка нарушена. Сообщите ответственному за защиту данных." in page
    assert "<code>entry 1 does not match its digest</code>" in page


def test_nobody_of_another_school_is_offered(school_page: Site) -> None:
    """The list of names is that of the school."""
    other = school_page.service.db.schools.ensure(
        "school-901", name="Школа № 901", organization_id="organization-901"
    )
    school_page.service.accounts.add(login="kuznetsova", name="Кузнецова О. И.", roles={other: Role.ADMIN})
    page = school_page.sign_in(Role.ADMIN).get(f"{HERE}/journal").text
    assert ">Secretary А. В.</option>" in page
    assert "Кузнецова" not in page


def test_the_journal_of_one_run(school_page: Site) -> None:
    """Its page leads there; neither views nor other runs are among the entries, and the file is of that run too."""
    school_page.clash()
    world = school_page.world
    run = world.db.runs.latest(world.school.school_id, 1)
    causes = [row["cause"] for row in world.rows("audit")]
    wanted = causes[0]
    admin = school_page.sign_in(Role.ADMIN)
    page = admin.get(f"{HERE}/journal", params={"run": wanted}).text
    assert run == []  # runs of this world leave no row; the filter goes by the journal alone
    assert "Только записи запуска" in page
    assert page.count('<th role="rowheader"') == causes.count(wanted) < len(causes)
    fields = {**DAYS, "run": wanted}
    assert len(school_page.post(admin, f"{HERE}/journal/export", fields).json()["entries"]) == causes.count(wanted)
