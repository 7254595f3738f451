"""Dockerfile and docker-compose.yml: valid by the Compose schema, and everything they name exists."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import typer.main
import yaml

from connectors.ecp.simulator import build_world
from connectors.ecp.simulator.options import read_options
from sync_service.cli.app import app
from sync_service.cli.shell import CONFIG_VARIABLE
from sync_service.config import ENVIRONMENT, load_settings
from sync_service.doctor import check_settings

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "tests/data/compose/compose-spec.json").read_text("utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
OURS = {name: one for name, one in COMPOSE["services"].items() if "build" in one}

# Variables of the images' own making: the official image of PostgreSQL, libpq, and Python.
FOREIGN_VARIABLES = {"POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD", "PGPASSWORD"}
PYTHON_VARIABLES = {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}


def dockerfile() -> list[tuple[str, str]]:
    """Instructions with their arguments, continued lines joined, comments left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r" \\\n\s*", " ", "\n".join(lines))
    return [(name, rest) for line in joined.splitlines() if line for name, _, rest in [line.partition(" ")]]


def arguments_of(instruction: str) -> list[str]:
    """The last exec-form arguments of an instruction."""
    *_, rest = [rest for name, rest in dockerfile() if name == instruction]
    return list(json.loads(rest))


def check_command(arguments: list[str]) -> None:
    """Fail unless ``ecp-sync`` understands this command line; nothing is run."""
    name, *rest = arguments
    group = typer.main.get_command(app)
    with group.make_context("ecp-sync", list(arguments)) as context:
        command = group.get_command(context, name)  # type: ignore[attr-defined]
        assert command is not None, f"ecp-sync has no command {name}"
        command.make_context(name, list(rest), parent=context)
    if name == "simulator":
        assert read_options(rest).port > 0


def test_compose_file_is_valid_by_the_schema() -> None:
    """The file satisfies the JSON schema of the Compose Specification."""
    jsonschema.Draft202012Validator(SCHEMA).validate(COMPOSE)


