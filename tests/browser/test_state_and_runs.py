"""«Состояние» and «Запуски»: what every role sees, starting a run, and live progress that outlives its server."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from sync_service.domain.people import Role
from sync_service.domain.reports import Outcome, RunReport, RunStatus, Stage
from sync_service.domain.streams import Stream
from sync_service.web.server import PageServer
from tests.browser.chromium import signed_in
from tests.browser.site import SCHOOL, Site, errors_on
from tests.browser.test_quarantine_page import two_unreadable_marks

MARKS = Stream.MARKS


def begin(where: Site, run_id: str = "r1") -> RunReport:
    """A run of another process: its row and its lease."""
    world = where.world
    report = RunReport(run_id=run_id, school=SCHOOL, started_at=world.clock.now().isoformat(), stage=Stage.READING)
    for stream in Stream:
        report.stream(stream)
    world.db.runs.start(world.school.school_id, report, "schedule")
    world.db.leases.acquire(
        world.school.school_id, list(Stream), run_id, wait=0, clock=lambda: 0.0, sleep=lambda _: None, period=1
    )
    return report


def go_on(where: Site, report: RunReport, count: int) -> None:
    report.stream(MARKS).pull.add(Outcome.APPLIED, count)
    assert where.world.db.runs.progress(where.world.school.school_id, report.so_far())


def end(where: Site, report: RunReport, status: RunStatus = RunStatus.SUCCEEDED, **errors: str) -> None:
    for name, error in errors.items():
        report.stream(Stream(name)).error = error
    done = replace(report, status=status, finished_at=where.world.clock.now().isoformat())
    assert where.world.db.runs.finish(where.world.school.school_id, done)


def connected(where: Site) -> None:
    """The page's service talks to the region in memory."""
    where.service.connections.use(where.service.school(SCHOOL), where.world.remote)
    where.service.db.connection(where.world.school.school_id).save("access", "refresh")


def blocks(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """The events of a stream, comments and pauses left out."""
    found: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            found[name] = f"{found[name]}\n{value}" if name in found else value
        elif "event" in found:
            yield found
            found = {}
        else:
            found = {}


def test_the_state_page_is_for_everybody_and_its_buttons_for_the_office(school_page: Site) -> None:
    """Empty, then with trouble first; who may not start a run sees no button and is refused."""
    for role in Role:
        client = school_page.sign_in(role)
        page = client.get(f"/s/{SCHOOL}/state")
        assert page.status_code == 200
        assert "Сверки ещё не было" in page.text
        may_run = role in (Role.SECRETARY, Role.ADMIN)
        assert ("Сверить сейчас" in page.text) == ("Сравнить всё" in page.text) == may_run
        assert "Сверок ещё не было" in client.get(f"/s/{SCHOOL}/runs").text
        if not may_run:
            assert school_page.post(client, f"/s/{SCHOOL}/runs").status_code == 403
    assert "ГИС больше не принимает ключ школы." in page.text
    connected(school_page)
    report = begin(school_page)
    end(school_page, report, RunStatus.COMPLETED_WITH_ERRORS, attendance="AccessRefused: 403", marks="Unreachable: x")
    text = client.get(f"/s/{SCHOOL}/state").text
    assert text.index("ГИС не даёт доступа к этим данным.") < text.index("Работает</span></td>")
    assert 'aria-label="Пропуски: записей за 14 дней, сегодня 1, больше всего 0, с ошибками 20.11 — 1"' in text
    text = client.get(f"/s/{SCHOOL}/runs/r1").text
    assert text.index("ГИС не даёт доступа") < text.index("ГИС не отвечает")
    assert "завершено с ошибками" in client.get(f"/s/{SCHOOL}/runs").text
    assert client.get(f"/s/{SCHOOL}/runs/r2").status_code == 404


def test_a_run_is_started_shown_and_not_started_twice(school_page: Site) -> None:
    """«Сравнить всё» reads everything; while a run is under way the button leads to it."""
    connected(school_page)
    client = school_page.sign_in(Role.SECRETARY)
    entered, leave = threading.Event(), threading.Event()
    versions = school_page.world.remote.change_versions

    def slow() -> object:
        entered.set()
        assert leave.wait(20)
        return versions()

    school_page.world.remote.change_versions = slow  # type: ignore[method-assign,assignment]  # a region that waits
    answer = school_page.post(client, f"/s/{SCHOOL}/runs/compare")
    assert entered.wait(20)
    path = answer.headers["location"]
    assert "Сейчас: читаем ГИС" in client.get(path).text
    assert school_page.post(client, f"/s/{SCHOOL}/runs").headers["location"] == path
    assert f'href="{path}"' in client.get(f"/s/{SCHOOL}/state").text
    leave.set()
    with client.stream("GET", f"{path}/events") as stream:
        last = list(blocks(stream.iter_lines()))[-1]
    assert (last["event"], "успешно" in last["data"]) == ("end", True)
    assert "Уроки" in last["data"], "an unchanged stream was read again: a full comparison"


def test_events_resume_after_the_last_one_seen(school_page: Site) -> None:
    """The newest state at once, a new one when something changed, the end once; then the browser stays away."""
    report = begin(school_page)
    client = school_page.sign_in(Role.VIEWER)
    path = f"/s/{SCHOOL}/runs/r1/events"
    with client.stream("GET", path) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        found = blocks(stream.iter_lines())
        first = next(found)
        go_on(school_page, report, 7)
        second = next(found)
    assert (first["event"], second["event"]) == ("run", "run")
    assert "<b>7</b>" in second["data"]
    with client.stream("GET", path, headers={"Last-Event-ID": second["id"]}) as stream:
        found = blocks(stream.iter_lines())
        go_on(school_page, report, 1)
        third = next(found)
        end(school_page, report)
        rest = list(found)
    assert "<b>8</b>" in third["data"], "what was seen is not sent again"
    assert [one["event"] for one in rest] == ["end"]
    assert client.get(path, headers={"Last-Event-ID": rest[0]["id"]}).status_code == 204
    with client.stream("GET", path) as stream:
        assert [one["id"] for one in blocks(stream.iter_lines())] == [rest[0]["id"]]
    assert client.get(f"/s/{SCHOOL}/runs/r2/events").status_code == 404


def test_many_watchers_cost_one_look(school_page: Site) -> None:
    """Sixty open streams share what one of them read, and pages are answered beside them."""
    begin(school_page)
    client = school_page.sign_in(Role.VIEWER)
    live = school_page.server.app.state.live
    with ExitStack() as open_streams:
        watching = [
            blocks(open_streams.enter_context(client.stream("GET", f"/s/{SCHOOL}/runs/r1/events")).iter_lines())
            for _ in range(60)
        ]
        assert {next(one)["event"] for one in watching} == {"run"}
        assert client.get("/healthz").text == "ok"
        assert 0 < live.reads < 30
    client.close()


@pytest.mark.parametrize("script", [True, False])
def test_progress_goes_on_over_a_restart_of_the_server(chromium: Browser, school_page: Site, script: bool) -> None:
    """The browser finds the next server by itself and shows the truth; without JavaScript a link does."""
    report = begin(school_page)
    context = signed_in(chromium, school_page, Role.SECRETARY, java_script_enabled=script)
    page = context.new_page()
    page.goto(school_page.at("/runs/r1"))
    renew = page.get_by_role("link", name="Обновить")
    expect(page.locator("#run")).to_contain_text("Пока ничего не прочитано")
    go_on(school_page, report, 7)
    _shows(page, "Получено 7 =", script)
    port = school_page.server.port
    school_page.server.stop()
    go_on(school_page, report, 5)
    school_page.server = PageServer(school_page.service, host="127.0.0.1", port=port)
    school_page.server.start()
    _shows(page, "Получено 12 =", script)
    end(school_page, report)
    _shows(page, "Сверка закончена", script)
    expect(renew).to_have_count(0)
    context.close()


def _shows(page: Page, text: str, script: bool) -> None:
    if not script:
        page.get_by_role("link", name="Обновить").click()
    expect(page.locator("#run")).to_contain_text(text, timeout=20_000)


def test_the_state_page_needs_no_more_than_its_width(desk: Page, school_page: Site) -> None:
    """At 320 px nothing scrolls sideways and every figure keeps its caption; the day table opens by keyboard."""
    end(school_page, begin(school_page), RunStatus.COMPLETED_WITH_ERRORS, marks="ContractError: x")
    errors = errors_on(desk)
    desk.set_viewport_size({"width": 320, "height": 700})
    for path in ("/state", "/runs", "/runs/r1"):
        desk.goto(school_page.at(path))
        assert desk.evaluate("document.documentElement.scrollWidth") <= 320, path
    desk.goto(school_page.at("/state"))
    desk.get_by_text("14 дней цифрами").focus()
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("cell", name="0 (ошибок 1)")).to_be_visible()
    assert errors == []


