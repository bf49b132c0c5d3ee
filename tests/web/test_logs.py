"""Every request has an id, and every line of the log says whose it is."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support.web import ask
from veo import logs
from veo.settings import Settings
from veo.web import create_app

pytestmark = pytest.mark.anyio


@pytest.fixture
def veo_logger() -> Iterator[logging.Logger]:
    """Give the logger of Veo, and leave it as it was."""
    logger = logging.getLogger("veo")
    before = logger.handlers, logger.level, logger.propagate
    yield logger
    logger.handlers, logger.level, logger.propagate = before


@pytest.mark.parametrize("url", ["/api/personas", "/api/unknown", "/api/areas/ZZ9"])
async def test_the_callers_request_id_comes_back(web: httpx.AsyncClient, url: str) -> None:
    answer = await web.get(url, headers={"X-Request-Id": "a1.B_2-c"})
    assert answer.headers.get_list("x-request-id") == ["a1.B_2-c"]


@pytest.mark.parametrize("given", ["", "a b", "a\tb", "x" * 65, "<script>", "é"])
async def test_an_id_that_is_not_sane_is_replaced(web: httpx.AsyncClient, given: str) -> None:
    answer = await web.get("/api/personas", headers=[(b"X-Request-Id", given.encode())])
    assert len(answer.headers["x-request-id"]) == 32


async def test_every_request_without_an_id_gets_one_of_its_own(web: httpx.AsyncClient) -> None:
    one, other = await web.get("/api/personas"), await web.get("/api/personas")
    assert one.headers["x-request-id"] != other.headers["x-request-id"]


@pytest.mark.usefixtures("veo_logger")
async def test_every_line_of_a_request_carries_its_id_also_the_caches() -> None:
    stream = io.StringIO()
    logs.configure("INFO", "json", stream)
    app = create_app(Settings(cache="memory"))
    await ask(app, "GET", "/api/crime/E15", headers={"X-Request-Id": "mine"})
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["event"], line["request_id"]) for line in lines] == [("miss", "mine"), ("request", "mine")]


@pytest.fixture
async def lines(web: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> Callable[[str], Any]:
    """Give what asks a path and gives the fields of its line."""

    async def asked(url: str) -> dict[str, Any]:
        caplog.clear()
        with caplog.at_level("INFO", "veo"):
            await web.get(url)
        return next(r.__dict__ for r in caplog.records if r.__dict__.get("event") == "request")

    return asked


async def test_the_access_line_tells_where_the_answer_came_from(lines: Callable[[str], Any]) -> None:
    told = [(await lines("/api/crime/N16"))["origin"] for _ in range(2)]
    assert told == ["source", "memory"]


async def test_the_access_line_tells_sources_and_notices(lines: Callable[[str], Any]) -> None:
    line = await lines("/api/crime/N16")
    assert line["sources"]
    assert any("No live counts" in notice for notice in line["notices"])


@pytest.mark.parametrize(
    ("url", "route"),
    [
        ("/api/crime/N16", "/api/crime/{area_code}"),
        ("/api/areas/ZZ9", "/api/areas/{code}"),
        ("/", "/"),
        ("/admin/cache/stats", "/admin/cache/stats"),
        ("/api/unknown", "-"),
    ],
)
async def test_the_access_line_tells_the_route(lines: Callable[[str], Any], url: str, route: str) -> None:
    assert (await lines(url))["route"] == route


async def test_the_access_line_calls_what_never_changes_static(lines: Callable[[str], Any]) -> None:
    assert (await lines("/api/personas"))["origin"] == "static"


async def test_the_access_line_of_a_refusal_tells_no_origin(lines: Callable[[str], Any]) -> None:
    assert "origin" not in await lines("/api/areas/ZZ9")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("veo_logger")
@pytest.mark.parametrize(("stream", "is_json"), [(io.StringIO(), True), (Terminal(), False)])
def test_left_to_itself_a_terminal_gets_text_and_everything_else_json(
    stream: io.StringIO, *, is_json: bool
) -> None:
    logs.configure("INFO", "auto", stream)
    logging.getLogger("veo.part").info("said")
    assert stream.getvalue().startswith("{") is is_json


async def test_after_a_request_its_id_is_no_longer_logged(web: httpx.AsyncClient) -> None:
    await web.get("/api/personas", headers={"X-Request-Id": "gone"})
    assert logs.request_id.get() == "-"


async def test_the_access_line_tells_method_path_and_status(
    web: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "veo"):
        await web.get("/api/areas/%0AForged line?destination=UCL")
    (message,) = [record.getMessage() for record in caplog.records if record.name == "veo.web.request_log"]
    assert message.startswith("GET /api/areas/%0AForged%20line 404 ")


@pytest.mark.usefixtures("veo_logger")
def test_a_text_line_names_level_logger_and_request() -> None:
    stream = io.StringIO()
    logs.configure("WARNING", "text", stream)
    logging.getLogger("veo.part").warning("said")
    assert stream.getvalue().endswith("WARNING veo.part [-] said\n")


@pytest.mark.usefixtures("veo_logger")
def test_a_line_under_the_level_is_not_written() -> None:
    stream = io.StringIO()
    logs.configure("WARNING", "text", stream)
    logging.getLogger("veo.part").info("said")
    assert stream.getvalue() == ""


@pytest.mark.usefixtures("veo_logger")
def test_a_json_line_is_one_line_with_what_the_caller_gave_besides() -> None:
    stream = io.StringIO()
    logs.configure("INFO", "json", stream)
    try:
        int("why")
    except ValueError:
        logging.getLogger("veo.part").exception("two\nlines", extra={"event": "fault"})
    line = json.loads(stream.getvalue())
    assert (line["message"], line["event"], line["level"]) == ("two\nlines", "fault", "ERROR")
    assert "ValueError: invalid literal" in line["exception"]


def test_configuring_again_replaces_the_handler(veo_logger: logging.Logger) -> None:
    logs.configure("INFO", "text", io.StringIO())
    logs.configure("INFO", "text", io.StringIO())
    assert len(veo_logger.handlers) == 1
