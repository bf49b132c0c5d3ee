"""The requests and their fields: one set of rules for the web, the command line and Modal.

`read` and `read_json` check all fields and raise InvalidQuestion with one message per invalid field.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, LiteralString, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from veo.errors import InvalidQuestion, UnknownPlace
from veo.models import FactorName, Home, Persona, Tenure, Value
from veo.scoring import effective_weights
from veo.sources.embedded.place_resolver import Places

LEAST_BUDGET = 500
MOST_BUDGET: Mapping[str, int] = {"rent": 50_000, "buy": 20_000_000}
MOST_AREAS = 20
POSTCODE_FORM = r"^[A-Za-z0-9 ]{5,10}$"
NO_CACHE = "Ask the source whatever the cache holds; ignored without the admin token"
R = TypeVar("R", bound="Request")


def _place(text: str, info: ValidationInfo) -> str:
    """Replace a place by its canonical code; reject an unknown one."""
    places: Places | None = (info.context or {}).get("places")
    if places is None:
        return text
    try:
        return places.destination(text, info.field_name or "destination").code
    except UnknownPlace as error:
        _, message = str(error).split(": ", 1)
        raise _custom("unknown_place", message) from None


def _maybe_place(text: str, info: ValidationInfo) -> str:
    return _place(text, info) if text else ""


def _custom(kind: LiteralString, message: str) -> PydanticCustomError:
    return PydanticCustomError(kind, "{message}", {"message": message})


# The lengths apply to the text as written: they are checked before it becomes a code.
Origin = Annotated[str, Field(min_length=2, max_length=10), AfterValidator(_place)]
Destination = Annotated[str, Field(min_length=2, max_length=50), AfterValidator(_place)]
MaybeDestination = Annotated[str, Field(max_length=100), AfterValidator(_maybe_place)]


class Request(Value):
    """The base of all requests: unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore")


class RecommendationRequest(Request):
    """A request for the areas that suit a persona.

    `budget` is in GBP: the rent per month, or the price to buy (below 50,000: a monthly mortgage payment).
    `weights` from 0 to 10 replace those of the persona; `max_commute` is in minutes; `min_safety` is a score
    from 0 to 100.
    """

    persona: Persona = Field(examples=["student"])
    location_type: Tenure = Field(examples=["rent"])
    budget: float = Field(examples=[1000])
    destination: MaybeDestination = Field("", examples=["UCL"])
    max_areas: int = Field(5, ge=1, le=MOST_AREAS, examples=[2])
    home: Home | None = None
    max_commute: float | None = Field(None, gt=0, le=240)
    min_safety: float | None = Field(None, ge=0, le=100)
    weights: dict[FactorName, Annotated[float, Field(ge=0, le=10)]] | None = None
    include_business: bool = False

    @field_validator("budget")
    @classmethod
    def _in_range(cls, budget: float, info: ValidationInfo) -> float:
        tenure = info.data.get("location_type")  # absent if it is invalid itself
        most = MOST_BUDGET.get(tenure or "", max(MOST_BUDGET.values()))
        if LEAST_BUDGET <= budget <= most:
            return budget
        purpose = f" to {tenure}" if tenure else ""
        raise _custom("budget", f"must be from {LEAST_BUDGET:,} to {most:,} GBP{purpose}")

    @field_validator("weights", mode="before")
    @classmethod
    def _parse_pairs(cls, weights: object, info: ValidationInfo) -> object:
        """Parse `safety:8,commute:5`, but not in JSON, where weights are an object."""
        if info.mode == "json" or not isinstance(weights, str):
            return weights
        pairs = [pair.partition(":")[::2] for pair in weights.split(",")]
        if len({name.strip() for name, _ in pairs}) < len(pairs):
            raise _custom("weights", "must name each factor once, as in safety:8,commute:5")
        return {name.strip(): importance for name, importance in pairs}

    @field_validator("weights")
    @classmethod
    def _effective(
        cls, weights: dict[FactorName, float] | None, info: ValidationInfo
    ) -> dict[FactorName, float] | None:
        if weights and "persona" in info.data:
            try:
                effective_weights(info.data["persona"], weights)
            except InvalidQuestion as error:
                raise _custom("weights", str(error).removeprefix("weights: ")) from None
        return weights


class AreaRequest(Request):
    """A request for every figure of an area, and the journey from there to a destination."""

    code: str = Field(examples=["E15"])
    destination: MaybeDestination = Field("", examples=["UCL"])


class CommuteRequest(Request):
    """A request for the time of a journey."""

    origin: Origin = Field(examples=["E15"])
    destination: Destination = Field(examples=["UCL"])


class CrimeRequest(Request):
    """A request for the recorded crime of an area."""

    model_config = ConfigDict(alias_generator=None)

    area_code: str = Field(examples=["E15"])


class SchoolsRequest(Request):
    """A request for the schools near a postcode, or of a district."""

    postcode: str = Field(examples=["E15 1AZ"])


class MapsRequest(Request):
    """A request for what lies around an area."""

    area_code: str = Field(min_length=2, max_length=10, examples=["E15"])
    destination: MaybeDestination = Field("", examples=["UCL"])
    download_map: bool = False


class BoundariesRequest(Request):
    """A request for the location of a postcode and the areas that it lies in."""

    postcode: str = Field(pattern=POSTCODE_FORM, examples=["E15 1AZ"])
    level: Literal["simple", "full"] = "simple"
    no_cache: bool = Field(default=False, alias="no_cache", description=NO_CACHE)


class ResearchRequest(Request):
    """A request for web research on an area; its fields are snake_case in JSON as well."""

    model_config = ConfigDict(alias_generator=None)

    area_code: str = Field(min_length=2, max_length=10, examples=["E15"])
    persona: Persona | None = None
    postcode: str | None = Field(None, max_length=10)
    no_cache: bool = Field(default=False, description=NO_CACHE)


def read(kind: type[R], fields: Mapping[str, Any], places: Places | None = None) -> R:
    """Read fields that arrived as text, from a query string or a command line; numbers may be strings."""
    try:
        return kind.model_validate(dict(fields), context={"places": places})
    except ValidationError as error:
        raise InvalidQuestion(*messages(error.errors(include_url=False))) from None


def read_json(kind: type[R], body: bytes, places: Places | None = None) -> R:
    """Read a JSON body with strict types: neither "1000" nor true is a number."""
    try:
        return kind.model_validate_json(body, strict=True, context={"places": places})
    except ValidationError as error:
        raise InvalidQuestion(*messages(error.errors(include_url=False))) from None


def messages(errors: list[ErrorDetails]) -> list[str]:
    """Return one "<field>: <message>" per error."""
    return [_message(error) for error in errors]


_PLAIN = {
    "json_invalid": "is not valid JSON in UTF-8",
    "model_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "missing": "is required",
    "finite_number": "must be a finite number",
}
_FORMS = {POSTCODE_FORM: "must be 5 to 10 letters, digits and spaces, such as E15 1AZ"}


def _message(error: ErrorDetails) -> str:
    field = ".".join(str(part)[:40] for part in error["loc"] if part != "[key]") or "body"
    if error["type"] == "literal_error":
        return f"{field}: must be {error['ctx']['expected']}"
    if error["type"] == "value_error":
        return f"{field}: {error['ctx']['error']}"  # Veo's message, without pydantic's prefix
    if error["type"] == "string_pattern_mismatch" and error["ctx"]["pattern"] in _FORMS:
        return f"{field}: {_FORMS[error['ctx']['pattern']]}"
    return f"{field}: {_PLAIN.get(error['type']) or error['msg'][:1].lower() + error['msg'][1:]}"
