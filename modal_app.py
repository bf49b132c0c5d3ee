"""The deployment: `. ./deploy.env && modal deploy modal_app.py`. It declares; `veo.modal_jobs` does the work.

Ask one question ad hoc: `modal run modal_app.py::area --code E15` for a reader, and
`modal run modal_app.py::fetch_area_cached --code E15` for one line of JSON.
"""

import os
from functools import partial
from pathlib import Path
from typing import Any

import modal

EXTRA = os.environ.get("VEO_EXTRA_SECRET", "")  # names a second secret: provider keys, the admin token
EDGE = os.environ.get("VEO_EDGE_REGION", "")  # such as eu-west: deploys Edge, reached through that region

image = (
    modal.Image.debian_slim(python_version="3.11")
    .pip_install_from_requirements(
        str(Path(__file__).with_name("requirements.lock"))
    )  # pip checks its hashes
    .add_local_python_source("veo", ignore=["**/__pycache__", "**/.*"])  # the figures in veo/data go along
)

app = modal.App(
    "veo",
    image=image,
    secrets=[
        modal.Secret.from_name(
            "upstash-redis", required_keys=["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"]
        ),
        # a container must declare the same things
        modal.Secret.from_dict({"VEO_EXTRA_SECRET": EXTRA, "VEO_EDGE_REGION": EDGE}),
    ],
)
keys = [modal.Secret.from_name(EXTRA)] if EXTRA else []  # for what asks sources or knows the admin token

# Within the memory snapshot; a machine that only deploys needs modal and nothing else.
with image.imports():  # type: ignore[no-untyped-call]  # modal ships this method without types
    from veo import modal_jobs

    if not modal.is_local():
        modal_jobs.preload()

container = partial(
    app.function,
    timeout=300,  # seconds, for the slowest live sources
    memory=256,  # MiB: 90 measured with all figures, 32 of answers in memory, and room
    enable_memory_snapshot=True,  # a cold start restores the imports and the figures
)
fetch = partial(
    container,
    secrets=keys,
    max_containers=4,  # a cost cap: further calls wait
    scaledown_window=60,  # seconds: a job's next call finds the memory tier warm
)
together = modal.concurrent(
    max_inputs=20
)  # calls wait for sources: one container, one memory tier, one flight


# ---- questions, for `.remote()` and `modal run` ----------------------------------------------------


@fetch()
@together
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
    """Recommend areas: persona student, parent or developer; budget in GBP; location_type rent or buy."""
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
@together
async def fetch_area_cached(code: str) -> dict[str, Any]:
    """Tell everything known of a district (E15) or a group (EC1)."""
    return await modal_jobs.answer("area", code=code)


@fetch()
@together
async def fetch_commute_cached(origin: str, destination: str) -> dict[str, Any]:
    """Tell how long a journey takes, door to door, in minutes."""
    return await modal_jobs.answer("commute", origin=origin, destination=destination)


@fetch()
@together
async def fetch_crime_cached(area_code: str) -> dict[str, Any]:
    """Tell the recorded crime of an area."""
    return await modal_jobs.answer("crime", area_code=area_code)


@fetch()
@together
async def fetch_schools_cached(postcode: str) -> dict[str, Any]:
    """Tell the schools near a postcode or of a district."""
    return await modal_jobs.answer("schools", postcode=postcode)


@fetch()
@together
async def fetch_boundaries_cached(postcode: str) -> dict[str, Any]:
    """Tell in which areas a full postcode lies."""
    return await modal_jobs.answer("boundaries", postcode=postcode)


@fetch()
@together
async def fetch_maps_cached(area_code: str) -> dict[str, Any]:
    """Tell what lies around an area's centre."""
    return await modal_jobs.answer("maps", area_code=area_code)


@fetch()
@together
async def fetch_research_cached(area_code: str, persona: str = "") -> dict[str, Any]:
    """Tell what the web says of an area."""
    return await modal_jobs.answer("research", area_code=area_code, persona=persona or None)


