"""The metadata say what the cache says: cached, stale, and how old."""

import asyncio
from typing import Any

import pytest

from tests.support.web import ask, client
from veo.cache import Hit
from veo.facts.commute import CommuteData
from veo.facts.crime import CrimeData
from veo.models import Answer
from veo.runtime import build
from veo.settings import Settings
from veo.web import create_app

pytestmark = pytest.mark.anyio


class Held:
    """A question whose answer is old, because nobody answers."""

    def __init__(self, data: Any, age: float, notice: str = "Told before.", *, stale: bool = True) -> None:
        self.hit: Hit[Answer[Any]] = Hit(
            Answer(data=data, notices=(notice,)), "stale", age=age, cached=True, stale=stale
        )

    async def lookup(self, *asked: str) -> Hit[Answer[Any]]:
        """Give it."""
        del asked
        return self.hit


COMMUTE = CommuteData(origin="Here", destination="There", duration=9, modes=("walk",))


async def metadata_of(url: str, **held: Held) -> Any:
    runtime = build(Settings(cache="memory"))
    for name, question in held.items():
        setattr(runtime.questions.cached, name, question)
    return (await ask(create_app(runtime=runtime), "GET", url)).json()["metadata"]


async def test_a_stale_answer_says_so_and_how_old_it_is() -> None:
    metadata = await metadata_of("/api/crime/E15", crime=Held(CrimeData(), 7_260.9))
    assert (metadata["cached"], metadata["stale"], metadata["ageSeconds"]) == (True, True, 7260)
    assert metadata["notices"] == [
        "This answer is from 2 hours ago: no newer one came in time.",
        "Told before.",
    ]


@pytest.mark.parametrize(
    ("age", "written"),
    [
        (90, "90 seconds"),
        (120, "2 minutes"),
        (7_199, "120 minutes"),
        (7_200, "2 hours"),
        (86_400, "24 hours"),
        (172_800, "2 days"),
    ],
)
async def test_an_age_is_told_in_a_unit_of_which_there_are_at_least_two(age: float, written: str) -> None:
    metadata = await metadata_of("/api/crime/E15", crime=Held(CrimeData(), age))
    assert metadata["notices"][0] == f"This answer is from {written} ago: no newer one came in time."


async def test_an_area_with_a_stale_commute_is_stale_and_as_old_as_it() -> None:
    metadata = await metadata_of("/api/areas/E15?destination=UCL", commute=Held(COMMUTE, 500.0))
    assert (metadata["stale"], metadata["ageSeconds"]) == (True, 500)


async def test_an_area_with_a_commute_passes_on_what_is_to_be_said_of_it() -> None:
    fresh = Held(COMMUTE, 5.0, "Mind the gap.", stale=False)
    notices = (await metadata_of("/api/areas/E15?destination=UCL", commute=fresh))["notices"]
    assert notices[-1] == "Mind the gap."


async def test_equal_questions_at_once_are_computed_once() -> None:
    app = create_app(Settings(cache="memory"))
    asked = {"persona": "student", "budget": 1000, "locationType": "rent"}
    async with client(app) as web:
        await asyncio.gather(*(web.post("/api/recommendations", json=asked) for _ in range(20)))
    assert app.state.runtime.cache.stats()["families"]["recommendations"]["computes"] == 1


async def test_the_event_loop_turns_while_recommendations_are_computed() -> None:
    app, turns = create_app(Settings(cache="memory")), 0
    asked = [{"persona": "parent", "budget": 1000 + step, "locationType": "rent"} for step in range(10)]
    async with client(app) as web:
        answers = asyncio.gather(*(web.post("/api/recommendations", json=one) for one in asked))
        while not answers.done():
            turns += 1
            await asyncio.sleep(0)
    assert turns > 20  # four, when the loop itself computes
