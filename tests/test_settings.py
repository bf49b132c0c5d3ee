"""Settings, and the file that documents them."""

import io
import re
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import ValidationError

from tests.support.environment import settings_variables
from veo.settings import Settings

pytestmark = pytest.mark.usefixtures("no_variables")

EXAMPLE = Path(__file__).parent.parent / "secrets.example"
REQUIRED = ["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"]
SECOND_NAMES = {"KV_REST_API_URL", "KV_REST_API_TOKEN"}
SECRETS = ["TFL_APP_KEY", "GOOGLE_MAPS_API_KEY", "PERPLEXITY_API_KEY", "VEO_ADMIN_TOKEN", "REDIS_URL"]
COMMENTED = re.compile(r"^# ([A-Z][A-Z_]+)=(.*)$", re.MULTILINE)


def commented() -> dict[str, str]:
    """Return the variables that the file shows without setting them."""
    return dict(COMMENTED.findall(EXAMPLE.read_text()))


def test_the_example_names_every_variable_once_and_no_other() -> None:
    named = sorted([*dotenv_values(EXAMPLE), *(name for name, _ in COMMENTED.findall(EXAMPLE.read_text()))])
    assert named == sorted(settings_variables().keys() - SECOND_NAMES)


def test_the_example_sets_only_what_a_deployment_must_have_and_first() -> None:
    assert list(dotenv_values(EXAMPLE)) == REQUIRED


def test_the_example_gives_every_variable_a_text_as_modal_requires() -> None:
    everything = io.StringIO(re.sub(r"(?m)^# (?=[A-Z_]+=)", "", EXAMPLE.read_text()))
    assert all(isinstance(value, str) for value in dotenv_values(stream=everything).values())


def test_the_example_mentions_the_second_names() -> None:
    assert all(name in EXAMPLE.read_text() for name in SECOND_NAMES)


def test_the_example_shows_the_true_defaults(no_variables: pytest.MonkeyPatch) -> None:
    for name, value in commented().items():
        if name not in SECRETS:  # shown with an example: their default is none
            no_variables.setenv(name, value)
    assert Settings() == Settings.model_construct()


def test_the_example_is_itself_accepted(no_variables: pytest.MonkeyPatch) -> None:
    for name, value in {**dotenv_values(EXAMPLE), **commented()}.items():
        no_variables.setenv(name, value or "")
    assert Settings().upstash_url == "https://your-database.upstash.io"


@pytest.mark.parametrize(("variable", "field"), settings_variables().items())
def test_a_variable_reaches_its_field(no_variables: pytest.MonkeyPatch, variable: str, field: str) -> None:
    other = {
        "VEO_CACHE": "off",
        "VEO_LIVE": "off",
        "VEO_UPSTREAMS": '{"tfl": "https://tfl.example"}',
        "VEO_ADMIN_TOKEN": "0123456789abcdef",
        "VEO_CORS_ORIGINS": "https://veo.example",
        "VEO_LOG_LEVEL": "DEBUG",
        "VEO_LOG_FORMAT": "json",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "VEO_MORTGAGE_RATE": "0",
        "VEO_MORTGAGE_DEPOSIT": "0",
    }
    no_variables.setenv(variable, other.get(variable, "7"))
    assert getattr(Settings(), field) != Settings.model_fields[field].default


@pytest.mark.parametrize("variable", settings_variables())
def test_an_empty_variable_is_an_absent_one(no_variables: pytest.MonkeyPatch, variable: str) -> None:
    no_variables.setenv(variable, "")
    assert Settings().model_fields_set == set()


@pytest.mark.parametrize("variable", ["UPSTASH_REDIS_REST_TOKEN", "KV_REST_API_TOKEN", *SECRETS])
def test_a_secret_never_shows_in_the_repr(no_variables: pytest.MonkeyPatch, variable: str) -> None:
    no_variables.setenv(variable, "redis://hunter2-hunter2")
    assert "hunter2" not in repr(Settings())


def test_the_name_of_upstash_goes_before_that_of_vercel(no_variables: pytest.MonkeyPatch) -> None:
    no_variables.setenv("KV_REST_API_URL", "https://second.example")
    no_variables.setenv("UPSTASH_REDIS_REST_URL", "https://first.example")
    assert Settings().upstash_url == "https://first.example"


@pytest.mark.parametrize("namespace", ["staging", "pr-7", "a" * 32])
def test_a_namespace_is_part_of_every_key(no_variables: pytest.MonkeyPatch, namespace: str) -> None:
    no_variables.setenv("VEO_NAMESPACE", namespace)
    assert Settings().prefix == f"veo:{namespace}:"


def test_production_has_no_namespace() -> None:
    assert Settings().prefix == "veo:"


@pytest.mark.parametrize("namespace", ["Staging", "a:b", "a b", "a" * 33, "ä"])
def test_a_namespace_that_could_forge_a_key_is_refused(
    no_variables: pytest.MonkeyPatch, namespace: str
) -> None:
    no_variables.setenv("VEO_NAMESPACE", namespace)
    with pytest.raises(ValidationError, match="VEO_NAMESPACE"):
        Settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VEO_CACHE", "disk"),
        ("VEO_COMMANDS_PER_DAY", "0"),
        ("VEO_LIVE", "on"),
        ("VEO_DEADLINE_S", "0"),
        ("VEO_DEADLINE_S", "26"),
        ("VEO_GOOGLE_USD_PER_DAY", "-1"),
        ("VEO_PERPLEXITY_USD_PER_DAY", "-1"),
        ("VEO_PERPLEXITY_USD_PER_DAY", "inf"),
        ("VEO_ADMIN_TOKEN", " " * 16),
        ("VEO_CORS_ORIGINS", "notanorigin"),
        ("VEO_UPSTREAMS", '{"tfl": "http://tfl.example"}'),
        ("VEO_UPSTREAMS", '{"tfl": "https://tfl.example?key=1"}'),
        ("VEO_UPSTREAMS", '{"tfl": "https://user:word@tfl.example"}'),
        ("VEO_ADMIN_TOKEN", "short"),
        ("VEO_MORTGAGE_RATE", "1"),
        ("VEO_MORTGAGE_YEARS", "51"),
        ("VEO_MORTGAGE_DEPOSIT", "1"),
        ("VEO_LOG_LEVEL", "LOUD"),
        ("VEO_LOG_FORMAT", "xml"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://user:word@collector.example"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example?key=1"),
    ],
)
def test_a_value_out_of_its_range_is_refused_by_name(
    no_variables: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    no_variables.setenv(variable, value)
    with pytest.raises(ValidationError, match=variable):
        Settings()


def test_origins_are_split_at_commas_and_lose_spaces_and_slashes(
    no_variables: pytest.MonkeyPatch,
) -> None:
    no_variables.setenv("VEO_CORS_ORIGINS", "https://a.example/, https://b.example,")
    assert Settings().cors_origins == ("https://a.example", "https://b.example")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().namespace = "other"  # type: ignore[misc]  # the fact under test
