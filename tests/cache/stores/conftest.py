"""The stores use real sockets, so their tests run in real time."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
