"""The deployment: `. ./deploy.env && modal deploy modal_app.py`. `veo.modal_jobs` does the work.

To ask a single question, run `modal run modal_app.py::area --code E15` for readable output, or
`modal run modal_app.py::fetch_area_cached --code E15` for one line of JSON.
"""

import os
from functools import partial
from pathlib import Path
from typing import Any

import modal

EXTRA = os.environ.get("VEO_EXTRA_SECRET", "")  # names a second secret: provider keys, the admin token
EDGE = os.environ.get("VEO_EDGE_REGION", "")  # such as eu-west: deploys Edge in that region

image = (
    modal.Image.debian_slim(python_version="3.11")
    .pip_install_from_requirements(
        str(Path(__file__).with_name("requirements.lock"))
    )  # pip checks its hashes
    .add_local_python_source("veo", ignore=["**/__pycache__", "**/.*"])  # includes the figures in veo/data
)

app = modal.App(
    "veo",
    image=image,
    secrets=[
        modal.Secret.from_name(
            "upstash-redis", required_keys=["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"]
        ),
        # in a container, this module must declare the same functions
        modal.Secret.from_dict({"VEO_EXTRA_SECRET": EXTRA, "VEO_EDGE_REGION": EDGE}),
    ],
)
keys = [modal.Secret.from_name(EXTRA)] if EXTRA else []  # for functions that use sources or the admin token

# These imports are part of the memory snapshot; a machine that only deploys needs modal alone.
with image.imports():  # type: ignore[no-untyped-call]  # modal ships this method without types
    from veo import modal_jobs

    if not modal.is_local():
        modal_jobs.preload()

container = partial(
    app.function,
    timeout=300,  # seconds, for the slowest live sources
    memory=256,  # MiB: 90 measured with all figures, 32 for answers in memory, and headroom
    enable_memory_snapshot=True,  # a cold start restores the imports and the figures
)
fetch = partial(
    container,
    secrets=keys,
    max_containers=4,  # a cost cap: further calls wait
    scaledown_window=60,  # seconds: a job's next call finds the memory tier warm
)
# calls wait for sources: in one container they share the memory tier and a running computation
shared_container = modal.concurrent(max_inputs=20)


# ---- questions, for `.remote()` and `modal run` ----------------------------------------------------


@fetch()
@shared_container
async def fetch_recommendations_cached(  # noqa: PLR0917 - `modal run` passes options by name
    persona: str,
    budget: int,
    location_type: str,
    destination: str = "",
    max_areas: int = 5,
    home: str | None = None,
    max_commute: float | None = None,
    min_safety: float | None = None,
) -> dict[str, Any]:
    """Recommend areas: persona student, parent or developer; budget in GBP; location_type rent or buy.

    The cached question `recommendations`, as of `POST /api/recommendations`.
    """
    return await modal_jobs.answer(
        "recommendations",
        persona=persona,
        budget=budget,
        location_type=location_type,
        destination=destination,
        max_areas=max_areas,
        home=home,
        max_commute=max_commute,
        min_safety=min_safety,
    )


@fetch()
@shared_container
async def fetch_area_cached(code: str) -> dict[str, Any]:
    """Return every figure of a district (E15) or a group (EC1).

    The cached question `area`, as of `GET /api/areas/{code}`.
    """
    return await modal_jobs.answer("area", code=code)


@fetch()
@shared_container
async def fetch_commute_cached(origin: str, destination: str) -> dict[str, Any]:
    """Return the time of a journey, door to door, in minutes.

    The cached question `commute`, as of `POST /api/commute/calculate`.
    """
    return await modal_jobs.answer("commute", origin=origin, destination=destination)


@fetch()
@shared_container
async def fetch_crime_cached(area_code: str) -> dict[str, Any]:
    """Return the recorded crime of an area.

    The cached question `crime`, as of `GET /api/crime/{area_code}`.
    """
    return await modal_jobs.answer("crime", area_code=area_code)


@fetch()
@shared_container
async def fetch_schools_cached(postcode: str) -> dict[str, Any]:
    """Return the schools near a postcode or of a district.

    The cached question `schools`, as of `GET /api/schools/{postcode}`.
    """
    return await modal_jobs.answer("schools", postcode=postcode)


@fetch()
@shared_container
async def fetch_boundaries_cached(postcode: str) -> dict[str, Any]:
    """Return the areas that a full postcode lies in.

    The cached question `boundaries`, as of `GET /api/boundaries/postcode`.
    """
    return await modal_jobs.answer("boundaries", postcode=postcode)


@fetch()
@shared_container
async def fetch_maps_cached(area_code: str) -> dict[str, Any]:
    """Return what lies around an area's centre.

    The cached question `maps`, as of `POST /api/maps/area`.
    """
    return await modal_jobs.answer("maps", area_code=area_code)


@fetch()
@shared_container
async def fetch_research_cached(area_code: str, persona: str = "") -> dict[str, Any]:
    """Return what the web says of an area.

    The cached question `research`, as of `GET /api/research/area`.
    """
    return await modal_jobs.answer("research", area_code=area_code, persona=persona or None)


