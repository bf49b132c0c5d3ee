"""The OpenAPI document, made from the table of routes and the models of their questions and answers."""

import json
import re
from collections.abc import Iterable, Mapping
from inspect import getdoc
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from veo import __version__
from veo.models import Destination, Value
from veo.schemas import requests
from veo.schemas.responses import (
    AreaData,
    BoundariesData,
    CommuteData,
    CrimeData,
    MapsData,
    ResearchData,
    SchoolsData,
)
from veo.scoring import PersonaConfig
from veo.web import routes
from veo.web.body import JSON
from veo.web.envelope import Recommended, Success
from veo.web.health import Health
from veo.web.routes import Endpoint, Handler

EXAMPLES = Path(__file__).with_name("examples.json")
"""Real answers to the example questions, by method and path."""

PATH_EXAMPLES = {"code": "E15", "area_code": "E15", "postcode": "E15 1AZ"}
WRITTEN_OUT = {"weights": {"type": "string", "examples": ["safety:8,commute:5"]}}
"""Objects have a form of their own in a query string."""

Json = dict[str, Any]
PICTURE: Json = {
    "description": "A picture",
    "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
}
Schemas = Mapping[Any, Json]  # by model and mode


class ErrorBody(Value):
    """What went wrong: `code` for programs, `message` for people."""

    code: str
    message: str
    details: dict[str, Any] | None = None


class ErrorMetadata(Value):
    """When it went wrong, and after how long."""

    timestamp: str
    execution_time_ms: int
    sources_used: tuple[str, ...]


class Failure(Value):
    """Every answer that is not a success."""

    success: Literal[False]
    error: ErrorBody
    metadata: ErrorMetadata


class Models(NamedTuple):
    """What a route answers (None: a picture), and what it is asked where that is more than a path."""

    answer: type[BaseModel] | None
    question: type[BaseModel] | None = None


MODELS: Mapping[Handler, Models] = {
    routes.recommend: Models(Recommended, requests.RecommendationRequest),
    routes.recommend_by_query: Models(Recommended, requests.RecommendationRequest),
    routes.area: Models(Success[AreaData], requests.AreaRequest),
    routes.commute: Models(Success[CommuteData], requests.CommuteRequest),
    routes.crime: Models(Success[CrimeData]),
    routes.schools: Models(Success[SchoolsData]),
    routes.boundaries: Models(Success[BoundariesData], requests.BoundariesRequest),
    routes.maps: Models(Success[MapsData], requests.MapsRequest),
    routes.map_image: Models(None),
    routes.research: Models(Success[ResearchData], requests.ResearchRequest),
    routes.personas: Models(Success[tuple[PersonaConfig, ...]]),
    routes.destinations: Models(Success[tuple[Destination, ...]]),
    routes.health: Models(Health),
}


_DESCRIPTION = (
    "Recommends London postcode districts to a student, a parent or a property developer. "
    "Every figure carries its unit, level, source and vintage."
)


def document(endpoints: Iterable[Endpoint]) -> Json:
    """Give the document of a table of endpoints."""
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    schemas, definitions = _schemas()
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        example = examples.get(f"{endpoint.method} {endpoint.path}", {})
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas, example)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Veo", "version": __version__, "description": _DESCRIPTION},
        "paths": paths,
        "components": {"schemas": definitions["$defs"]},
    }


def _schemas() -> tuple[Schemas, Json]:
    questions = dict.fromkeys(m.question for m in MODELS.values() if m.question is not None)
    answers = dict.fromkeys(m.answer for m in MODELS.values() if m.answer is not None)
    asked: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in questions]
    told: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "serialization") for model in answers]
    wanted = [*asked, *told, (Failure, "serialization")]
    return models_json_schema(wanted, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]  # dataclasses would fit too


def _operation(endpoint: Endpoint, schemas: Schemas, example: Json) -> Json:
    answer, question = MODELS[endpoint.handler]
    summary, _, more = (getdoc(endpoint.handler) or "").partition("\n")
    operation = {
        "operationId": endpoint.handler.__name__,
        "tags": ["questions"],
        "summary": summary.rstrip("."),
        "description": more.strip(),
        "responses": _responses(
            PICTURE if answer is None else _content("Answered", schemas[answer, "serialization"]),
            schemas[Failure, "serialization"],
            example,
        ),
    }
    properties = {} if question is None else question.model_json_schema()
    if endpoint.method == "POST":
        asked = _content("", schemas[question, "validation"], _example(properties))
        return {**operation, "requestBody": {"required": True, "content": asked["content"]}}
    return {**operation, "parameters": [*_path_parameters(endpoint), *_query_parameters(properties)]}


def _responses(answered: Json, failure: Json, example: Json) -> Json:
    """Give the example to what it is of: where nothing can answer by default, it is the refusal."""
    responses = {"4XX": _content("Refused", failure), "5XX": _content("Failed", failure)}
    if JSON not in answered["content"] or example.get("success") is False:
        return {"200": answered, "503": _content("Off", failure, example), **responses}
    answered["content"][JSON]["example"] = example
    return {"200": answered, **responses}


def _content(description: str, schema: Json, example: Json | None = None) -> Json:
    media: Json = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"description": description, "content": {JSON: media}}


def _example(schema: Json) -> Json:
    """Give a whole question of the examples of its fields."""
    fields = schema["properties"].items()
    return {name: field["examples"][0] for name, field in fields if "examples" in field}


def _path_parameters(endpoint: Endpoint) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "example": PATH_EXAMPLES[name],
        }
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]


def _query_parameters(schema: Json) -> list[Json]:
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": WRITTEN_OUT.get(name, field)}
        for name, field in schema.get("properties", {}).items()
    ]
