"""The table refresh: what it stores for every container, what it flushes, and how it reports failures."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.support.chaos import ChaosStore, Fault
from tests.support.environment import settings_variables
from tests.support.gateway import Gateway
from tests.support.live import AREA, CRIME, SCHOOLS, Site, notices
from tests.support.provider import Answered
from tests.support.providers import tfl
from tests.support.providers.land_registry import sales, written
from tests.support.providers.schools import GOOD
from tests.support.upstreams import Upstreams
from veo.cache import Cache
from veo.errors import SourceUnavailable, VeoError
from veo.models import FrozenMap
from veo.operations.table_refresh import check, renew
from veo.runtime import Runtime, build, tables
from veo.settings import Settings
from veo.sources.bulk.price_paid import FEWEST_SALES, months_before
from veo.sources.bulk.refresh import RefreshedTable
from veo.sources.bulk.schools import FEWEST, SchoolTable
from veo.sources.clients import today
from veo.tables.storage import Table

pytestmark = pytest.mark.anyio

DEARER = 1.04
RECOMMENDED = "recommendations:student:1000:rent:ucl:-"


def sharing(database: Gateway) -> dict[str, Any]:
    """Return the settings of a container on the shared tier."""
    return {"cache": "auto", "upstash_url": database.url, "upstash_token": SecretStr(database.token)}


def sell(upstreams: Upstreams, factor: float = DEARER) -> None:
    """Publish a few sales in every district, at the embedded median times a factor."""
    sold = months_before(today(), 4)
    rows = [
        row
        for code, district in tables().snapshot.districts.items()
        if (price := district.number("median_price")) is not None
        for row in sales([round(price * factor)] * FEWEST_SALES, f"{sold:%Y-%m-15}", f"{code} 1AA")
    ]
    for year in range(sold.year - 1, sold.year + 2):
        upstreams.prices.serve(f"/pp-{year}.csv", written(rows) if year == sold.year else "")


def enrol(upstreams: Upstreams, day: date | None = None) -> None:
    """Publish a register of just enough schools to be accepted, all in one place, and their inspections."""
    schools = [{"URN": str(100_000 + number)} for number in range(FEWEST)]
    upstreams.schools.register(day or today(), *schools)
    upstreams.schools.inspect({**GOOD, "URN": "100000"})


def in_two_districts(runtime: Runtime) -> Runtime:
    """Return a runtime with two districts: all of them would take minutes at the service's rate limit."""
    snapshot = runtime.tables.snapshot
    two = FrozenMap({code: snapshot.districts[code] for code in ("E15", "E20")})
    return replace(runtime, tables=replace(runtime.tables, snapshot=replace(snapshot, districts=two)))


async def price(site: Site) -> float:
    """Return the average price of E15 in an answer."""
    return float((await site.answer(AREA))["data"]["property"]["averagePrice"])


# ---- figures -----------------------------------------------------------------------------------------


async def test_renewed_prices_are_answered(site: Site, upstreams: Upstreams) -> None:
    sell(upstreams)
    before = await price(site)
    await renew(site.runtime, ["figures"])
    assert await price(site) == round(before * DEARER)


async def test_what_was_renewed_is_reported_by_source_and_column(site: Site, upstreams: Upstreams) -> None:
    sell(upstreams)
    outcome = (await renew(site.runtime, ["figures"]))["figures"]
    assert outcome["renewed"] == {"price-paid": ["median_price"]}


async def test_a_column_that_is_implausible_is_reported_with_the_reason(
    site: Site, upstreams: Upstreams
) -> None:
    sell(upstreams)
    outcome = " ".join((await renew(site.runtime, ["figures"]))["figures"]["failures"])
    assert "price-paid: sales_12m has a median of" in outcome
    assert "times the embedded figure" in outcome


