"""Shared fixtures: the event loop's kind, a clean environment, and real servers."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import hypothesis
import pytest
import stamina
from fastapi import FastAPI

from tests.support.effort import QUICK
from tests.support.environment import settings_variables
from tests.support.gateway import Gateway
from tests.support.live import ShiftedClock, Site
from tests.support.servers import Valkey
from tests.support.upstreams import Upstreams
from tests.support.web import client
from veo.cache import Cache
from veo.runtime import build
from veo.settings import Settings
from veo.web import create_app

PATIENT = 5.0  # seconds

hypothesis.settings.load_profile(QUICK)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio; a module may override this with its own loop."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def reads_may_take_long() -> Iterator[None]:
    """Wait for the shared tier for longer than in production: a busy machine may need 250 ms for a read."""
    defaults = Cache.__init__.__kwdefaults__
    assert defaults is not None
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(defaults, "read_timeout", PATIENT)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_waiting_between_tries() -> Iterator[None]:
    """Retry without delay, three times as in production."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture(scope="session", autouse=True)
def no_real_provider() -> Iterator[None]:
    """Switch live sources off; a test that needs them sets their addresses."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("VEO_LIVE", "off")
        yield


@pytest.fixture
def nothing_configured(no_variables: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Unset every variable, and switch live sources off."""
    no_variables.setenv("VEO_LIVE", "off")
    return no_variables


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch, logs_as_they_were: None) -> pytest.MonkeyPatch:
    """Unset every variable."""
    del logs_as_they_were
    for variable in settings_variables():
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch


@pytest.fixture(scope="module")
def logs_as_they_were() -> Iterator[None]:
    """Restore the logging configuration, which code that runs as a whole process changes."""
    logger = logging.getLogger("veo")
    before = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.level, logger.propagate = before


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """One Valkey for the whole run; a test that stops it starts it again."""
    server = Valkey()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def gateway(valkey: Valkey) -> Iterator[Gateway]:
    """Upstash's REST interface in front of that Valkey, for the whole run."""
    served = Gateway(valkey.url)
    served.start()
    yield served
    served.stop()


@pytest.fixture
def database(gateway: Gateway, valkey: Valkey) -> Gateway:
    """Return the gateway with an empty database, no faults and no requests yet."""
    valkey.flush()
    gateway.reset()
    return gateway


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """The app with nothing configured; a module may override it."""
    return create_app(Settings(cache="memory"))


@pytest.fixture
async def web(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that app."""
    async with client(app) as opened:
        yield opened


@pytest.fixture(scope="session")
def providers() -> Iterator[Upstreams]:
    """Every provider on the loopback interface, for the whole run."""
    running = Upstreams()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def upstreams(providers: Upstreams) -> Upstreams:
    """Return the providers with documented answers and no requests yet."""
    providers.reset()
    return providers


@pytest.fixture
async def open_site(upstreams: Upstreams, tmp_path: Path) -> AsyncIterator[Callable[..., Site]]:
    """Open containers with live sources, every key and no table; each has settings of its own."""
    opened: list[Site] = []

    def opening(**settings: object) -> Site:
        clock = ShiftedClock()
        runtime = build(upstreams.settings(**{"tables": tmp_path, **settings}), clock)
        opened.append(Site(runtime, clock))
        return opened[-1]

    yield opening
    for site in opened:
        await site.close()


@pytest.fixture
def site(open_site: Callable[..., Site]) -> Site:
    """One such container, with a cache in memory."""
    return open_site()
