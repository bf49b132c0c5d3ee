"""The deployment, as declared to the modal package.

Modal offers no public view of an app that is not deployed: `_local_state` and the closures of its loaders
(`nonlocals`) are private to the pinned minor release.
"""

import inspect
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path, PurePosixPath
from typing import Any

import click
import modal
import pytest
from modal.cli.run import _get_click_command_for_function, _get_click_command_for_local_entrypoint
from pydantic import AliasChoices

import modal_app
from veo.services.registry import QUESTIONS
from veo.settings import Settings

pytestmark = pytest.mark.usefixtures("nothing_configured")

ROOT = Path(modal_app.__file__).parent
BUILDER = "2025.06"  # the release of Modal's image builder for which build steps are spelled out
FETCHES = {f"fetch_{question.name}_cached" for question in QUESTIONS}
HELPERS = {"ask", "cache_operation"}
SCHEDULED = {"warm_cache", "refresh_tables"}
ALL = sorted(FETCHES | HELPERS | SCHEDULED | {"web"})


def state(app: modal.App = modal_app.app) -> Any:
    return app._local_state  # noqa: SLF001 - see the module's docstring


def nonlocals(thing: Any) -> dict[str, Any]:
    """Return how a Modal object will be deployed: the variables of its loader."""
    return dict(inspect.getclosurevars(thing._load).nonlocals)  # noqa: SLF001 - see the module's docstring


def info(name: str) -> Any:
    function: Any = getattr(modal_app, name)
    return function.info()


def secrets(app: modal.App) -> list[Any]:
    return list(state(app).secrets_default)


def image() -> Any:
    return state().functions["web"]._spec.image  # noqa: SLF001 - see the module's docstring


