"""Whatever a provider sends, Veo's answer keeps the contract and is never a 500."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.effort import tries
from tests.support.live import AREA, FULL, IMAGE, MAPS, RECOMMENDATIONS, RESEARCH, SCHOOLS, Site
from tests.support.upstreams import Upstreams
from tests.support.web import Json

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

REMOVED = object()
WRONG: tuple[Any, ...] = (
    *(REMOVED, None, True, "", "12", "\ud800", "<b>x</b>", "9" * 400),
    *(0, -1, 2**70, 1e308, 0.1, [], {}, [None], {"x": 1}),
)
PLACES: dict[str, list[tuple[str, Json | None]]] = {
    "tfl": [(f"{AREA}?destination=UCL", None), (RECOMMENDATIONS, None)],
    "police.uk": [(AREA, None), ("/api/crime/E15", None)],
    "postcodes.io": [(FULL, None), ("/api/areas/E15?destination=E1 6AN", None), (SCHOOLS, None)],
    "ons-geography": [(FULL, None)],
    "overpass": [(AREA, None), ("/api/maps/area", MAPS)],
    "fsa": [("/api/maps/area", MAPS)],
    "google-geocoding": [("/api/maps/area", MAPS), (IMAGE, None)],
    "perplexity": [(RESEARCH, None)],
}
EXPECTED = {200, 404, 502, 503}
MANY = tries(15)
Damages = list[tuple[int, int]]


def spots(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a JSON value as its container and its key or index there."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [spot for key in keys for spot in ((value, key), *spots(value[key]))]


def damaged(body: Any, damages: Damages) -> Any:
    """Return a copy of an answer with some values replaced or removed."""
    body = {"": copy.deepcopy(body)}
    for where, what in damages:
        places = spots(body)
        if not places:
            continue
        container, key = places[where % len(places)]
        if WRONG[what] is not REMOVED:
            container[key] = copy.deepcopy(WRONG[what])
        elif container is not body:
            del container[key]
    return body[""]


def contract_holds(answer: Any) -> bool:
    """Check that an answer is a picture, or has the contract's envelope and only finite numbers."""
    if answer.headers["Content-Type"] == "image/png":
        return True
    content: Json = json.loads(answer.text, parse_constant=pytest.fail)
    if answer.status_code == 200:
        return content["success"] is True and "metadata" in content
    return (
        content.keys() == {"success", "error", "metadata"} and {"code", "message"} <= content["error"].keys()
    )


@pytest.mark.parametrize("name", PLACES)
@MANY
@given(
    damages=st.lists(st.tuples(st.integers(0, 400), st.integers(0, len(WRONG) - 1)), min_size=1, max_size=4)
)
async def test_a_damaged_answer_causes_no_error_of_veo(
    open_site: Callable[..., Site], upstreams: Upstreams, name: str, damages: Damages
) -> None:
    upstreams.reset()
    if name == "fsa":
        upstreams.down("overpass")
    upstreams.servers[name].damage = lambda body: damaged(body, damages)
    site = open_site()
    for path, body in PLACES[name]:
        answer = await site.ask(path, body)
        assert answer.status_code in EXPECTED, answer.text
        assert contract_holds(answer)
