"""The commands and rules that the documentation gives for a deployment do what it says."""

import re
import shutil
import subprocess
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path

import pytest

import modal_app
from veo.web.client_ip import client_address

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "README.md", ROOT / "secrets.example", ROOT / "deploy.env", ROOT / "modal_app.py"]
DOCUMENTS = {path.name: path.read_text(encoding="utf-8") for path in [*FILES, *(ROOT / "docs").glob("*.md")]}
TEXT = "\n".join(DOCUMENTS.values())
GUIDE = DOCUMENTS["deploy.md"]

DEPLOYMENT = re.compile(r"^.*\bmodal deploy modal_app\.py.*$", re.MULTILINE)
CARRIED = re.compile(r"\. \./deploy\.env && (?:\.venv/bin/)?modal deploy modal_app\.py")
ENVIRONMENT = re.compile(r"modal deploy modal_app\.py(?: --env (\w+))?(?=\s|$)")
PEER, READER = "192.0.2.1", "198.51.100.1"  # who connects, and whom a proxy in front of it saw
ADDRESS = re.compile(r"https://(you[a-z-]*)\.modal\.run")


def guide_lines(pattern: str) -> list[str]:
    """Return the lines of the guide that match."""
    return [line for line in GUIDE.splitlines() if re.search(pattern, line)]


def address(environment: str) -> str:
    """Return the host, without its domain, as Modal composes it: workspace, suffix, app and function."""
    suffix = f"-{environment}" if environment else ""
    return f"you{suffix}--{modal_app.app.name}-web"


# ---- what a deployment carries -----------------------------------------------------------------------


@pytest.mark.parametrize("line", DEPLOYMENT.findall(TEXT))
def test_every_deployment_carries_what_the_one_before_had(line: str) -> None:
    assert len(CARRIED.findall(line)) == line.count("modal deploy modal_app.py")


@pytest.mark.parametrize("name", ["README.md", "deploy.md"])
def test_a_document_that_deploys_gives_the_command(name: str) -> None:
    assert CARRIED.search(DOCUMENTS[name])


def test_the_file_exports_every_variable_that_a_deployment_reads() -> None:
    read = re.findall(r'os\.environ\.get\("(\w+)"', DOCUMENTS["modal_app.py"])
    assert sorted(re.findall(r"^export (\w+)=", DOCUMENTS["deploy.env"], re.MULTILINE)) == sorted(read)


def test_the_file_reaches_the_command_that_follows_it() -> None:
    sh = shutil.which("sh")
    assert sh is not None
    script = '. ./deploy.env && env | grep "^VEO_E"'
    ran = subprocess.run([sh, "-c", script], cwd=ROOT, env={}, capture_output=True, text=True, check=True)  # noqa: S603  # the documented command
    exported = [line.partition("=")[0] for line in ran.stdout.splitlines()]
    assert sorted(exported) == ["VEO_EDGE_REGION", "VEO_EXTRA_SECRET"]


@pytest.mark.parametrize("name", ["VEO_EXTRA_SECRET", "VEO_EDGE_REGION"])
def test_the_guide_says_what_a_deployment_without_a_variable_removes(name: str) -> None:
    assert re.search(rf"without\s+`{name}`\s+removes", GUIDE)


# ---- secrets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", guide_lines("modal secret create"))
def test_no_secret_is_made_of_what_is_shown_to_nobody(line: str) -> None:
    assert "$(" not in line


@pytest.mark.parametrize("file", sorted(set(re.findall(r"--from-dotenv (\S+\.env|\.env)", TEXT))))
def test_git_ignores_every_file_of_secrets(file: str) -> None:
    ignored = [line for line in (ROOT / ".gitignore").read_text().splitlines() if fnmatch(file, line)]
    assert ignored


# ---- names and addresses -----------------------------------------------------------------------------


def test_every_deployment_keeps_the_name_of_the_app() -> None:
    renamed = [line for line in guide_lines("modal deploy modal_app") if "--name" in line]
    assert renamed == []


def test_every_address_is_composed_as_modal_does() -> None:
    environments = {"", *re.findall(r"--set-web-suffix (\w+)", GUIDE)}
    assert set(ADDRESS.findall(TEXT)) == {address(environment) for environment in environments}


def test_every_check_asks_the_deployment_before_it() -> None:
    steps = re.findall(rf"{ENVIRONMENT.pattern}|make smoke URL={ADDRESS.pattern}", GUIDE)
    checked = [(environment, host) for (environment, _), (_, host) in pairwise(steps) if host]
    assert len(checked) == 4
    assert [host for _, host in checked] == [address(environment) for environment, _ in checked]


# ---- a Next.js site ----------------------------------------------------------------------------------


def test_every_rewrite_comes_before_the_routes_of_the_site() -> None:
    returned = re.findall(r"rewrites\(\) \{\s*return\s*([\[{]\s*\w*)", TEXT)
    assert [re.sub(r"\s", "", start) for start in returned] == ["{beforeFiles"]


@pytest.mark.parametrize(
    ("way", "forwarded", "client"),
    [
        ("Modal's own address", "6.6.6.6", PEER),
        ("`next start` alone", "6.6.6.6", PEER),  # it passes on what a reader made up
        ("nginx or a load balancer that adds one, then `next start`", f"6.6.6.6, {READER}", READER),
        ("a site on Vercel", READER, READER),
    ],
)
def test_the_number_of_proxies_of_the_guide_names_no_client_that_a_reader_made_up(
    way: str, forwarded: str, client: str
) -> None:
    hops = re.findall(rf"^\| {re.escape(way)} \| (\d+) \|", GUIDE, re.MULTILINE)
    scope = {"type": "http", "client": (PEER, 1), "headers": [(b"x-forwarded-for", forwarded.encode())]}
    assert [client_address(scope, int(number)) for number in hops] == [client]
