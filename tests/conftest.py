"""Fixtures that several modules share: the event loop's kind and the real servers."""

from collections.abc import Iterator

import pytest

from tests.support.gateway import Gateway
from tests.support.servers import Valkey


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio; a module may override this with its own loop."""
    return "asyncio"


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
