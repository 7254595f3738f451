"""The OpenAPI document is valid, and the simulator answers as it says."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from connectors.ecp.simulator import build_world, scenarios
from connectors.ecp.simulator.shapes import META, SHAPES
from tests.simulator.client import DAY, School, start_school

TEXT = resources.files("connectors.ecp").joinpath("openapi.yaml").read_text("utf-8")
DOCUMENT = yaml.safe_load(TEXT)
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture(scope="module")
def running() -> Iterator[School]:
    client = start_school()
    yield client
    client.close()


def _schema_of(stream: str) -> dict[str, Any]:
    page = DOCUMENT["paths"][f"/organizations/{{orgId}}/{stream}/{{id}}"]["get"]["responses"]["200"]
    reference = page["content"]["application/json"]["schema"]["$ref"]
    return {"$ref": reference, "components": DOCUMENT["components"]}


def test_document_is_valid_openapi() -> None:
    """The contract is a valid OpenAPI 3.1 document."""
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1")


@pytest.mark.parametrize("stream", SHAPES)
def test_every_served_item_is_as_documented(running: School, stream: str) -> None:
    """Each item of a page has exactly the documented keys, with values in form."""
    items = running.get(stream).json["items"]
    schema = _schema_of(stream)
    validator = OAS31Validator(schema, format_checker=oas31_format_checker)
    assert items
    for item in items[:50]:
        validator.validate(item)
        assert list(item) == [*META, *(field.name for field in SHAPES[stream].fields)]


@pytest.mark.parametrize("stream", [name for name, shape in SHAPES.items() if shape.writable])
def test_tombstones_are_as_documented(stream: str) -> None:
    """A tombstone keeps its meta keys and the natural key, and satisfies the same schema."""
    world = build_world(seed=1, date=DAY)
    items = scenarios.call(world, "GET", "/simulator/dump", {"stream": stream})["items"]
    body = {"stream": stream, "ids": [items[0]["id"]]}
    tombstone = scenarios.call(world, "POST", "/simulator/delete", body)["items"][0]
    OAS31Validator(_schema_of(stream)).validate(tombstone)
    assert tombstone["deleted"] is True
    assert set(tombstone) == {*META, *SHAPES[stream].kept}
    assert {name: tombstone[name] for name in SHAPES[stream].kept} == {
        name: items[0][name] for name in SHAPES[stream].kept
    }


@pytest.mark.parametrize("stream", [name for name, shape in SHAPES.items() if shape.writable])
def test_documented_required_fields_are_the_enforced_ones(running: School, stream: str) -> None:
    """A create without data is refused for the first field the document calls required."""
    result = running.create(stream)
    name = next(
        schema.removesuffix("Write")
        for schema in DOCUMENT["components"]["schemas"]
        if schema.endswith("Write") and _tag_of(schema.removesuffix("Write")) == stream
    )
    create = DOCUMENT["components"]["schemas"][f"{name}Write"]["oneOf"][0]["properties"]["data"]
    required = create.get("required") or create["anyOf"][0]["required"]
    assert result["status"] == 422
    assert result["problem"]["issue"][0]["code"] == "required"
    assert result["problem"]["issue"][0]["path"] in {f"data.{field}" for field in required}
    assert set(required) == {field.name for field in SHAPES[stream].fields if field.required}


def _tag_of(name: str) -> str:
    path = next(
        path
        for path, operations in DOCUMENT["paths"].items()
        if operations.get("get", {}).get("operationId") == f"get{name}"
    )
    return str(path.split("/")[3])


@SCHEMA.parametrize()
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_answers_conform_to_the_document(running: School, case: schemathesis.Case[Any]) -> None:
    """Generated calls never meet a server error, and every answer is one the document describes."""
    if "orgId" in case.path_parameters:
        case.path_parameters["orgId"] = running.id
    response = case.call(
        base_url=running.handle.url,
        headers={"Authorization": f"Bearer {running.token}"},
    )
    case.validate_response(
        response,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
        ],
    )
