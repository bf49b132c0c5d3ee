"""The shared tier that a runtime uses follows from its settings."""

from typing import Any

import pytest
from pydantic import SecretStr

from veo.runtime import build
from veo.settings import Settings

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_configured")]

UPSTASH: dict[str, Any] = {
    "upstash_url": "https://example.upstash.io",
    "upstash_token": SecretStr("token"),
}
REDIS: dict[str, Any] = {"redis_url": SecretStr("redis://127.0.0.1:6379")}


@pytest.mark.parametrize(
    ("settings", "shared"),
    [
        ({}, None),
        (UPSTASH, "upstash"),
        (REDIS, "redis"),
        ({**UPSTASH, **REDIS}, "upstash"),
        ({**UPSTASH, "cache": "memory"}, None),
        ({**REDIS, "cache": "off"}, None),
    ],
)
async def test_the_settings_choose_the_shared_tier(settings: dict[str, Any], shared: str | None) -> None:
    runtime = build(Settings(live="off", **settings))
    await runtime.close()
    assert (runtime.shared, runtime.shared_fault) == (shared, None)


async def test_half_of_upstash_s_settings_is_a_fault_that_is_kept() -> None:
    runtime = build(Settings(live="off", upstash_url="https://example.upstash.io"))
    await runtime.close()
    assert (runtime.shared, runtime.shared_fault is not None) == (None, True)
