"""From ``ecp-sync init`` in an empty folder to «Сегодня» in a browser, as the first administrator goes."""

from __future__ import annotations

import json
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from sync_service.bootstrap import Service
from sync_service.cli.app import run
from sync_service.config import Web, load_settings
from sync_service.web.server import page_of

OWN = "двенадцать месяцев"


@pytest.fixture
def invited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The one-time password of «ivanova» in a new installation."""
    answers = (
        *("--code", "school-900", "--name", "Школа № 900", "--organization-id", "school-1"),
        *("--base-url", "http://127.0.0.1:9", "--admin", "ivanova", "--json"),
    )
    assert run(("init", *answers, "--config", str(tmp_path / "config.toml"))) == 0
    password: str = json.loads(capsys.readouterr().out)["administrator"]["password"]
    return password


def test_the_first_administrator_comes_in(chromium: Browser, tmp_path: Path, invited: str) -> None:
    """One-time password, phone with codes, a password of one's own; the one-time password opens nothing any more."""
    with Service.open(load_settings(tmp_path / "config.toml")) as service:
        server = page_of(service, Web(port=0))
        server.start()
        context = chromium.new_context(viewport={"width": 1366, "height": 768})
        try:
            page = context.new_page()
            enter(page, server.url, invited)
            expect(page.get_by_role("heading", name="Код подтверждения")).to_be_visible()
            page.goto(f"{server.url}/s/school-900")  # nothing else is open yet
            expect(page.get_by_role("heading", name="Код подтверждения")).to_be_visible()
            secret = page.locator(".door__secret").inner_text()
            page.get_by_label("Код, 6 цифр").fill(pyotp.TOTP(secret).now())
            page.get_by_role("button", name="Войти").click()
            expect(page.get_by_role("heading", name="Новый пароль")).to_be_visible()
            page.goto(f"{server.url}/s/school-900/people")  # nor with the one-time password
            expect(page.get_by_role("heading", name="Новый пароль")).to_be_visible()
            page.get_by_label("Прежний пароль").fill(invited)
            page.get_by_label("Новый пароль Не короче").fill(OWN)
            page.get_by_label("Новый пароль ещё раз").fill(OWN)
            page.get_by_role("button", name="Сменить пароль").click()
            expect(page.get_by_role("heading", name="Сегодня", exact=True)).to_be_visible()
            page.goto(f"{server.url}/s/school-900/people")
            expect(page.get_by_role("heading", name="Пользователи")).to_be_visible()

            context.clear_cookies()
            enter(page, server.url, invited)
            expect(page.get_by_text("Имя входа или пароль неверны")).to_be_visible()
        finally:
            context.close()
            server.stop()


def enter(page: Page, url: str, password: str) -> None:
    page.goto(f"{url}/login")
    page.get_by_label("Имя входа").fill("ivanova")
    page.get_by_label("Пароль").fill(password)
    page.get_by_role("button", name="Войти").click()
