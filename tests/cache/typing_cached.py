"""Typed calls that fix the types of a decorated function; checked by mypy, never run."""

from datetime import timedelta
from typing import assert_type

from veo.cache import Cache, CachedFunction, Hit, Policy

cache = Cache()
HOURLY = Policy(family="area", key="area:{code}:{size}", fresh_for=timedelta(hours=1))


@cache.cached(HOURLY)
async def area(code: str, size: int = 1) -> tuple[str, int]:
    """Return the arguments."""
    return code, size


async def calls() -> None:
    """Call the function in every way."""
    assert_type(area, CachedFunction[[str, int], tuple[str, int]])  # type: ignore[assert-type]  # mypy keeps the names too
    assert_type(await area("E15"), tuple[str, int])
    assert_type(await area("E15", size=2), tuple[str, int])
    assert_type(await area.lookup(code="E15"), Hit[tuple[str, int]])
    assert_type((await area.lookup("E15")).value, tuple[str, int])
    assert_type(await area.refresh("E15"), tuple[str, int])
    assert_type(await area.invalidate("E15"), bool)
    assert_type(await area.many([("E15",)]), list[tuple[str, int] | Exception])
    assert_type(area.key("E15", 2), str)
    await area(15)  # type: ignore[arg-type]  # a number is no code
    await area()  # type: ignore[call-arg]  # a code is needed
    await area.lookup("E15", height=1)  # type: ignore[call-arg]  # there is no such argument
    area.key(None)  # type: ignore[arg-type]  # None is no code
