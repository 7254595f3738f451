"""The regional token: renewed silently when it expires, a person's task when the renewal is refused."""

from __future__ import annotations

import pytest

from sync_service.cli.exit_codes import ExitCode
from tests.acceptance.agreement import disagreements
from tests.acceptance.office import Office


@pytest.mark.parametrize("when", ["before", "in the middle"])
def test_an_expired_token_is_renewed_silently(when: str, at_rest: Office) -> None:
    """One renewal, nobody is asked, the run is green and complete."""
    made = at_rest
    made.sync()
    card = made.dump("students")[0]
    row = made.local_id("students", card["id"])
    made.sql("UPDATE students SET email = 'pupil@example.ru' WHERE id = :id", id=row)
    edited = [{"id": card["id"], "changes": {"address": "ул. Новая, 1"}}]
    made.region.admin("POST", "edit", {"stream": "students", "items": edited})
    made.region.admin("POST", "reset-counters")
    if when == "before":
        made.region.admin("POST", "tokens/expire")
    else:
        made.faults({"kind": "unauthorized", "match": {"route": "batch"}, "times": 1})
    made.must("sync")
    assert made.counted("POST refresh") == 1
    assert made.counted("POST batch students") == (1 if when == "before" else 2)
    assert disagreements(made) == []
    assert made.must("connection", "status", "--json").json()[0]["connection"] == "ok"


def test_a_refused_renewal_waits_for_a_person(at_rest: Office) -> None:
    """Exit code 6 with the sentence, as often as one tries; what the school changed stays and says that it waits
    for the login; the new token brings everything over."""
    made = at_rest
    row = made.local_id("students", made.dump("students")[0]["id"])
    made.region.admin("POST", "tokens/reject-refresh", {"reject": True})
    made.region.admin("POST", "tokens/expire")
    made.sql("UPDATE students SET email = 'pupil@example.ru' WHERE id = :id", id=row)
    for _ in range(2):
        refused = made.run("sync")
        assert refused.code == ExitCode.LOGIN_NEEDED
        assert "Нужен вход" in refused.err
    assert made.run("connection", "status").code == ExitCode.LOGIN_NEEDED
    wrong = made.folder / "wrong.txt"
    wrong.write_text("not-a-token\n", encoding="utf-8")
    assert made.run("connection", "login", "--token-file", str(wrong)).code == ExitCode.LOGIN_NEEDED
    assert disagreements(made) == [f"students {row}: email"]
    right = made.folder / "right.txt"
    right.write_text(made.region.admin("POST", "tokens/issue")["refreshToken"] + "\n", encoding="utf-8")
    made.must("connection", "login", "--token-file", str(right))
    made.must("sync")
    assert disagreements(made) == []


def test_a_token_that_dies_in_the_middle_of_sending(at_rest: Office) -> None:
    """The cards have left, the marks have not: nothing is lost, and after the login only the rest is sent."""
    made = at_rest
    recent = {one["id"] for one in made.dump("lessons") if one["lessonDate"] >= "2026-11-10"}
    mark = next(one for one in made.dump("marks") if one["lessonId"] in recent and one["grade"] != "3")
    card = made.local_id("students", made.dump("students")[0]["id"])
    made.sql("UPDATE students SET email = 'pupil@example.ru' WHERE id = :id", id=card)
    made.sql("UPDATE marks SET value = '3' WHERE id = :id", id=made.local_id("marks", mark["id"]))
    made.sync_with_code()  # the first request of an office renews its token
    made.sql("UPDATE students SET email = 'second@example.ru' WHERE id = :id", id=card)
    made.sql("UPDATE marks SET value = '2' WHERE id = :id", id=made.local_id("marks", mark["id"]))
    made.faults({"kind": "unauthorized", "match": {"route": "batch", "stream": "marks"}})
    report, code = made.sync_with_code()
    assert code is ExitCode.LOGIN_NEEDED
    assert report.to_json()["streams"]["marks"]["waiting"] == {"login": 1}
    assert [line.split()[0] for line in disagreements(made)] == ["marks"]
    made.region.admin("DELETE", "faults")
    made.service.connections.login(made.school(), made.region.admin("POST", "tokens/issue")["refreshToken"])
    made.region.admin("POST", "reset-counters")
    assert made.sync_with_code()[1] is ExitCode.DONE
    assert (made.counted("POST batch students"), made.counted("POST batch marks")) == (0, 1)
    assert disagreements(made) == []
