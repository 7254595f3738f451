"""A pupil's own data over the page: one button for the administrator, nothing for anybody else."""

from __future__ import annotations

import zipfile
from io import BytesIO

from sync_service.domain.people import Role
from tests.browser.site import Site
from tests.browser.test_letters import not_released


def test_the_administrator_takes_everything_that_is_stored(school_page: Site) -> None:
    not_released(school_page)
    pupil = school_page.world.rows("students")[-1]["id"]
    path = f"/s/school-900/subjects/{pupil}/export"
    admin = school_page.sign_in(Role.ADMIN)
    assert path in admin.get(f"/s/school-900/pupils/{pupil}").text
    answer = school_page.post(admin, path)
    assert answer.headers["content-disposition"] == f"attachment; filename=pupil-{pupil}.zip"
    assert {"data.json", "students.csv", "releases.csv"} <= set(zipfile.ZipFile(BytesIO(answer.content)).namelist())
    assert school_page.world.rows("audit")[-1]["cause"] == "subject-export"
    desk = school_page.sign_in(Role.SECRETARY)
    assert path not in desk.get(f"/s/school-900/pupils/{pupil}").text
