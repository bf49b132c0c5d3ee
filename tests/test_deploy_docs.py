"""The commands and rules that the documentation gives for a deployment do what it says."""

import re
from pathlib import Path

import pytest

from veo.web.peer import client_of

ROOT = Path(__file__).parents[1]
FILES = [ROOT / "README.md", ROOT / "secrets.example", ROOT / "modal_app.py"]
DOCUMENTS = {path.name: path.read_text(encoding="utf-8") for path in [*FILES, *(ROOT / "docs").glob("*.md")]}
TEXT = "\n".join(DOCUMENTS.values())
GUIDE = DOCUMENTS["deploy.md"]

PEER, READER = "192.0.2.1", "198.51.100.1"  # who connects, and whom a proxy in front of it saw


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
    assert [client_of(scope, int(number)) for number in hops] == [client]