async def test_sources_that_fail_are_reported_and_do_not_stop_the_others(
    site: Site, upstreams: Upstreams
) -> None:
    sell(upstreams)
    upstreams.down("uk-hpi", "ons")
    failures = (await renew(site.runtime, ["figures"]))["figures"]["failures"]
    assert {text.split(":")[0] for text in failures} == {"price-paid", "uk-hpi", "ons"}


async def test_prices_that_jump_are_refused_and_the_last_ones_stay(site: Site, upstreams: Upstreams) -> None:
    sell(upstreams)
    await renew(site.runtime, ["figures"])
    renewed = await price(site)
    sell(upstreams, factor=3)
    outcome = (await renew(site.runtime, ["figures"]))["figures"]
    assert (outcome["renewed"], await price(site)) == ({}, renewed)


async def test_a_source_that_fails_later_keeps_its_last_table(site: Site, upstreams: Upstreams) -> None:
    sell(upstreams)
    await renew(site.runtime, ["figures"])
    renewed = await price(site)
    upstreams.down("price-paid")
    outcome = (await renew(site.runtime, ["figures"]))["figures"]
    assert (outcome["renewed"], await price(site)) == ({}, renewed)


async def test_renewed_figures_reach_a_container_that_starts_later(
    open_site: Callable[..., Site], upstreams: Upstreams, database: Gateway
) -> None:
    sell(upstreams)
    first = open_site(**sharing(database))
    before = await price(first)
    await renew(first.runtime, ["figures"])
    assert await price(open_site(**sharing(database))) == round(before * DEARER)


async def test_renewed_figures_outlive_a_process_without_a_shared_tier(
    open_site: Callable[..., Site], upstreams: Upstreams
) -> None:
    sell(upstreams)
    first = open_site()
    before = await price(first)
    await renew(first.runtime, ["figures"])
    assert await price(open_site()) == round(before * DEARER)


async def test_what_rests_on_figures_is_flushed(site: Site, upstreams: Upstreams) -> None:
    sell(upstreams)
    await site.answer("/api/recommendations?persona=student&budget=1000&locationType=rent&destination=UCL")
    await site.answer(AREA)
    await renew(site.runtime, ["figures"])
    kept = [await site.runtime.cache.exists(key) for key in (RECOMMENDED, "area:E15", "crime:E15")]
    assert kept == [False, False, True]


async def test_nothing_is_flushed_when_nothing_was_renewed(site: Site, upstreams: Upstreams) -> None:
    upstreams.down("price-paid", "uk-hpi", "ons")
    await site.answer(AREA)
    await renew(site.runtime, ["figures"])
    assert await site.runtime.cache.exists("area:E15")


async def test_a_column_that_is_refused_later_keeps_its_last_figures(
    site: Site, upstreams: Upstreams
) -> None:
    shelf = site.runtime.sources.figures.tables["price-paid"]
    figure = tables().snapshot.districts["E15"].figures["sales_12m"]
    sold = figure.model_copy(update={"value": 999, "vintage": f"{today():%b %Y}"})
    row = FrozenMap({"sales_12m": sold})
    await shelf.put(RefreshedTable(name="price-paid", made_at="2026-01-01", rows=FrozenMap({"E15": row})))
    sell(upstreams)
    await renew(site.runtime, ["figures"])
    kept = await shelf.newest()
    assert kept is not None
    assert (sorted(kept.rows["E15"]), kept.rows["E15"]["sales_12m"]) == (["median_price", "sales_12m"], sold)


async def test_figures_older_than_the_kept_ones_renew_nothing(site: Site, upstreams: Upstreams) -> None:
    shelf = site.runtime.sources.figures.tables["price-paid"]
    figure = tables().snapshot.districts["E15"].figures["median_price"]
    sold = figure.model_copy(update={"vintage": f"{today():%b %Y}"})
    before = RefreshedTable(
        name="price-paid",
        made_at="2026-01-01",
        rows=FrozenMap({"E15": FrozenMap({"median_price": sold})}),
    )
    await shelf.put(before)
    sell(upstreams)
    assert ((await renew(site.runtime, ["figures"]))["figures"]["renewed"], await shelf.newest()) == (
        {},
        before,
    )


