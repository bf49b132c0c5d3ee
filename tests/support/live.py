"""One container with live sources on the loopback interface, asked through its web app in this process."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.support.web import Json, client
from veo.runtime import Runtime
from veo.web import create_app

PATIENCE = 10.0  # seconds: what has not happened by then never will

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


class Later:
    """The wall clock, set forward by a test: `skew` in seconds."""

    def __init__(self) -> None:
        self.skew = 0.0

    def now(self) -> float:
        """Give seconds since the Unix epoch."""
        return time.time() + self.skew


class Site:
    """A runtime and its app; `clock` is the one of its cache."""

    def __init__(self, runtime: Runtime, clock: Later) -> None:
        self.runtime, self.clock = runtime, clock
        self._app = create_app(runtime=runtime)

    async def ask(self, path: str, body: Json | None = None) -> httpx.Response:
        """Ask once: by GET, or by POST where there is a body."""
        async with client(self._app) as web:
            return await (web.get(path) if body is None else web.post(path, json=body))

    async def answer(self, path: str, body: Json | None = None) -> Json:
        """Ask once, and give the whole answer, which must be a good one."""
        response = await self.ask(path, body)
        assert response.status_code == 200, response.text
        told: Json = response.json()
        return told

    async def commute(self, origin: str = "E15", destination: str = "UCL") -> Json:
        """Ask for a commute."""
        return await self.answer("/api/commute/calculate", {"origin": origin, "destination": destination})

    async def maps(self) -> Json:
        """Ask what lies around E15."""
        return await self.answer("/api/maps/area", MAPS)

    async def health(self) -> tuple[str, dict[str, Json]]:
        """Give the state of the whole, and of each service by name."""
        told = (await self.ask("/api/health")).json()
        return told["status"], {service["name"]: service for service in told["services"]}

    async def close(self) -> None:
        """Give up what still hangs, write what waits, and close connections."""
        hanging = [task for task in asyncio.all_tasks() if "Engine._run" in repr(task.get_coro())]
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        await self.runtime.close()


async def until(happened: Callable[[], Any]) -> None:
    """Let the loop run until something has happened on another thread or in another task."""
    async with asyncio.timeout(PATIENCE):
        while not happened():  # noqa: ASYNC110 - a thread or a flight of the cache sets no event
            await asyncio.sleep(0)


def notices(answer: Json) -> str:
    """Give all notices of an answer in one text."""
    return " ".join(answer["metadata"]["notices"])
