"""The documentation is made from the routes, and its examples are real."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support import examples
from tests.support.web import example_requests
from veo.web.openapi import EXAMPLES, Failure, document
from veo.web.routes import PUBLIC

pytestmark = pytest.mark.anyio


async def test_home_says_where_the_documentation_is(web: httpx.AsyncClient) -> None:
    told = (await web.get("/api")).json()
    assert [(await web.get(told[link])).status_code for link in ("docs", "openapi", "health")] == [200] * 3


async def test_every_public_route_is_documented(web: httpx.AsyncClient) -> None:
    paths = (await web.get("/openapi.json")).json()["paths"]
    documented = {(method.upper(), path) for path, operations in paths.items() for method in operations}
    assert documented == {(endpoint.method, endpoint.path) for endpoint in PUBLIC}


@pytest.mark.parametrize("endpoint", PUBLIC, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
async def test_a_documented_answer_is_of_the_documented_model(endpoint: Any) -> None:
    example = json.loads(EXAMPLES.read_text(encoding="utf-8"))[f"{endpoint.method} {endpoint.path}"]
    model = Failure if example.get("success") is False else endpoint.description.response
    assert model is not None
    assert model.model_validate_json(json.dumps(example)).model_dump(mode="json") == example


@pytest.mark.parametrize("name", example_requests(document(PUBLIC)))
async def test_a_documented_question_is_answered_as_documented(web: httpx.AsyncClient, name: str) -> None:
    operations = document(PUBLIC)["paths"]
    method, path = name.split(" ")
    responses = operations[path][method.lower()]["responses"]
    answer = await web.send(example_requests(document(PUBLIC))[name])
    shown = responses[str(answer.status_code)]["content"]["application/json"]["example"]
    assert answer.json().keys() == shown.keys()


def test_only_the_required_parameters_are_documented_as_required() -> None:
    parameters = document(PUBLIC)["paths"]["/api/recommendations"]["get"]["parameters"]
    required = [parameter["name"] for parameter in parameters if parameter["required"]]
    assert required == ["persona", "locationType", "budget"]


def test_operations_have_names_of_their_own() -> None:
    paths = document(PUBLIC)["paths"].values()
    names = [operation["operationId"] for operations in paths for operation in operations.values()]
    assert len(set(names)) == len(PUBLIC)


def test_every_reference_of_the_document_leads_somewhere() -> None:
    made = document(PUBLIC)
    references = set(_references(made))
    assert references
    assert references <= {f"#/components/schemas/{name}" for name in made["components"]["schemas"]}


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from _references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _references(inner)


def test_the_examples_are_made_without_asking_a_real_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEO_LIVE", "auto")
    assert examples.settings().live == "off"