def test_a_foreign_school_sees_no_run(school_page: Site) -> None:
    """The id of a run opens nothing in another school, and nobody without a session hears anything."""
    begin(school_page)
    assert httpx.get(school_page.at("/runs/r1/events")).status_code == 303
    client = school_page.sign_in(Role.ADMIN)
    assert client.get("/s/school-901/runs/r1/events").status_code == 404


def test_only_what_failed_is_tried_again_after_it_was_shown(school_page: Site) -> None:
    """The run page leads to a preview with counts and names, then exactly that; who may not decide sees neither."""
    world = school_page.world
    report = begin(school_page)
    remote = two_unreadable_marks(school_page)
    report.stream(MARKS).pull.add(Outcome.REJECTED, 2)
    end(school_page, report, RunStatus.COMPLETED_WITH_ERRORS)
    school_page.service.connections.use(school_page.service.school(SCHOOL), remote)
    secretary, director = school_page.sign_in(Role.SECRETARY), school_page.sign_in(Role.DIRECTOR)
    path = f"/s/{SCHOOL}/runs/r1"
    assert f"{path}/retry" in secretary.get(path).text
    assert f"{path}/retry" not in director.get(path).text
    assert director.get(f"{path}/retry").status_code == 403

    shown = secretary.get(f"{path}/retry").text
    assert "«Отметка»: значение, которого программа не знает" in shown
    assert "Ёлкина Анна Петровна: Алгебра" in shown
    assert "прочитаем из ГИС заново, сейчас" in shown
    assert "Повторить 2&nbsp;записи" in shown
    digest = re.findall(r'name="digest" value="(\w+)"', shown)[0]
    assert len(world.rows("quarantine")) == 2
    stale = school_page.post(secretary, f"{path}/retry", {"digest": "0" * 16})
    assert (stale.status_code, "список изменился" in stale.text) == (409, True)
    remote.mended = True
    assert school_page.post(secretary, f"{path}/retry", {"digest": digest}).headers["location"] == path
    assert "Прочитано заново: 2, вышло из карантина: 2." in secretary.get(path).text
    assert world.rows("quarantine") == []
    assert "Повторять нечего" in secretary.get(f"{path}/retry").text
    assert secretary.get(f"/s/{SCHOOL}/runs/unknown/retry").status_code == 404
