"""The project's own papers agree with each other."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-bench.lock")
EVERY_LOCK = ("requirements-build.lock", *LOCKS)


def pins(lock: str) -> dict[str, str]:
    """Give the locked version of each package."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def asked(*groups: list[str]) -> list[Requirement]:
    """Give the requirements of some groups of pyproject.toml."""
    return [Requirement(text) for group in groups for text in group]


RUNTIME = asked(PROJECT["project"]["dependencies"])
EVERYTHING = RUNTIME + asked(
    *PROJECT["project"]["optional-dependencies"].values(), PROJECT["dependency-groups"]["dev"]
)


@pytest.mark.parametrize("requirement", RUNTIME, ids=str)
def test_the_image_s_lock_satisfies(requirement: Requirement) -> None:
    assert pins("requirements.lock")[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize("requirement", EVERYTHING, ids=str)
def test_the_development_lock_satisfies(requirement: Requirement) -> None:
    assert pins("requirements-dev.lock")[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize("requirement", asked(PROJECT["dependency-groups"]["build"]), ids=str)
def test_the_lock_of_the_installers_satisfies(requirement: Requirement) -> None:
    assert pins("requirements-build.lock")[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize(("part", "whole"), [LOCKS[:2], LOCKS[1:]])
def test_a_wider_lock_pins_the_same_versions(part: str, whole: str) -> None:
    everything = pins(whole)
    assert {name: everything.get(name) for name in pins(part)} == pins(part)


@pytest.mark.parametrize("lock", EVERY_LOCK)
def test_every_locked_package_is_hashed(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", EVERY_LOCK)
def test_no_lock_names_a_host(lock: str) -> None:
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links", (ROOT / lock).read_text()) == []


@pytest.mark.parametrize(
    "line", [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["build"]], ids=str
)
def test_every_runtime_dependency_says_why_it_is_there(line: str) -> None:
    assert re.search(rf'^\s*"{re.escape(line)}",\s+# \w', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


def test_continuous_integration_runs_the_tests_and_the_checks() -> None:
    assert [line for line in (ROOT / ".ci/run").read_text().splitlines() if line.startswith("make")] == [
        "make test",
        "make check",
    ]
