"""Pictures for the documents, taken from the running demo: ``python -m tests.browser.screenshots docs/images``.

All people on them are invented: the demo makes them up.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyotp
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import QUIET, browser_path
from tests.browser.stirred import CHILD, changed_list, stir

SCHOOL = "/s/school12"
LONGEST_STORY = 180.0  # seconds
WIDE, HIGH = 1366, 768
PICTURES = {
    "segodnya": (SCHOOL, WIDE),
    "raskhozhdenie": (f"{SCHOOL}/conflicts/1", WIDE),
    "ne-otchisleny": (f"{SCHOOL}/releases", WIDE),
    "raskhozhdenie-390": (f"{SCHOOL}/conflicts/1", 390),
}


@dataclass(frozen=True, slots=True)
class Demo:
    url: str
    password: str
    region: str
    folder: Path


@contextmanager
def demo() -> Iterator[Demo]:
    """A demo that has told its story and stays up."""
    with tempfile.TemporaryDirectory(prefix="ecp-sync-pictures-") as folder:
        log, school = Path(folder) / "demo.log", Path(folder) / "school"
        with log.open("w", encoding="utf-8") as out:
            running = subprocess.Popen(
                (sys.executable, "-m", "sync_service.cli.app", "demo", "--workdir", str(school)), stdout=out
            )
        try:
            yield _told(log, running, school)
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(30)


def _told(log: Path, running: subprocess.Popen[bytes], school: Path) -> Demo:
    deadline = time.monotonic() + LONGEST_STORY
    while time.monotonic() < deadline and running.poll() is None:
        text = log.read_text(encoding="utf-8")
        found = re.search(r"(http://127\.0\.0\.1:\d+)\nПароль для всех: (\S+)\n.*petrova", text, re.DOTALL)
        region = re.search(r"^ГИС: +(\S+)$", text, re.MULTILINE)
        if found and region:
            return Demo(found[1], found[2], region[1], school)
        time.sleep(0.5)
    raise SystemExit("the demo has not told its story")


def signed_in(browser: Browser, shown: Demo, login: str) -> Page:
    """A browser of its own for one person of the demo; an administrator sets the second factor up."""
    page = browser.new_page(viewport={"width": WIDE, "height": HIGH})
    page.goto(f"{shown.url}/login")
    page.get_by_label("Имя входа").fill(login)
    page.get_by_label("Пароль").fill(shown.password)
    page.get_by_role("button", name="Войти").click()
    if page.url.endswith("/login/code"):
        secret = page.locator(".door__secret").inner_text()
        page.get_by_label("Код, 6 цифр").fill(pyotp.TOTP(secret).now())
        page.get_by_role("button", name="Войти").click()
    page.wait_for_url("**/s/**")
    return page


def shoot(page: Page, folder: Path, name: str) -> None:
    """What the window shows; a screen has few colours, so that a palette makes the file half as large."""
    path = folder / f"{name}.png"
    page.screenshot(path=path)
    Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def take(page: Page, shown: Demo, folder: Path) -> None:
    """Every picture of :data:`PICTURES`, as the secretary sees it."""
    for name, (path, width) in PICTURES.items():
        page.set_viewport_size({"width": width, "height": HIGH if width > 500 else 844})
        page.goto(shown.url + path)
        shoot(page, folder, name)


def take_more(page: Page, shown: Demo, folder: Path) -> None:
    """What the guide of the secretary shows beside that, after :func:`stir` has made something of everything."""
    page.set_viewport_size({"width": WIDE, "height": HIGH})
    for name, path, opens in (
        ("dvoiniki", "/matches", "Сравнить"),
        ("zaderzhannye", "/holds", "Проверить"),
        ("karantin", "/quarantine", ""),
    ):
        _until_listed(page, f"{shown.url}{SCHOOL}{path}", opens or "Все записи")
        if opens:
            page.get_by_role("link", name=opens).first.click()
        shoot(page, folder, name)
    page.goto(f"{shown.url}{SCHOOL}/movements/arrival")
    for label, value in zip(("Фамилия", "Имя", "Отчество", "Дата рождения"), CHILD, strict=True):
        page.get_by_label(label, exact=label == "Имя").fill(value)
    page.get_by_role("button", name="Искать").click()
    page.get_by_role("button", name="Зачислить").wait_for()
    shoot(page, folder, "pribytie")
    page.goto(f"{shown.url}{SCHOOL}/import")
    page.get_by_label("Файл").set_input_files(changed_list(shown.folder))
    page.get_by_role("button", name="Показать, что изменится").click()
    page.get_by_role("button", name="Загрузить").wait_for()
    shoot(page, folder, "import")


def take_service(page: Page, shown: Demo, folder: Path) -> None:
    """What the administrator's guide shows: the state and a plan that is only shown."""
    page.goto(f"{shown.url}{SCHOOL}/state")
    shoot(page, folder, "sostoyanie")
    page.goto(f"{shown.url}{SCHOOL}/resync")
    page.get_by_label("Разделы целиком").check()
    page.get_by_label("Ученики", exact=True).check()
    page.get_by_label("Верна школа").check()
    page.get_by_role("button", name="Показать, что изменится").click()
    page.get_by_role("heading", name="Можно применить").wait_for()
    shoot(page, folder, "peresverka")


def _until_listed(page: Page, address: str, word: str) -> None:
    """The page at ``address``, once a cycle of the demo has brought something to it."""
    deadline = time.monotonic() + LONGEST_STORY
    while time.monotonic() < deadline:
        page.goto(address)
        if page.get_by_role("link", name=word).count():
            return
        time.sleep(2)
    raise SystemExit(f"nothing has come to {address}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with demo() as shown, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=list(QUIET))
        secretary = signed_in(browser, shown, "petrova")
        take(secretary, shown, folder)
        stir(shown.region, shown.folder)
        take_more(secretary, shown, folder)
        take_service(signed_in(browser, shown, "orlov"), shown, folder)
        browser.close()


if __name__ == "__main__":
    main()