# ---- schools -----------------------------------------------------------------------------------------


async def test_a_renewed_register_names_schools(site: Site, upstreams: Upstreams) -> None:
    enrol(upstreams)
    await site.answer(SCHOOLS)
    done = await renew(site.runtime, ["schools"])
    answer = await site.answer(SCHOOLS)
    assert done["schools"] == {"renewed": FEWEST, "failures": []}
    assert answer["data"]["schools"][0]["name"] == "Colegrave Primary School"


async def test_a_register_that_is_too_small_is_refused(site: Site, upstreams: Upstreams) -> None:
    upstreams.schools.register(today(), {})
    upstreams.schools.inspect(GOOD)
    done = (await renew(site.runtime, ["schools"]))["schools"]
    assert (done["renewed"], len(done["failures"])) == (0, 1)


async def test_a_register_that_fails_later_keeps_its_last_table(site: Site, upstreams: Upstreams) -> None:
    enrol(upstreams)
    await renew(site.runtime, ["schools"])
    upstreams.down("gias")
    assert (await renew(site.runtime, ["schools"]))["schools"]["renewed"] == 0
    assert (await site.answer(SCHOOLS))["data"]["schools"]


async def test_schools_without_inspections_are_renewed_and_the_gap_is_reported(
    site: Site, upstreams: Upstreams
) -> None:
    enrol(upstreams)
    upstreams.schools.link()
    done = (await renew(site.runtime, ["schools"]))["schools"]
    answer = await site.answer(SCHOOLS)
    assert (done["renewed"], len(done["failures"])) == (FEWEST, 1)
    assert done["failures"][0] in notices(answer)
    assert "good" not in answer["data"]


async def test_inspections_stay_when_a_later_refresh_finds_none(site: Site, upstreams: Upstreams) -> None:
    enrol(upstreams)
    await renew(site.runtime, ["schools"])
    before = (await site.answer(SCHOOLS))["data"]
    upstreams.schools.link()
    done = (await renew(site.runtime, ["schools"]))["schools"]
    answer = await site.answer(SCHOOLS)
    assert (done["renewed"], answer["data"], answer["data"]["good"]) == (FEWEST, before, 1)


async def test_inspections_that_stayed_are_reported_with_their_date(site: Site, upstreams: Upstreams) -> None:
    enrol(upstreams)
    await renew(site.runtime, ["schools"])
    upstreams.schools.link()
    (failure,) = (await renew(site.runtime, ["schools"]))["schools"]["failures"]
    assert failure in notices(await site.answer(SCHOOLS))
    assert failure.startswith("The inspections are still those as at 2026-08-31: gov-uk: ")


async def test_a_table_that_cannot_be_read_is_not_replaced(site: Site, upstreams: Upstreams) -> None:
    store = ChaosStore(time.time)
    shelf = Table("schools", SchoolTable, Cache(store), None)
    runtime = replace(site.runtime, sources=replace(site.runtime.sources, schools=shelf))
    enrol(upstreams)
    await renew(runtime, ["schools"])
    before = store.value("cache:v1:t:schools")
    upstreams.schools.link()
    store.fault(Fault(kind="failed"), method="mget")
    done = (await renew(runtime, ["schools"]))["schools"]
    assert (done["renewed"], store.value("cache:v1:t:schools")) == (0, before)


# ---- crime -------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_crimes_of_every_district_are_cached(site: Site) -> None:
    done = await renew(in_two_districts(site.runtime), ["crime"])
    assert done["crime"] == {"renewed": 2, "failures": []}
    assert (await site.answer(CRIME))["metadata"]["cached"] is True


@pytest.mark.slow
async def test_a_refresh_reports_its_progress(site: Site) -> None:
    progress_calls: list[tuple[int, int]] = []
    await renew(in_two_districts(site.runtime), ["crime"], lambda *progress: progress_calls.append(progress))
    assert progress_calls == [(1, 2), (2, 2)]


