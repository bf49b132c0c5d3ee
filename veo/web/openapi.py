"""The OpenAPI document, generated from the routes and the models of their requests and responses."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from veo import __version__
from veo.models import Value
from veo.web.body import JSON
from veo.web.routes import Description, Endpoint

EXAMPLES = Path(__file__).with_name("examples.json")
"""Real responses to the example requests, by method and path."""

PATH_EXAMPLES = {"code": "E15", "area_code": "E15", "postcode": "E15 1AZ"}
QUERY_FORMS = {"weights": {"type": "string", "examples": ["safety:8,commute:5"]}}
"""How objects are written in a query string."""

Json = dict[str, Any]
IMAGE: Json = {
    "description": "An image",
    "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
}
TEXT: Json = {"type": "string"}
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
    """The response to every request that fails."""

    success: Literal[False]
    error: ErrorBody
    metadata: ErrorMetadata


_DESCRIPTION = (
    "Recommends London postcode districts to a student, a parent or a property developer. "
    "Every figure carries its unit, level, source and vintage."
)


def document(endpoints: Iterable[Endpoint]) -> Json:
    """Return the OpenAPI document of the described endpoints."""
    described = [
        (endpoint, endpoint.description) for endpoint in endpoints if endpoint.description is not None
    ]
    examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    schemas, definitions = _schemas([description for _, description in described])
    paths: dict[str, Json] = {}
    for endpoint, description in described:
        example = examples.get(f"{endpoint.method} {endpoint.path}", {})
        operation = _operation(endpoint, description, schemas, example)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Veo", "version": __version__, "description": _DESCRIPTION},
        "paths": paths,
        "components": {"schemas": definitions["$defs"]},
    }


def _schemas(descriptions: Iterable[Description]) -> tuple[Schemas, Json]:
    models: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {}
    for description in descriptions:
        if description.request is not None:
            models[description.request, "validation"] = None
        if description.response is not None:
            models[description.response, "serialization"] = None
    wanted = [*models, (Failure, "serialization")]
    return models_json_schema(wanted, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]  # dataclasses would fit too


def _operation(endpoint: Endpoint, description: Description, schemas: Schemas, example: Json) -> Json:
    request, response = description.request, description.response
    operation = {
        "operationId": description.operation_id,
        "tags": ["questions"],
        "summary": description.summary,
        "description": description.description,
        "responses": _responses(
            IMAGE if response is None else _content("Answered", schemas[response, "serialization"]),
            schemas[Failure, "serialization"],
            example,
        ),
    }
    properties = {} if request is None else request.model_json_schema()
    if endpoint.method == "POST":
        body = _content("", schemas[request, "validation"], _example(properties))
        return {**operation, "requestBody": {"required": True, "content": body["content"]}}
    return {**operation, "parameters": _parameters(endpoint.path, properties)}


def _responses(answered: Json, failure: Json, example: Json) -> Json:
    """Put the example into the response that it shows: a 503 if the default settings cannot answer."""
    responses = {"4XX": _content("Refused", failure), "5XX": _content("Failed", failure)}
    if JSON not in answered["content"] or example.get("success") is False:
        return {"200": answered, "503": _content("Off", failure, example), **responses}
    answered["content"][JSON]["example"] = example
    return {"200": answered, **responses}


def _content(description: str, schema: Json, example: Json | None = None) -> Json:
    media: Json = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"description": description, "content": {JSON: media}}


def _example(schema: Json) -> Json:
    """Return a request composed of the examples of its fields."""
    fields = schema["properties"].items()
    return {name: field["examples"][0] for name, field in fields if "examples" in field}


def _parameters(path: str, schema: Json) -> list[Json]:
    """Return the parameters of the path, then those of the query string."""
    in_path, required = re.findall(r"{(\w+)}", path), schema.get("required", ())
    return [
        *({**_path_parameter(name), "example": PATH_EXAMPLES[name]} for name in in_path),
        *(
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "schema": QUERY_FORMS.get(name, field),
            }
            for name, field in schema.get("properties", {}).items()
            if name not in in_path
        ),
    ]


def _path_parameter(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
