"""Tables from the package and from a user's folder; every problem is told at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import mappings
from mappings import load_mappings
from mappings.code_tables import CodeTable
from sync_service.domain.errors import ConfigError
from sync_service.domain.policies import Owner
from sync_service.domain.streams import RemoteRecord, Stream

SHIPPED = Path(mappings.__file__).parent

Change = Callable[[str], str]


def folder(tmp_path: Path, **changes: Change) -> Path:
    """A user's folder with changed copies of shipped tables; ``ecp__marks`` is ecp/marks.toml."""
    for name, change in changes.items():
        path = Path(*name.split("__")).with_suffix(".toml")
        target = tmp_path / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(change((SHIPPED / path).read_text("utf-8")), "utf-8")
    return tmp_path


def problems(overrides: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_mappings(overrides)
    return caught.value.problems


def test_every_stream_has_a_sound_table() -> None:
    """Each shipped mapping survives the round trip of generated records."""
    loaded = load_mappings()
    assert set(loaded) == set(Stream)
    for mapping in loaded.values():
        assert mapping.round_trip_check() == []


def test_a_file_of_the_user_replaces_ours_whole(tmp_path: Path) -> None:
    overrides = folder(
        tmp_path, ecp__students=lambda text: text.replace('"email",', '"mail",').replace('"both"', '"gis"')
    )
    students = load_mappings(overrides)[Stream.STUDENTS]
    assert students.to_remote({"email": "a@example.org"}) == {"mail": "a@example.org"}
    assert {policy.owner for policy in students.policy.fields} == {Owner.GIS}
    assert load_mappings()[Stream.STUDENTS].to_remote({"email": "a@example.org"}) == {"email": "a@example.org"}


def test_a_code_table_of_the_user_maps_what_was_unmapped(tmp_path: Path) -> None:
    """The fingerprint changes with the code table, so that quarantine is tried again."""
    overrides = folder(tmp_path, codes__marks=lambda text: text + '\n[variants]\n"отл" = "5"\n')
    marks = load_mappings(overrides)[Stream.MARKS]
    record = marks.to_canonical({"id": "m", "studentId": "s", "lessonId": "l", "grade": "отл"})
    assert isinstance(record, RemoteRecord)
    assert record.values["value"] == "5"
    ours = load_mappings()
    assert marks.fingerprint != ours[Stream.MARKS].fingerprint
    assert load_mappings(overrides)[Stream.STUDENTS].fingerprint == ours[Stream.STUDENTS].fingerprint


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    """Unknown words come with a suggestion, each problem with its file and row."""
    overrides = folder(
        tmp_path,
        ecp__marks=lambda text: text.replace("comment ", "coment ").replace('codec = "int"', 'codec = "itn"', 1),
        ecp__students=lambda text: text.replace('owner = "both"', 'owner = "boht"', 1),
        ecp__lessons=lambda text: text.replace('owner = "gis"', 'owner = "both"', 1),
        codes__sexes=lambda text: text.replace('= "2"', '= "1"'),
    )
    (tmp_path / "ecp" / "mraks.toml").write_text("", "utf-8")
    (tmp_path / "cods").mkdir()
    (tmp_path / "stray.toml").write_text("", "utf-8")
    found = "\n".join(problems(overrides))
    for part in (
        "ecp/marks.toml: coment: такого поля нет, возможно, имелось в виду «comment»",
        "ecp/marks.toml: weight: codec: «itn» неизвестен, возможно, имелось в виду «int»",
        "ecp/students.toml: last_name: owner: «boht» неизвестно, допустимо: local, gis, both",
        "ecp/lessons.toml: class_id: owner: этот поток только читается",
        "codes/sexes.toml: codes: одно региональное значение стоит у двух кодов",
        "ecp/mraks.toml: такого потока нет, возможно, имелось в виду «marks»",
        "cods/: такая папка не читается, возможно, имелось в виду «codes»",
        "stray.toml",
    ):
        assert part in found
    assert "sex: codec" not in found  # the broken code table is told once, not at each of its users


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text.replace("[fields]", "[field]"), "неизвестный ключ «field», возможно"),
        (lambda text: "", "нет раздела [fields]"),
        (lambda text: "x = ", "это не TOML"),
        (lambda text: text.replace("lesson_id ", "# lesson_id "), "lesson_id: строка обязательна"),
        (lambda text: text.replace("required = true", "required = false", 1), "нужно required = true"),
        (lambda text: text.replace("required = true", 'required = "yes"', 1), "required: true или false"),
        (lambda text: text.replace('"ref", ', '"text",', 1), "ref ставится у ссылок"),
        (lambda text: text.replace('"lessonId"', '"studentId"'), "уже занято полем student_id"),
        (lambda text: text.replace("default = 1", 'default = "1"', 1), "default: это не каноническое значение"),
        (lambda text: text.replace('on_clash = "ask", group', 'on_clash = "gis", group', 1), "одни owner"),
        (lambda text: text.replace("on_clash", "onclash", 1), "неизвестный ключ «onclash», возможно"),
        (lambda text: text.replace('remote = "grade"', "remote = 5"), "remote: обязателен, текст"),
    ],
)
def test_a_broken_table_is_refused(tmp_path: Path, change: Change, expected: str) -> None:
    assert expected in "\n".join(problems(folder(tmp_path, ecp__marks=change)))


def test_a_missing_folder_is_a_problem_and_layouts_of_files_are_not_ours(tmp_path: Path) -> None:
    assert "mappings_dir" in problems(tmp_path / "nowhere")[0]
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "list.toml").write_text("", "utf-8")
    assert set(load_mappings(tmp_path)) == set(Stream)


class TestCodeTables:
    def test_one_spelling_has_one_meaning(self) -> None:
        table = CodeTable(name="t", codes={"А": "1", "Б": "2"}, variants={"а": "Б"}, compare="cell")
        assert any("читается двояко" in text for text in table.problems())

    def test_a_variant_leads_to_a_code(self) -> None:
        table = CodeTable(name="t", codes={"А": "1"}, variants={"x": "В"})
        assert table.problems() == ["variants: «x» ведёт к коду «В», которого нет в codes"]

    def test_comparison_is_exact_unless_asked(self) -> None:
        codec = CodeTable(name="t", codes={"mother": "MOTHER"}).codec()
        assert codec.decode(" MOTHER ") == "mother"
        with pytest.raises(Exception, match=r"codes/t\.toml"):
            codec.decode("Mother")

    def test_an_unknown_comparison_is_refused(self) -> None:
        assert "compare" in CodeTable(name="t", codes={"a": "b"}, compare="fuzzy").problems()[0]
