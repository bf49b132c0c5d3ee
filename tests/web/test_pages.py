"""The pages as files and answers: what a browser is sent before any script has run."""

import gzip
import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from veo.operations.cache_admin import SYNC_SECONDS
from veo.operations.cache_warmup import COMMANDS
from veo.runtime import tables
from veo.web.admin import WARM_UP_SECONDS
from veo.web.html_pages import FOLDER, HEADERS, map_data

pytestmark = pytest.mark.anyio

PAGES = ("/", "/areas/E15", "/areas/EC1", "/areas/e15", "/admin")
FILES = sorted(path for path in FOLDER.iterdir() if path.is_file())
MARKUP = [path for path in FILES if path.suffix == ".html"]
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
FIRST_VIEW = 150 * 1024  # bytes over the wire


class Elements(HTMLParser):
    """Collects every element with its attributes, and the text inside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] in {"script", "style"} and data.strip():
            self.inline.append(data)


MARKUP_ELEMENTS = {path: Elements(path.read_text(encoding="utf-8")) for path in MARKUP}


def name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("url", PAGES)
async def test_a_page_is_html(web: httpx.AsyncClient, url: str) -> None:
    answer = await web.get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize("url", ["/areas/ZZ9", "/areas/E15%3Cscript%3E", "/areas/%F0%9F%8F%A0"])
async def test_an_unknown_area_is_a_page_that_is_not_found(web: httpx.AsyncClient, url: str) -> None:
    answer = await web.get(url)
    assert (answer.status_code, "No such district" in answer.text) == (404, True)


@pytest.mark.parametrize("url", [*PAGES, "/areas/ZZ9", "/pages/explorer.js", "/pages/london.json"])
async def test_pages_and_their_files_carry_the_security_headers(web: httpx.AsyncClient, url: str) -> None:
    sent = (await web.get(url)).headers
    assert {header: sent[header] for header in HEADERS} == HEADERS


@pytest.mark.parametrize("allowance", ["unsafe-inline", "unsafe-eval", "data:", "*", "http"])
def test_the_content_security_policy_allows_nothing_unsafe(allowance: str) -> None:
    assert allowance not in HEADERS["Content-Security-Policy"]


async def test_the_documentation_keeps_its_own_scripts(web: httpx.AsyncClient) -> None:
    assert "content-security-policy" not in (await web.get("/docs")).headers


async def test_the_api_is_not_compressed(web: httpx.AsyncClient) -> None:
    answer = await web.get("/api/areas/E15", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("path", FILES, ids=name)
async def test_a_file_is_served_under_its_own_type(web: httpx.AsyncClient, path: Path) -> None:
    types = {".js": "javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}
    answer = await web.get(f"/pages/{path.name}")
    assert types[path.suffix] in answer.headers["content-type"]


async def test_what_a_browser_has_is_not_sent_again(web: httpx.AsyncClient) -> None:
    first = await web.get("/")
    again = await web.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("url", ["/pages/none.js", "/pages/../site.py", "/pages/%2e%2e/site.py"])
async def test_no_other_file_is_served(web: httpx.AsyncClient, url: str) -> None:
    assert (await web.get(url)).status_code == 404


async def test_the_first_view_stays_within_its_size(web: httpx.AsyncClient) -> None:
    """Everything that a first answer needs, the API's answers uncompressed, as they are sent."""
    query = "persona=student&locationType=rent&budget=1000&destination=ucl&maxAreas=10"
    asked = (f"/api/recommendations?{query}", "/api/personas", "/api/destinations")
    answers = sum([len((await web.get(url)).content) for url in asked])
    files = sum(len(gzip.compress(path.read_bytes())) for path in FILES)
    districts = len(gzip.compress((await web.get("/pages/london.json")).content))
    assert answers + files + districts <= FIRST_VIEW


@pytest.mark.parametrize("path", MARKUP, ids=name)
def test_a_page_holds_no_inline_script_or_style(path: Path) -> None:
    elements = MARKUP_ELEMENTS[path]
    attributes = {attribute for _, given in elements.found for attribute in given}
    assert elements.inline == []
    assert {a for a in attributes if a == "style" or a.startswith("on")} == set()


@pytest.mark.parametrize("path", MARKUP, ids=name)
def test_a_page_is_in_uk_english(path: Path) -> None:
    assert MARKUP_ELEMENTS[path].found[0] == ("html", {"lang": "en-GB"})


@pytest.mark.parametrize("path", MARKUP, ids=name)
async def test_every_file_that_a_page_names_is_there(web: httpx.AsyncClient, path: Path) -> None:
    elements = MARKUP_ELEMENTS[path].found
    named = {given.get("href") if tag == "link" else given.get("src") for tag, given in elements}
    statuses = {url: (await web.get(url)).status_code for url in named if url}
    assert set(statuses.values()) == {200}, statuses


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_every_module_that_a_script_imports_is_there(path: Path) -> None:
    imported = re.findall(r'from "\./([\w.]+)"', path.read_text(encoding="utf-8"))
    assert {file for file in imported if not (FOLDER / file).is_file()} == set()


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_file_names_another_host(path: Path) -> None:
    addresses = re.findall(r"(?:https?:)?//[\w-]+\.[\w./-]+", path.read_text(encoding="utf-8"))
    assert [address for address in addresses if "www.w3.org" not in address] == []  # the name of SVG


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_no_script_reads_markup_or_code_from_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
        == []
    )


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_file_promises_too_much(path: Path) -> None:
    assert re.findall(r"perfect|amazing", path.read_text(encoding="utf-8"), re.IGNORECASE) == []


async def test_the_operations_page_needs_no_token(web: httpx.AsyncClient) -> None:
    assert "Admin token" in (await web.get("/admin", headers={"Authorization": "Bearer wrong"})).text


def test_the_token_s_field_is_no_part_of_what_a_form_sends() -> None:
    elements = MARKUP_ELEMENTS[FOLDER / "admin.html"].found
    (field,) = [given for _, given in elements if given.get("id") == "token"]
    assert (field["type"], field["autocomplete"], "name" in field) == ("password", "off", False)


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_no_script_keeps_anything_in_the_browser(path: Path) -> None:
    kept = r"localStorage|sessionStorage|indexedDB|document\.cookie|caches\."
    assert re.findall(kept, path.read_text(encoding="utf-8")) == []


def test_what_a_flush_is_said_to_do_is_what_it_does() -> None:
    assert f"within {SYNC_SECONDS} seconds" in (FOLDER / "changes.js").read_text(encoding="utf-8")


def test_what_a_warming_is_said_to_cost_is_what_it_may_cost() -> None:
    text = (FOLDER / "changes.js").read_text(encoding="utf-8")
    assert f"about {COMMANDS:,} commands" in text
    assert f"after {WARM_UP_SECONDS:.0f} seconds" in text


def test_the_map_shows_every_district() -> None:
    snapshot = tables().snapshot
    assert [district["code"] for district in map_data(snapshot)["districts"]] == list(snapshot.districts)


def test_the_map_knows_every_station_that_a_way_can_pass() -> None:
    snapshot = tables().snapshot
    assert map_data(snapshot)["stations"].keys() == snapshot.stations.keys()


async def test_an_area_says_where_its_figures_stand_in_london(web: httpx.AsyncClient) -> None:
    data = (await web.get("/api/areas/E15")).json()["data"]
    assert data["percentiles"].keys() <= data["figures"].keys()
    assert all(0 <= place <= 100 for place in data["percentiles"].values())
