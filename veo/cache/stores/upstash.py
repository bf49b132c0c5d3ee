"""The shared tier on Upstash Redis: the commands of `upstash-redis` over a transport of ours.

The SDK is pinned, because its transport is replaced at one seam: `redis._http`, an object of two
methods, `execute` and `close`. A test compares their signatures with the SDK's.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any, NoReturn

from veo.cache.stores.protocol import StoreError

# no user, query or fragment: none belongs there, and what is left can be neither secret nor misread
URL_FORM = re.compile(
    r"(?P<scheme>https?)://(?P<host>[\w.-]+|\[[\da-f:.]+])(:\d+)?(/[\w./-]*)?", re.IGNORECASE
)


class UpstashStore:
    """The `Store` over Upstash's REST interface.

    `timeout` in seconds is a ceiling for any one call. After `close` a call opens a new session. Raises
    ValueError for a URL or a token that cannot be used, or that would travel in the clear.
    """

    def __init__(self, url: str, token: str, *, timeout: float = 2.0) -> None:
        # half a second of imports that a cache in memory need not pay
        from upstash_redis.asyncio import Redis  # noqa: PLC0415  # see above

        from veo.cache.stores.upstash_transport import Transport  # noqa: PLC0415  # see above

        redis = Redis(
            checked_url(url),
            checked_token(token),
            rest_encoding=None,
            allow_telemetry=False,
            read_your_writes=False,
        )
        # the seam; the client that it replaces has opened nothing
        redis._http = Transport(timeout)  # type: ignore[assignment]  # noqa: SLF001  # same two methods
        self._redis: Any = redis  # Any: the SDK's types are wrong about what SET returns

    async def mget(self, keys: Sequence[str]) -> list[str | None]:
        """Read several values in one command; None for what is absent or not text."""
        if not keys:
            return []
        values = await self._redis.mget(*keys)
        if type(values) is not list or len(values) != len(keys):
            odd("MGET")
        return [text("MGET", value) for value in values]

    async def set(self, key: str, value: str, px: int | None = None) -> None:
        """Write a value, for ever when `px` is None."""
        if await self._redis.set(key, value, px=px) is not True:
            odd("SET")

    async def claim(self, key: str, value: str, px: int | None = None) -> str | None:
        """Write only when absent, in one command, or in two where the server does not join NX and GET."""
        from veo.cache.stores.upstash_transport import ErrorReply  # noqa: PLC0415  # as in the constructor

        life = () if px is None else ("PX", px)
        try:  # raw, because the SDK's own `set` refuses nx with get
            return text("SET", await self._redis.execute(["SET", key, value, "NX", "GET", *life]))
        except ErrorReply as error:
            if error.kind != "failed":
                raise
        return await self._claim_in_two(key, value, px)

    async def _claim_in_two(self, key: str, value: str, px: int | None) -> str | None:
        if await self._redis.set(key, value, nx=True, px=px):
            return None
        standing = text("GET", await self._redis.get(key))
        if standing is None:
            raise StoreError("SET: the value that stood expired before it could be read")
        return standing

    async def mset(self, values: Mapping[str, str]) -> None:
        """Write several values without expiry in one command."""
        if values and await self._redis.mset(values) is not True:
            odd("MSET")

    async def delete(self, key: str) -> bool:
        """Remove a key; tell whether it was there."""
        return integer("DEL", await self._redis.delete(key)) == 1

    async def add(self, key: str, amount: int, px: int) -> int:
        """Add to a whole number, absent is 0, and give the sum; the first addition sets the life `px`."""
        total = integer("INCRBY", await self._redis.incrby(key, amount))
        if total == amount and not await self._redis.pexpire(key, px):
            odd("PEXPIRE")
        return total

    async def hset(self, key: str, field: str, value: str, px: int) -> None:
        """Write one field of a hash; a field that is new gives the whole of it the life `px`."""
        if integer("HSET", await self._redis.hset(key, field, value)) and not await self._redis.pexpire(
            key, px
        ):
            odd("PEXPIRE")

    async def hgetall(self, key: str) -> dict[str, str]:
        """Read all fields of a hash in one command; what is absent has none."""
        try:
            found: dict[str, str] = await self._redis.hgetall(key)
        except (TypeError, IndexError):  # the SDK makes a dict of whatever came
            odd("HGETALL")
        if not all(isinstance(part, str) for pair in found.items() for part in pair):
            odd("HGETALL")
        return found

    async def pttl(self, key: str) -> int:
        """Give the remaining life in milliseconds, -1 without expiry, -2 when absent."""
        return integer("PTTL", await self._redis.pttl(key))

    async def ping(self) -> None:
        """Prove that the database answers."""
        if await self._redis.ping() != "PONG":
            odd("PING")

    async def close(self) -> None:
        """Give back the connections; safe to call twice."""
        await self._redis.close()


def text(command: str, answer: object) -> str | None:
    """Give the answer as a text or its absence."""
    if answer is not None and not isinstance(answer, str):
        odd(command)
    return answer


def integer(command: str, answer: object) -> int:
    """Give the answer as a number; true and false are none."""
    if type(answer) is not int:
        odd(command)
    return answer


def odd(command: str) -> NoReturn:
    """Raise for an answer of a type that the command never gives."""
    raise StoreError(f"{command}: the answer is of another type than the command gives")


def checked_url(url: str) -> str:
    """Give the URL without a trailing slash; ValueError names the setting and never quotes the URL."""
    form = URL_FORM.fullmatch(url)
    if form is None:
        raise ValueError("UPSTASH_REDIS_REST_URL must have the form https://name.upstash.io")
    if form["scheme"].lower() == "http" and not loopback(form["host"].strip("[]")):
        raise ValueError("UPSTASH_REDIS_REST_URL must begin with https:// unless its host is this machine")
    return url.rstrip("/")


def loopback(host: str) -> bool:
    """Tell whether the host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked_token(token: str) -> str:
    """Give the token if an HTTP header can carry it; ValueError names the setting and never quotes it."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("UPSTASH_REDIS_REST_TOKEN is empty or holds a character that no token has")
    return token
