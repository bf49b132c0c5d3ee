"""Validate the JSON of a provider against a model of the fields that Veo reads."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from veo.errors import BadAnswer
from veo.models import Value

M = TypeVar("M", bound=BaseModel)


class WireModel(Value, extra="ignore", strict=True):
    """Base of the parts of an answer that are read: no type is converted, unknown fields are ignored."""


def validated(model: type[M], data: Any, provider: str, status: int) -> M:
    """Validate an answer; raise `BadAnswer`, which names the bad field and quotes nothing of the answer."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise BadAnswer(provider, f"{field} is not as documented: {first['type']}", status) from None
