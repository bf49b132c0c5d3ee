"""The app against its own OpenAPI document: whatever is asked, the answer is one that the document describes.

Live sources are off, so that 503 is the documented answer of what needs a key. Half of the questions name
places that exist, or nearly all answers would be refusals.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from veo.settings import Settings
from veo.web import create_app
from veo.web.routes import PUBLIC, Endpoint

pytestmark = pytest.mark.slow

EXAMPLES = 100  # questions a route: good, bad and absurd ones
UNCONFIGURED = {"/api/research/area", "/api/maps/area/{code}/image"}
CODES, POSTCODES = ["E15", "se10", "EC1"], ["E15 1AZ", "n166ab", "E15"]
WRITTEN_OUT = {"weights": "safety:8,commute:5", "budget": "1200", "maxCommute": "60"}
KNOWN = st.fixed_dictionaries(
    {
        "code": st.sampled_from(CODES),
        "area_code": st.sampled_from(CODES),
        "areaCode": st.sampled_from(CODES),
        "origin": st.sampled_from(CODES),
        "postcode": st.sampled_from(POSTCODES),
        "destination": st.sampled_from(["UCL", "kcl", "Canary Wharf", "SE10"]),
    }
)


@pytest.fixture(scope="module")
def schema() -> Iterator[Any]:
    """Give the app's document, bound to the app, whose life configures the log."""
    import schemathesis  # noqa: PLC0415 - a second of import that only these tests need

    logger = logging.getLogger("veo")
    before = logger.handlers, logger.level, logger.propagate
    app = create_app(Settings(cache="memory", live="off", rate_limit=0, log_level="ERROR"))
    yield schemathesis.openapi.from_asgi("/openapi.json", app)
    logger.handlers, logger.level, logger.propagate = before


def name_places(case: Any, places: dict[str, str]) -> None:
    """Put places that exist where a question names one."""
    for part in (case.path_parameters, case.query, case.body):
        if isinstance(part, dict):
            part.update({name: place for name, place in places.items() if name in part})
    if isinstance(case.query, dict):
        case.query.update({name: text for name, text in WRITTEN_OUT.items() if name in case.query})


@pytest.mark.parametrize("endpoint", PUBLIC, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_every_answer_is_one_that_the_document_describes(schema: Any, endpoint: Endpoint) -> None:
    from schemathesis import GenerationMode, checks  # noqa: PLC0415 - as above

    wanted = (
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    )
    operation, seen = schema[endpoint.path][endpoint.method], Counter[int]()
    good, bad = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)

    @given(case=good | bad, places=st.none() | KNOWN)
    @examples(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any, places: dict[str, str] | None) -> None:
        if places is not None:
            name_places(case, places)
        answer = case.call()
        seen[answer.status_code] += 1
        case.validate_response(answer, checks=wanted)

    ask()
    answered = 503 if endpoint.path in UNCONFIGURED else 200
    assert {status for status in seen if status >= 500} == ({503} & {answered})
    assert seen[answered] > 0


def test_every_route_is_in_the_document(schema: Any) -> None:
    operations = {result.ok() for result in schema.get_all_operations()}
    assert {(one.method.upper(), one.path) for one in operations} == {(e.method, e.path) for e in PUBLIC}