@fetch()
async def ask(question: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Answer any question by its name without printing, for the local entrypoints."""
    return await modal_jobs.ask(question, fields)


@fetch(secrets=[])  # least privilege: it uses no source
async def cache_operation(operation: str, argument: str = "") -> dict[str, Any]:
    """Run stats, get, delete or flush in a container, which has the secret."""
    return await modal_jobs.operate(operation, argument)


# ---- the web endpoints -----------------------------------------------------------------------------


@container(
    secrets=keys,
    max_containers=5,  # a cost cap: 5 x 100 concurrent requests are far above the promised 100 users
    scaledown_window=300,  # seconds: after a pause of five minutes, a reader finds the memory tier warm
    cpu=0.5,  # cores: computing a ranking takes a tenth of a second of one
)
# requests wait for sources; another container starts at half load
@modal.concurrent(max_inputs=100, target_inputs=50)
@modal.asgi_app()
def web() -> Any:
    """Serve every endpoint and page from one ASGI app."""
    from veo.web import create_app  # noqa: PLC0415 - only this container serves; the import is in the snapshot

    return create_app()


if EDGE:

    @app.server(
        port=8000,
        secrets=keys,
        routing_region=EDGE,
        compute_region=EDGE,  # near the shared tier and the readers
        unauthenticated=True,  # the endpoints are public; the app limits rates and checks tokens
        target_concurrency=50,
        max_concurrency=100,  # further requests are refused with 429: there is no queue
        max_containers=5,  # a cost cap, as for web
        scaledown_window=300,  # seconds, as for web
        exit_grace_period=25,  # seconds: 20 for requests in flight, the rest for the last writes
        cpu=0.5,
        memory=256,
        enable_memory_snapshot=True,
    )
    class Edge:
        """The same endpoints as `web`, reached through a region near the reader."""

        @modal.enter()
        def start(self) -> None:
            """Start the server after the snapshot is restored, when secrets are set."""
            from veo.modal_server import ServerThread  # noqa: PLC0415 - only this container serves on a port

            self.server = ServerThread()
            self.server.start()

        @modal.exit()
        def stop(self) -> None:
            """Finish the requests in flight and the pending writes."""
            self.server.stop()


# ---- scheduled -------------------------------------------------------------------------------------


# hourly in waking hours only, to save commands
@container(secrets=keys, schedule=modal.Cron("50 6-22 * * *", timezone="Europe/London"))
async def warm_cache() -> None:
    """Compute the most frequent recommendations, so that readers find them cached."""
    await modal_jobs.warm()


@container(
    secrets=keys,
    schedule=modal.Cron("0 4 24 * *", timezone="Europe/London"),  # monthly: rents and prices come mid-month
    timeout=1800,  # seconds: 3,200 requests to data.police.uk at 15 a second, and about 500 MB of files
    memory=1024,  # MiB: the rents workbook is read row by row, but the schools register is held in memory
)
async def refresh_tables() -> None:
    """Refresh prices, rents, schools and crimes for all containers; a failed part keeps its last figures.

    The call fails when a part refreshed nothing.
    """
    await modal_jobs.refresh()


# ---- local entrypoints, with readable output --------------------------------------------------------


@app.local_entrypoint()
def recommend(  # noqa: PLR0917 - `modal run` passes options by name
    persona: str,
    budget: int,
    location_type: str = "rent",
    destination: str = "",
    max_areas: int = 5,
    home: str | None = None,
    max_commute: float | None = None,
    min_safety: float | None = None,
) -> None:
    """Print the areas that suit a persona and a budget."""
    from veo.cli import output  # noqa: PLC0415 - not needed in a container

    fields = {
        "persona": persona,
        "budget": budget,
        "location_type": location_type,
        "destination": destination,
        "max_areas": max_areas,
        "home": home,
        "max_commute": max_commute,
        "min_safety": min_safety,
    }
    with output.exit_on_error():
        output.recommendations(ask.remote("recommendations", fields))


@app.local_entrypoint()
def area(code: str) -> None:
    """Print every figure of an area with its source."""
    from veo.cli import output  # noqa: PLC0415 - not needed in a container

    with output.exit_on_error():
        output.area(ask.remote("area", {"code": code}))


@app.local_entrypoint()
def commute(origin: str, destination: str) -> None:
    """Print the time of a journey, and its legs."""
    from veo.cli import output  # noqa: PLC0415 - not needed in a container

    with output.exit_on_error():
        output.commute(ask.remote("commute", {"origin": origin, "destination": destination}))


@app.local_entrypoint()
def cache_stats() -> None:
    """Print whether a container can reach the shared tier."""
    from veo.cli import output  # noqa: PLC0415 - not needed in a container

    with output.exit_on_error():
        output.cache_stats(cache_operation.remote("stats"))


@app.local_entrypoint()
def cache_delete(key: str) -> None:
    """Delete one key in every container."""
    from veo.cli import output  # noqa: PLC0415 - not needed in a container

    with output.exit_on_error():
        output.cache_change(cache_operation.remote("delete", key))


@app.local_entrypoint()
def cache_flush(what: str) -> None:
    """Invalidate `all` entries, or those of a family (crime) or an area (area:E15), in every container."""
    from veo.cli import output  # noqa: PLC0415 - not needed in a container

    with output.exit_on_error():
        output.cache_change(cache_operation.remote("flush", what))