def test_schema_refuses_a_misspelt_key() -> None:
    """The vendored schema is a real one: a key it does not know is an error."""
    broken = {"services": {"daemon": {**OURS["daemon"], "comand": ["run"]}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(broken)


@pytest.mark.parametrize("service", OURS)
def test_commands_exist(service: str) -> None:
    """Every container of ours starts a command of the program with options it has."""
    check_command(OURS[service]["command"])


def test_checks_see_what_does_not_exist() -> None:
    """A command or an option the program does not have would be found."""
    with pytest.raises(Exception, match="No such option"):
        check_command(["migrate", "--force"])
    with pytest.raises((AssertionError, Exception), match=r"no command|No such command"):
        check_command(["migrates"])


def test_image_starts_and_examines_itself_with_commands_that_exist() -> None:
    """ENTRYPOINT, CMD and HEALTHCHECK name the installed program and commands of it."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    (program,) = arguments_of("ENTRYPOINT")
    assert program in scripts
    check_command(arguments_of("CMD"))
    *_, health = [rest for name, rest in dockerfile() if name == "HEALTHCHECK"]
    checker, *check = json.loads(health.partition(" CMD ")[2])
    assert checker == program
    check_command(check)


def test_everything_copied_is_in_the_build_context() -> None:
    """Each path of a COPY exists and is let in by .dockerignore; what the wheel is built from is copied."""
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]
    copied = [path for name, rest in dockerfile() if name == "COPY" for path in shlex.split(rest)[:-1]]
    for path in copied:
        assert (ROOT / path).exists(), path
        assert any(fnmatch(path, pattern) for pattern in let_in), f"{path} is kept out by .dockerignore"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    needed = {
        *project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"],
        project["project"]["readme"],
        *project["project"]["license-files"],
        "pyproject.toml",
        "requirements.lock",
    }
    assert needed <= set(copied)


def test_lock_without_hashes_is_a_list_of_constraints(tmp_path: Path) -> None:
    """What the Dockerfile makes of the lock pins every package it names, and nothing else is left in it."""
    (script,) = [rest for name, rest in dockerfile() if name == "RUN" and rest.startswith("sed ")]
    command, _, target = script.partition(" > ")
    assert target.startswith("/wheels/")
    done = subprocess.run(shlex.split(command), cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if line]
    names = {line.partition("==")[0] for line in lines}
    assert all(re.fullmatch(r"[a-z0-9._-]+==[^\s;]+( ; .+)?", line) for line in lines)
    assert {"sqlalchemy", "httpx", "typer"} <= names


def test_image_does_not_run_as_root() -> None:
    """The final stage ends as a user that it has made, in a folder of that user."""
    instructions = dockerfile()
    final = instructions[max(i for i, (name, _) in enumerate(instructions) if name == "FROM") :]
    users = [rest for name, rest in final if name == "USER"]
    assert users == ["ecp-sync"]
    (made,) = [rest for name, rest in final if name == "RUN"]
    home = re.search(r"useradd .*--home-dir (\S+) ecp-sync", made)
    assert home is not None
    assert ("WORKDIR", home[1]) in final


def test_variables_exist() -> None:
    """Every variable that is set is one the program, libpq, PostgreSQL's image or Python reads."""
    known = {CONFIG_VARIABLE, *ENVIRONMENT} | FOREIGN_VARIABLES
    for service in COMPOSE["services"].values():
        assert set(service.get("environment", {})) <= known
    set_in_image = {
        pair.partition("=")[0] for name, rest in dockerfile() if name == "ENV" for pair in shlex.split(rest)
    }
    assert set_in_image <= known | PYTHON_VARIABLES
    assert CONFIG_VARIABLE in set_in_image


def test_no_password_stands_in_the_files() -> None:
    """Secrets come from the environment file alone; its example is empty and names every variable asked for."""
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    asked = set(re.findall(r"\$\{(\w+)", text))
    example = dict(
        line.split("=", 1)
        for line in (ROOT / "deploy/compose.env.example").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    )
    assert set(example) == asked
    assert not any(example.values())
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or value.startswith("${POSTGRES_PASSWORD:?"), name
    database_url = tomllib.loads((ROOT / "deploy/compose.toml").read_text("utf-8"))["database_url"]
    assert re.fullmatch(r"postgresql://[a-z_]+@database/[a-z_]+", database_url)


def test_files_and_volumes_that_are_mounted_exist() -> None:
    """Every file mounted from the checkout exists; every named volume is declared; nothing hides the program."""
    for config in COMPOSE["configs"].values():
        assert (ROOT / config["file"]).is_file()
    used = set()
    for name, service in COMPOSE["services"].items():
        for volume in service.get("volumes", []):
            source, _, target = volume.partition(":")
            used.add(source)
            assert target == ("/var/lib/postgresql/data" if name == "database" else "/var/lib/ecp-sync")
        for config in service.get("configs", []):
            assert config["source"] in COMPOSE["configs"]
            assert config["target"] == service["environment"][CONFIG_VARIABLE]
    assert used == set(COMPOSE["volumes"])
    for one in COMPOSE["services"].values():
        assert set(one.get("depends_on", {})) <= set(COMPOSE["services"])


def test_settings_fit_the_services() -> None:
    """The mounted settings are in order, name the database as its service makes it and the simulator's school."""
    settings = load_settings(ROOT / "deploy/compose.toml", environment={})
    database = COMPOSE["services"]["database"]["environment"]
    assert settings.database_url == f"postgresql://{database['POSTGRES_USER']}@database/{database['POSTGRES_DB']}"
    (school,) = settings.schools
    options = read_options(OURS["simulator"]["command"][1:])
    assert school.base_url == f"http://{options.host}:{options.port}"
    assert OURS["simulator"]["network_mode"] == "service:daemon"
    assert not [finding for finding in check_settings(settings) if finding.level == "error"]
    ours, *_ = build_world(seed=1, date="2026-11-20").credentials()
    assert (school.organization_id, school.name) == (ours["id"], ours["name"])


def test_simulator_stays_away_unless_asked_for() -> None:
    """An installation for a real region never starts the simulator, and waits for nothing of it."""
    assert OURS["simulator"]["profiles"] == ["simulator"]
    assert all("simulator" not in one.get("depends_on", {}) for one in COMPOSE["services"].values())


def test_health_of_the_simulator_is_asked_at_its_own_port() -> None:
    """The health check is a valid program and asks the port the simulator listens on."""
    *_, program = OURS["simulator"]["healthcheck"]["test"]
    compile(program, "healthcheck", "exec")
    options = read_options(OURS["simulator"]["command"][1:])
    assert f"http://127.0.0.1:{options.port}/simulator/state" in program