@pytest.mark.slow
async def test_districts_whose_crimes_fail_are_reported_by_name(site: Site, upstreams: Upstreams) -> None:
    upstreams.police.always(Answered(500, {}))
    done = (await renew(in_two_districts(site.runtime), ["crime"]))["crime"]
    assert done["renewed"] == 0
    assert sorted(text.split(":")[0] for text in done["failures"]) == ["E15", "E20"]


@pytest.mark.slow
async def test_areas_are_flushed_once_their_crimes_are_renewed(site: Site) -> None:
    await site.answer(AREA)
    await renew(in_two_districts(site.runtime), ["crime"])
    assert not await site.runtime.cache.exists("area:E15")


# ---- as a whole --------------------------------------------------------------------------------------


async def test_nothing_is_renewed_where_live_sources_are_off(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="VEO_LIVE=auto"):
        await renew(build(Settings(cache="memory", live="off", tables=tmp_path)))


def refresh(upstreams: Upstreams, folder: Path, *options: str, **more: str) -> Any:
    """Run `veo data refresh` in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if name not in settings_variables()}
    live = {
        "VEO_LIVE": "auto",
        "VEO_UPSTREAMS": json.dumps(upstreams.addresses),
        "VEO_TABLES": str(folder),
        "TFL_APP_KEY": tfl.KEY,
        **more,
    }
    command = [sys.executable, "-m", "veo", "data", "refresh", *options]
    return subprocess.run(command, env={**inherited, **live}, capture_output=True, timeout=60, check=False)  # noqa: S603 - our own program


@pytest.mark.slow
def test_a_part_is_renewed_from_the_command_line(upstreams: Upstreams, tmp_path: Path) -> None:
    enrol(upstreams)
    done = refresh(upstreams, tmp_path, "--part", "schools", "--json")
    assert (done.returncode, json.loads(done.stdout)["schools"]["renewed"]) == (0, FEWEST), done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["schools.table"]


@pytest.mark.slow
def test_a_command_that_renewed_nothing_says_so_and_fails(upstreams: Upstreams, tmp_path: Path) -> None:
    done = refresh(upstreams, tmp_path, "--part", "schools")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, b"veo: nothing was renewed for: schools")


@pytest.mark.slow
def test_a_command_that_renewed_nothing_fails_in_json_too(upstreams: Upstreams, tmp_path: Path) -> None:
    done = refresh(upstreams, tmp_path, "--part", "schools", "--json")
    assert (done.returncode, json.loads(done.stdout)["schools"]["renewed"]) == (1, 0)


@pytest.mark.parametrize(
    ("figures", "schools", "idle"),
    [({}, 0, "figures, schools"), ({"ons": ["rent_all"]}, 0, "schools"), ({}, 2_000, "figures")],
)
def test_parts_that_renewed_nothing_are_named(figures: dict[str, list[str]], schools: int, idle: str) -> None:
    done = {"figures": {"renewed": figures}, "schools": {"renewed": schools}}
    with pytest.raises(VeoError, match=f"^nothing was renewed for: {idle}$"):
        check(done)


def test_parts_that_renewed_something_pass() -> None:
    check({"figures": {"renewed": {"ons": ["rent_all"]}}, "crime": {"renewed": 1, "failures": ["E15: no"]}})


@pytest.mark.slow
def test_a_part_that_does_not_exist_is_refused(upstreams: Upstreams, tmp_path: Path) -> None:
    done = refresh(upstreams, tmp_path, "--part", "weather")
    assert (done.returncode, b"figures, schools, crime" in done.stderr) == (2, True)


@pytest.mark.slow
def test_a_command_without_live_sources_says_what_switches_them_on(
    upstreams: Upstreams, tmp_path: Path
) -> None:
    done = refresh(upstreams, tmp_path, VEO_LIVE="off")
    assert (done.returncode, b"VEO_LIVE=auto" in done.stderr) == (1, True)
