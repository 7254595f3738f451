"""The letter to the previous school: from the board to paper in two clicks."""

from __future__ import annotations

import logging
import re

import pytest

from sync_service.domain.people import Role
from tests.browser.site import Site
from tests.unit.engine.test_release_watch import CARD, arrive


def not_released(site: Site) -> int:
    """A pupil whom school № 12 keeps; the number of the case."""
    site.world.remote.add_person(CARD, organization_id="school-12")
    organization = site.world.rows("organizations")[0]["id"]
    arrive(site.world, origin_kind="school", origin_organization_id=organization)
    site.world.sync()
    return int(site.world.rows("releases")[0]["id"])


def test_the_letter_names_both_schools_the_pupil_and_the_order(
    school_page: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """As a page and as a PDF with its own font, in which no letter is missing; who made it is in the journal."""
    case = not_released(school_page)
    desk = school_page.sign_in(Role.SECRETARY)
    board = desk.get("/s/school-900/releases").text
    (path,) = re.findall(r'href="([^"]*/letter)"', board)
    assert f'href="{path}"' in desk.get(f"/s/school-900/releases/{case}").text
    page = desk.get(path).text
    for part in ("Школа № 12", "МБОУ «Школа № 900»", CARD["last_name"], "№ 77-у от 16.11.2026", "Движение", "№ 240"):
        assert part in page, part
    with caplog.at_level(logging.WARNING):
        answer = school_page.post(desk, path)
    assert caplog.messages == []  # fpdf2 warns of every letter its font does not have
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == f"attachment; filename=letter-{case}.pdf"
    assert answer.content.startswith(b"%PDF-")
    assert b"GolosText" in answer.content
    assert answer.content.count(b"/Type /Page\n") == 1
    looks = [row["cause"] for row in school_page.world.rows("audit") if row["act"] == "view"]
    assert looks.count(f"page:releases:letter:{case}") == 2


def test_there_is_no_letter_when_nobody_is_to_be_asked(school_page: Site) -> None:
    """Once released the board offers none, and the address says why."""
    case = not_released(school_page)
    desk = school_page.sign_in(Role.SECRETARY)
    school_page.post(desk, f"/s/school-900/releases/{case}/close", {"note": "не прибыл"})
    assert "/letter" not in desk.get(f"/s/school-900/releases/{case}").text
    answer = school_page.post(desk, f"/s/school-900/releases/{case}/letter")
    assert answer.status_code == 422
    assert "писать некому" in answer.text
