"""What the pictures of the guides need beside the story of the demo: something of everything that waits for a person.

The region is edited over its scenario endpoints, the school as any program edits it: with SQL.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

CHILD = ("Лебедева", "Варвара", "Игоревна", "14.05.2015")  # available for enrolment
TWIN = {"lastName": "Соболев", "firstName": "Матвей", "surName": "Ильич", "birthDate": "2014-04-12"}
UNREADABLE = 4
HELD_PERCENT = 3


def stir(region: str, folder: Path) -> None:
    """A possible double, deletions to hold, marks nobody can read, and a child who may be enrolled."""
    with httpx.Client(base_url=f"{region}/simulator", timeout=30, trust_env=False) as client:
        last_name, first_name, patronymic, day = CHILD
        previous = next(one for one in _get(client, "state")["organizations"][1:] if one["keepsMovement"])
        born = "-".join(reversed(day.split(".")))
        card = {"lastName": last_name, "firstName": first_name, "surName": patronymic, "birthDate": born}
        wanted = {**card, "status": "available", "organizationId": previous["id"]}
        _post(client, "persons", {"persons": [wanted]})
        _double(client, folder / "ecp-sync.sqlite")
        absences = [item["id"] for item in _get(client, "dump", stream="attendance", deleted="false")["items"]]
        _post(client, "delete", {"stream": "attendance", "ids": absences[: len(absences) * HELD_PERCENT // 100]})
        marks = [item["id"] for item in _get(client, "dump", stream="marks", deleted="false")["items"]]
        spoilt = [{"id": one, "changes": {"grade": "отлично"}} for one in marks[:UNREADABLE]]
        readable = {"id": marks[UNREADABLE], "changes": {"comment": "Молодец!"}}
        _post(client, "edit", {"stream": "marks", "items": [*spoilt, readable]})


def changed_list(folder: Path) -> Path:
    """The first rows of the school's list: some phones are other ones, one day of birth cannot be."""
    head, *rows = next((folder / "files").glob("Список учеников*.csv")).read_text("cp1251").splitlines()
    titles = head.split(";")
    cells = [row.split(";") for row in rows[:9]]
    for place, row in enumerate(cells[:6]):
        row[titles.index("Телефон")] = f"8 (912) 200-00-{place + 10}"
    cells[-1][titles.index("Дата рождения ученика")] = "31.02.2019"
    path = folder / "Список учеников 1А 2026-2027.csv"
    path.write_text("\r\n".join(";".join(row) for row in (titles, *cells)) + "\r\n", encoding="utf-8-sig", newline="")
    return path


def _double(client: httpx.Client, database: Path) -> None:
    """A card here and a record there that differ in the day of birth."""
    with closing(sqlite3.connect(database, timeout=30)) as school, school:
        school.execute(
            "INSERT INTO students (school_id, last_name, first_name, patronymic, sex, birth_date, personal_file_no)"
            " SELECT school_id, ?, ?, ?, ?, '2014-04-13', 'С-90' FROM students LIMIT 1",
            (TWIN["lastName"], TWIN["firstName"], TWIN["surName"], "М"),
        )
    _post(client, "create", {"stream": "students", "items": [TWIN]})


def _get(client: httpx.Client, path: str, **query: str) -> Any:
    return client.get(f"/{path}", params=query).raise_for_status().json()


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> None:
    client.post(f"/{path}", json=body).raise_for_status()
