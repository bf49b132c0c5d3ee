"""The stores run over real sockets, so on real time."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