def loaded_again() -> Any:
    """Reload the module under the current environment."""
    spec = spec_from_file_location("modal_app_again", modal_app.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- what is declared --------------------------------------------------------------------------------


def test_exactly_these_functions_are_deployed() -> None:
    assert sorted(state().functions) == ALL


def test_exactly_these_entrypoints_print_readable_answers() -> None:
    names = ["area", "cache_delete", "cache_flush", "cache_stats", "commute", "recommend"]
    assert sorted(state().local_entrypoints) == names


def test_the_app_is_called_veo() -> None:
    assert modal_app.app.name == "veo"


@pytest.mark.parametrize("name", sorted(set(ALL) - {"refresh_tables"}))
def test_a_function_may_take_300_seconds(name: str) -> None:
    assert info(name).timeout == 300


def test_renewing_the_tables_may_take_half_an_hour() -> None:
    assert info("refresh_tables").timeout == 1800


@pytest.mark.parametrize("name", ALL)
def test_a_container_begins_from_a_memory_snapshot(name: str) -> None:
    assert nonlocals(state().functions[name])["enable_memory_snapshot"] is True


@pytest.mark.parametrize("name", sorted(FETCHES | HELPERS | {"web"}))
def test_a_function_that_callers_start_has_a_cost_cap(name: str) -> None:
    assert 1 <= nonlocals(state().functions[name])["autoscaler_settings"].max_containers <= 5


@pytest.mark.parametrize("name", sorted(ALL))
def test_no_container_is_paid_for_while_nobody_calls(name: str) -> None:
    assert nonlocals(state().functions[name])["autoscaler_settings"].min_containers == 0


@pytest.mark.parametrize("name", sorted(set(ALL) - {"web"}))
def test_a_function_is_no_web_function_so_that_it_can_be_run(name: str) -> None:
    assert info(name).web_info is None


def test_web_is_an_asgi_app() -> None:
    assert state().web_endpoints == ["web"]


@pytest.mark.parametrize("name", sorted(FETCHES))
def test_calls_of_a_question_share_a_container(name: str) -> None:
    assert info(name).concurrency_info.max_inputs == 20


def test_requests_share_a_container_until_it_is_half_full() -> None:
    shared = info("web").concurrency_info
    assert (shared.max_inputs, shared.target_inputs) == (100, 50)


def test_the_cache_is_warmed_before_every_waking_hour() -> None:
    assert info("warm_cache").schedule == "Cron('50 6-22 * * *', Europe/London)"


def test_the_tables_are_refreshed_once_a_month() -> None:
    assert info("refresh_tables").schedule == "Cron('0 4 24 * *', Europe/London)"


@pytest.mark.parametrize("name", sorted(set(ALL) - SCHEDULED))
def test_nothing_else_runs_by_itself(name: str) -> None:
    assert info(name).schedule is None


# ---- secrets -----------------------------------------------------------------------------------------


def test_the_one_secret_that_must_exist_is_that_of_upstash() -> None:
    assert [secret._name for secret in secrets(modal_app.app) if secret._name] == ["upstash-redis"]  # noqa: SLF001 - see the module's docstring


def test_the_secret_must_hold_the_variables_that_settings_read() -> None:
    first_names = [
        alias.choices[0]
        for field in ("upstash_url", "upstash_token")
        if isinstance(alias := Settings.model_fields[field].validation_alias, AliasChoices)
    ]
    assert nonlocals(secrets(modal_app.app)[0])["required_keys"] == first_names


def test_every_function_has_the_secrets_of_the_app() -> None:
    given = {name: info(name).secrets for name in ALL}
    assert all(names[0] == "modal.Secret.from_name('upstash-redis')" for names in given.values())


def test_a_second_secret_is_named_at_deployment(nothing_configured: pytest.MonkeyPatch) -> None:
    nothing_configured.setenv("VEO_EXTRA_SECRET", "veo-providers")
    again = loaded_again()
    asking = [name for name in ALL if "veo-providers" in str(getattr(again, name).info().secrets)]
    assert asking == [name for name in ALL if name != "cache_operation"]


def test_a_container_learns_the_name_of_the_second_secret(nothing_configured: pytest.MonkeyPatch) -> None:
    nothing_configured.setenv("VEO_EXTRA_SECRET", "veo-providers")
    inline = secrets(loaded_again().app)[1]
    assert inline._load_env_dict() == {"VEO_EXTRA_SECRET": "veo-providers", "VEO_EDGE_REGION": ""}  # noqa: SLF001 - see the module's docstring


# ---- the image ---------------------------------------------------------------------------------------


HOME = PurePosixPath("/", "root")  # where Modal puts local sources in a container


def uploaded() -> dict[str, Path]:
    """Return the files mounted into a container, by their path there."""
    files: dict[str, Path] = {}
    for entry in nonlocals(image())["mount"]._entries:  # noqa: SLF001 - see the module's docstring
        files.update({str(remote): local for local, remote in entry.get_files_to_upload()})
    return files


def test_every_file_of_the_package_is_uploaded_and_nothing_else() -> None:
    package = {path for path in (ROOT / "veo").rglob("*") if path.is_file()}
    expected = {path for path in package if "__pycache__" not in path.parts}
    assert uploaded() == {f"{HOME}/{path.relative_to(ROOT)}": path for path in expected}


@pytest.mark.parametrize("name", ["areas.csv", "stations.csv", "links.csv", "destinations.csv", "SOURCES.md"])
def test_the_figures_are_uploaded(name: str) -> None:
    assert f"{HOME}/veo/data/{name}" in uploaded()


def test_the_types_are_uploaded() -> None:
    assert f"{HOME}/veo/py.typed" in uploaded()


def test_the_image_installs_the_lock() -> None:
    base = nonlocals(image())["base_image"]
    assert nonlocals(base)["dockerfile_function"](BUILDER).context_files == {
        "/.requirements.txt": str(ROOT / "requirements.lock")
    }


def test_the_image_runs_the_oldest_python_that_is_supported() -> None:
    base = nonlocals(nonlocals(image())["base_image"])["base_images"]["base"]
    assert nonlocals(base)["dockerfile_function"](BUILDER).commands[0].startswith("FROM python:3.11.")


# ---- loading -----------------------------------------------------------------------------------------


def test_a_machine_that_deploys_needs_modal_and_nothing_else() -> None:
    code = (
        "import sys\n"
        "for name in ('pydantic', 'pydantic_settings', 'fastapi', 'httpx', 'upstash_redis', 'typer'):\n"
        "    sys.modules[name] = None\n"  # as if it were not installed
        "import socket; socket.socket.connect = None\n"  # no network
        "import modal_app; print(modal_app.app.name)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=60)  # noqa: S603 - our own program
    assert done.stdout == b"veo\n"


# ---- `modal run` -------------------------------------------------------------------------------------


def parsed(name: str, *arguments: str) -> dict[str, Any]:
    """Parse a command line as `modal run modal_app.py::<name>` does."""
    context = click.Context(click.Command("run"))
    command = _get_click_command_for_function(modal_app.app, getattr(modal_app, name), context)
    return dict(command.make_context(name, list(arguments)).params)


def test_a_recommendation_can_be_asked_by_modal_run() -> None:
    arguments = parsed(
        "fetch_recommendations_cached",
        *("--persona", "student", "--budget", "1000", "--location-type", "rent"),
        *("--max-commute", "40", "--home", "1bed"),
    )
    assert arguments == {
        "persona": "student",
        "budget": 1000,
        "location_type": "rent",
        "destination": "",
        "max_areas": 5,
        "home": "1bed",
        "max_commute": 40.0,
        "min_safety": None,
    }


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("fetch_area_cached", ["code"]),
        ("fetch_commute_cached", ["origin", "destination"]),
        ("fetch_crime_cached", ["area_code"]),
        ("fetch_schools_cached", ["postcode"]),
        ("fetch_boundaries_cached", ["postcode"]),
        ("fetch_maps_cached", ["area_code"]),
        ("fetch_research_cached", ["area_code"]),
        ("cache_operation", ["operation"]),
    ],
)
def test_a_question_can_be_asked_by_modal_run(name: str, names: list[str]) -> None:
    arguments = [part for given in names for part in (f"--{given.replace('_', '-')}", "E15")]
    assert {given: parsed(name, *arguments)[given] for given in names} == dict.fromkeys(names, "E15")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("recommend", ("--persona", "student", "--budget", "1000", "--min-safety", "30")),
        ("area", ("--code", "E15")),
        ("commute", ("--origin", "E15", "--destination", "UCL")),
        ("cache_stats", ()),
        ("cache_delete", ("--key", "area:E15")),
        ("cache_flush", ("--what", "all")),
    ],
)
def test_an_entrypoint_takes_its_arguments(name: str, arguments: tuple[str, ...]) -> None:
    command = _get_click_command_for_local_entrypoint(modal_app.app, state().local_entrypoints[name])
    given = command.make_context(name, list(arguments)).params
    assert given.keys() >= {part[2:].replace("-", "_") for part in arguments[::2]}


# ---- the server near the reader ----------------------------------------------------------------------


@pytest.fixture
def edge(nothing_configured: pytest.MonkeyPatch) -> Any:
    nothing_configured.setenv("VEO_EDGE_REGION", "eu-west")
    return loaded_again()


def test_no_edge_is_deployed_unless_a_region_is_named() -> None:
    assert "Edge" not in state().functions


def test_an_edge_is_deployed_beside_the_functions(edge: Any) -> None:
    assert sorted(state(edge.app).functions) == sorted([*ALL, "Edge"])


def test_an_edge_is_a_server(edge: Any) -> None:
    assert isinstance(edge.Edge, modal.Server)


def test_an_edge_starts_from_a_memory_snapshot(edge: Any) -> None:
    assert nonlocals(state(edge.app).functions["Edge"])["enable_memory_snapshot"] is True
