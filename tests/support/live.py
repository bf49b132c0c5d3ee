"""One container with live sources on the loopback interface, called through its web app in this process."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.support.web import Json, client
from veo.runtime import Runtime
from veo.web import create_app

WAIT_LIMIT = 10.0  # seconds

AREA = "/api/areas/E15"
CRIME = "/api/crime/E15"
SCHOOLS = "/api/schools/E15"
BOUNDARIES = "/api/boundaries/postcode?postcode=E1 6AN"
FULL = f"{BOUNDARIES}&level=full"
RESEARCH = "/api/research/area?area_code=E15&persona=student"
IMAGE = "/api/maps/area/E15/image"
RECOMMENDATIONS = "/api/recommendations?persona=student&budget=1000&locationType=rent&destination=UCL"
COMMUTE: Json = {"origin": "E15", "destination": "UCL"}
MAPS: Json = {"areaCode": "E15"}


class ShiftedClock:
    """The wall clock, which a test sets forward by `skew` seconds."""

    def __init__(self) -> None:
        self.skew = 0.0

    def now(self) -> float:
        """Return the seconds since the Unix epoch."""
        return time.time() + self.skew


class Site:
    """A runtime and its app; `clock` is the clock of its cache."""

    def __init__(self, runtime: Runtime, clock: ShiftedClock) -> None:
        self.runtime, self.clock = runtime, clock
        self._app = create_app(runtime=runtime)

    async def ask(self, path: str, body: Json | None = None) -> httpx.Response:
        """Send a request: GET, or POST if there is a body."""
        async with client(self._app) as web:
            return await (web.get(path) if body is None else web.post(path, json=body))

    async def answer(self, path: str, body: Json | None = None) -> Json:
        """Send a request and return the JSON of its answer, which must have status 200."""
        response = await self.ask(path, body)
        assert response.status_code == 200, response.text
        answer: Json = response.json()
        return answer

    async def commute(self, origin: str = "E15", destination: str = "UCL") -> Json:
        """Request a commute."""
        return await self.answer("/api/commute/calculate", {"origin": origin, "destination": destination})

    async def maps(self) -> Json:
        """Request the map data around E15."""
        return await self.answer("/api/maps/area", MAPS)

    async def health(self) -> tuple[str, dict[str, Json]]:
        """Return the overall status, and each service by name."""
        health = (await self.ask("/api/health")).json()
        return health["status"], {service["name"]: service for service in health["services"]}

    async def close(self) -> None:
        """Cancel running computations, flush pending writes and close connections."""
        running = [task for task in asyncio.all_tasks() if "Engine._run" in repr(task.get_coro())]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self.runtime.close()


async def until(condition: Callable[[], Any]) -> None:
    """Run the loop until a condition holds that another thread or task fulfils."""
    async with asyncio.timeout(WAIT_LIMIT):
        while not condition():  # noqa: ASYNC110 - neither a thread nor a flight of the cache sets an event
            await asyncio.sleep(0)


def notices(answer: Json) -> str:
    """Return all notices of an answer as one text."""
    return " ".join(answer["metadata"]["notices"])
