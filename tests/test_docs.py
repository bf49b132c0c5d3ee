"""The README and the code say the same."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import AliasChoices

from veo.cache import Policy
from veo.services.questions import POLICIES
from veo.settings import PROVIDERS, Settings
from veo.web.admin import ADMIN
from veo.web.routes import PUBLIC

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SOURCES = (ROOT / "docs" / "sources.md").read_text()
PROVIDER = re.compile(r"""= Provider\(\s*"([a-z.-]+)"()""")


def rows(heading: str) -> list[list[str]]:
    """Give the cells of the table that begins with a heading's cell."""
    _, _, rest = README.partition(f"| {heading} |")
    lines = rest.split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def spoken(length: timedelta) -> str:
    """Say a length of time as the table does: days from a week on, else hours."""
    hours = length // timedelta(hours=1)
    count, unit = (hours // 24, "day") if hours >= 24 * 7 else (hours, "hour")
    return f"{count} {unit}{'' if count == 1 else 's'}"


def test_the_routes_of_the_readme_are_those_of_the_app() -> None:
    assert [row[0].strip("`") for row in rows("route")] == [f"{e.method} {e.path}" for e in PUBLIC]


def test_the_admin_routes_of_the_readme_are_those_of_the_app() -> None:
    heading = "admin route, with `Authorization: Bearer {VEO_ADMIN_TOKEN}`"
    told = [f"{e.method} {e.path.replace(':path', '')}" for e in ADMIN]
    assert [row[0].strip("`") for row in rows(heading)] == told


def test_the_families_of_the_readme_are_those_of_the_code() -> None:
    assert [row[0] for row in rows("family")] == [policy.family for policy in POLICIES]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.family)
def test_the_lifetimes_of_the_readme_are_those_of_the_code(policy: Policy) -> None:
    row = next(row for row in rows("family") if row[0] == policy.family)
    assert row[2:] == [spoken(policy.fresh_for), spoken(policy.stale_if_error)]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.family)
def test_the_key_templates_of_the_readme_are_those_of_the_code(policy: Policy) -> None:
    row = next(row for row in rows("family") if row[0] == policy.family)
    assert not isinstance(policy.key, str) or row[1] == f"`{policy.key}`"


def test_the_settings_of_the_readme_are_those_of_the_code() -> None:
    read: set[str] = set()
    for field in Settings.model_fields.values():
        alias = field.validation_alias
        read |= {str(name) for name in alias.choices} if isinstance(alias, AliasChoices) else {str(alias)}
    _, _, table = README.partition("| setting |")
    assert set(re.findall(r"`([A-Z][A-Z_]+)`", table.split("\n\n", 1)[0])) == read


def providers() -> set[str]:
    """Give the names of all live sources, as the code gives them to each."""
    text = "".join(path.read_text() for path in (ROOT / "veo" / "sources").rglob("*.py"))
    return {name for pair in PROVIDER.findall(text) for name in pair if name}


def test_other_addresses_may_be_set_for_the_providers_of_the_code() -> None:
    assert set(PROVIDERS) == providers()


def test_the_providers_of_the_documentation_are_those_of_the_code() -> None:
    table, _, _ = SOURCES.partition("| provider |")[2].partition("\n\n")
    first = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert {name for cell in first for name in re.findall(r"`([a-z.-]+)`", cell)} == providers()


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README))
def test_every_link_of_the_readme_leads_to_a_file(link: str) -> None:
    assert (ROOT / link).is_file()


@pytest.mark.parametrize(
    "path",
    re.findall(r"^  ([a-z_./]+?)(?=\s|$)|^([a-z_.]+\.py)\s", README.partition("## Files")[2], re.MULTILINE),
)
def test_every_file_of_the_readme_is_there(path: tuple[str, str]) -> None:
    assert any((ROOT / base / (path[0] or path[1])).exists() for base in (".", "veo"))
