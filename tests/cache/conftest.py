"""The tests of the cache run on virtual time: waiting takes no real time, and a deadlock is an error."""

from typing import Any

import pytest

from tests.support.chaos import ChaosStore
from tests.support.fleet import Container, Upstream
from tests.support.virtual_time import FakeClock, VirtualTimeLoop


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": VirtualTimeLoop}


@pytest.fixture
def store() -> ChaosStore:
    return ChaosStore(FakeClock().now)


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def here(store: ChaosStore, upstream: Upstream) -> Container:
    """One container of the fleet."""
    return Container(store, upstream)


@pytest.fixture
def there(store: ChaosStore, upstream: Upstream) -> Container:
    """Another container of the same fleet, with the same source."""
    return Container(store, upstream)
