"""Fixtures that several modules share: the event loop's kind and the real servers."""

import logging
from collections.abc import AsyncIterator, Iterator

import httpx
import hypothesis
import pytest
import stamina
from fastapi import FastAPI

from tests.support.environment import variables
from tests.support.gateway import Gateway
from tests.support.servers import Valkey
from tests.support.web import client
from veo.settings import Settings
from veo.web import create_app

hypothesis.settings.register_profile("untimed", deadline=None)  # machines are shared: no test is timed
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio; a module may override this with its own loop."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def no_waiting_between_tries() -> Iterator[None]:
    """Try again at once what is tried again: three times, as in production."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture(scope="session", autouse=True)
def no_real_provider() -> Iterator[None]:
    """Switch live sources off: a test of them says where they are."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("VEO_LIVE", "off")
        yield


@pytest.fixture
def nothing_configured(no_variables: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Configure nothing, but ask no real provider."""
    no_variables.setenv("VEO_LIVE", "off")
    return no_variables


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch, logs_as_they_were: None) -> pytest.MonkeyPatch:
    """Unset every variable."""
    del logs_as_they_were
    for variable in variables():
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch


@pytest.fixture(scope="module")
def logs_as_they_were() -> Iterator[None]:
    """Leave logging as it was: whatever runs as a whole process configures it."""
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
    """Give the gateway with an empty database, no faults and no requests yet."""
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
