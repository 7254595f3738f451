"""The wheel alone is the product: built from the checkout, installed elsewhere, it tells its demo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
LIMIT = 180.0  # seconds after which a process is taken for hung

pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by the build backend itself, without network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder))
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=LIMIT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel and, offline, the libraries of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    install = ("install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel))
    command = (sys.executable, "-m", "pip", "--python", str(python), *install)
    subprocess.run(command, check=True, capture_output=True, timeout=LIMIT)
    # A plain path: the .pth files of that folder, our editable installation among them, are not followed.
    purelib = sysconfig.get_path("purelib", vars={"base": str(folder)})
    (Path(purelib) / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def environment() -> dict[str, str]:
    """Ours, without anything that leads back to the checkout."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("ECP_SYNC_", "PYTHON", "VIRTUAL_"))
    }


def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_carries_every_file_of_the_packages(wheel: Path) -> None:
    """Mapping tables, migrations, names and the contract travel with the code."""
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = contents(wheel)
    assert expected <= names
    for pattern in (
        "mappings/ecp/*.toml",
        "mappings/codes/*.toml",
        "mappings/files/*.toml",
        "sync_service/persistence/migrations/versions/*.py",
        "connectors/ecp/simulator/names/*.tsv",
        "connectors/ecp/openapi.yaml",
    ):
        assert any(PurePosixPath(name).match(pattern) for name in names), pattern


def test_wheel_carries_nothing_else(wheel: Path) -> None:
    """No tests, benchmarks, caches or settings; beside the packages only the description and the licence."""
    described = f"ecp_sync-{PROJECT['project']['version']}.dist-info"
    for name in contents(wheel):
        assert PurePosixPath(name).parts[0] in {*PACKAGES, described}, name
        assert "__pycache__" not in name
        assert not name.endswith((".pyc", ".sqlite", "config.toml"))
    assert f"{described}/licenses/LICENSE" in contents(wheel)


def test_installed_program_is_the_wheel_s_own(installed: Path, tmp_path: Path) -> None:
    """The environment of the next test really runs the installed files, not the checkout's."""
    program = "import sync_service, connectors, mappings; print(sync_service.__file__, mappings.__file__)"
    command = (str(installed / "python"), "-c", program)
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), check=True, capture_output=True, text=True, timeout=LIMIT
    )
    assert all(path.startswith(str(installed.parent)) for path in done.stdout.split())


def test_demo_runs_from_the_wheel_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    """``ecp-sync demo --once --json`` needs nothing but the wheel and its libraries."""
    visitor, temporary = tmp_path / "visitor", tmp_path / "temporary"
    visitor.mkdir()
    temporary.mkdir()
    done = subprocess.run(
        (str(installed / "ecp-sync"), "demo", "--once", "--json"),
        cwd=visitor,
        env={**environment(), "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["report"]["status"] == "succeeded"
    assert document["totals"]["records_equal"] > 5_000
    assert not list(visitor.iterdir())
