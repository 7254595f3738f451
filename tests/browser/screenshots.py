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

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import QUIET, browser_path

SCHOOL = "/s/school12"
LONGEST_STORY = 180.0  # seconds
PICTURES = {
    "segodnya": (SCHOOL, 1366),
    "raskhozhdenie": (f"{SCHOOL}/conflicts/1", 1366),
    "ne-otchisleny": (f"{SCHOOL}/releases", 1366),
    "raskhozhdenie-390": (f"{SCHOOL}/conflicts/1", 390),
}


@dataclass(frozen=True, slots=True)
class Demo:
    url: str
    password: str


@contextmanager
def demo() -> Iterator[Demo]:
    """A demo that has told its story and stays up."""
    with tempfile.TemporaryDirectory(prefix="ecp-sync-pictures-") as folder:
        log = Path(folder) / "demo.log"
        with log.open("w", encoding="utf-8") as out:
            running = subprocess.Popen(
                (sys.executable, "-m", "sync_service.cli.app", "demo", "--workdir", f"{folder}/school"), stdout=out
            )
        try:
            yield _told(log, running)
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(30)


def _told(log: Path, running: subprocess.Popen[bytes]) -> Demo:
    deadline = time.monotonic() + LONGEST_STORY
    while time.monotonic() < deadline and running.poll() is None:
        text = log.read_text(encoding="utf-8")
        found = re.search(r"(http://127\.0\.0\.1:\d+)\nПароль для всех: (\S+)\n.*petrova", text, re.DOTALL)
        if found:
            return Demo(found[1], found[2])
        time.sleep(0.5)
    raise SystemExit("the demo has not told its story")


def take(page: Page, shown: Demo, folder: Path) -> None:
    """Every picture of :data:`PICTURES`, as the secretary sees it."""
    page.goto(f"{shown.url}/login")
    page.get_by_label("Имя входа").fill("petrova")
    page.get_by_label("Пароль").fill(shown.password)
    page.get_by_role("button", name="Войти").click()
    page.wait_for_url("**/s/**")
    for name, (path, width) in PICTURES.items():
        page.set_viewport_size({"width": width, "height": 768 if width > 500 else 844})
        page.goto(shown.url + path)
        page.screenshot(path=folder / f"{name}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with demo() as shown, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=list(QUIET))
        take(browser.new_page(), shown, folder)
        browser.close()


if __name__ == "__main__":
    main()