@fetch()
async def ask(question: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Answer any question by its name without printing: what the local entrypoints call."""
    return await modal_jobs.ask(question, fields)


@fetch(secrets=[])  # least privilege: it asks no source
async def cache_operation(operation: str, argument: str = "") -> dict[str, Any]:
    """Do stats, get, delete or flush where the secret is."""
    return await modal_jobs.operate(operation, argument)


# ---- the web endpoints -----------------------------------------------------------------------------


@container(
    secrets=keys,
    max_containers=5,  # a cost cap: 5 x 100 requests at once are far above the promised 100 users
    scaledown_window=300,  # seconds: a reader who thinks for five minutes finds the memory tier warm
    cpu=0.5,  # cores: a ranking computed takes a tenth of a second of one
)
@modal.concurrent(max_inputs=100, target_inputs=50)  # requests wait for sources; half full starts another
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
        compute_region=EDGE,  # beside the shared tier and the readers, or the detour would be longer
        unauthenticated=True,  # the endpoints are public, and guard themselves
        target_concurrency=50,
        max_concurrency=100,  # beyond it a request is refused with 429: there is no queue in front
        max_containers=5,  # a cost cap, as for web
        scaledown_window=300,  # seconds, as for web
        exit_grace_period=25,  # seconds: requests in flight get 20, and the last writes follow
        cpu=0.5,
        memory=256,
        enable_memory_snapshot=True,
    )
    class Edge:
        """The same endpoints as `web`, reached through a region near the reader."""

        @modal.enter()
        def start(self) -> None:
            """Listen; secrets and connections come after the snapshot."""
            from veo.modal_server import Served  # noqa: PLC0415 - only this container serves on a port

            self.served = Served()
            self.served.start()

        @modal.exit()
        def stop(self) -> None:
            """End what is in flight, and write what waits."""
            self.served.stop()


# ---- scheduled -------------------------------------------------------------------------------------


@container(
    secrets=keys, schedule=modal.Cron("50 6-22 * * *", timezone="Europe/London")
)  # waking hours save commands
async def warm_cache() -> None:
    """Ask what is asked most, so that a reader finds it answered."""
    await modal_jobs.warm()


@container(
    secrets=keys,
    schedule=modal.Cron("0 4 24 * *", timezone="Europe/London"),  # monthly: rents and prices come mid-month
    timeout=1800,  # seconds: 3,200 questions to data.police.uk at 15 a second, and some 500 MB of files
    memory=1024,  # MiB: the workbook of rents is unpacked row by row, the register of schools is kept whole
)
async def refresh_tables() -> None:
    """Renew prices, rents, schools and crimes for all containers; what fails keeps what was there.

    The call fails when a part renewed nothing.
    """
    await modal_jobs.refresh()


# ---- for a reader at a terminal --------------------------------------------------------------------


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
    with output.one_line():
        output.recommendations(ask.remote("recommendations", fields))


@app.local_entrypoint()
def area(code: str) -> None:
    """Print every figure of an area with its source."""
    from veo.cli import output  # noqa: PLC0415 - not needed in a container

    with output.one_line():
        output.area(ask.remote("area", {"code": code}))


@app.local_entrypoint()
def commute(origin: str, destination: str) -> None:
    """Print how long a journey takes, leg by leg."""
    from veo.cli import output  # noqa: PLC0415 - not needed in a container

    with output.one_line():
        output.commute(ask.remote("commute", {"origin": origin, "destination": destination}))


@app.local_entrypoint()
def cache_stats() -> None:
    """Print whether the shared tier answers a container."""
    from veo.cli import output  # noqa: PLC0415 - not needed in a container

    with output.one_line():
        output.cache_stats(cache_operation.remote("stats"))


@app.local_entrypoint()
def cache_delete(key: str) -> None:
    """Remove one key everywhere."""
    from veo.cli import output  # noqa: PLC0415 - not needed in a container

    with output.one_line():
        output.cache_change(cache_operation.remote("delete", key))


@app.local_entrypoint()
def cache_flush(what: str) -> None:
    """Make `all` entries, a family's (crime) or an area's (area:E15) unreachable everywhere."""
    from veo.cli import output  # noqa: PLC0415 - not needed in a container

    with output.one_line():
        output.cache_change(cache_operation.remote("flush", what))
