"""The shared tier on Upstash Redis: the commands of `upstash-redis` over a custom transport.

The SDK is pinned, because its transport is replaced: `redis._http`, an object with the two methods
`execute` and `close`. A test compares their signatures with the SDK's.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any, NoReturn

from veo.cache.stores.protocol import StoreError

# no user, query or fragment: they may hold secrets and have no use here
URL_FORM = re.compile(
    r"(?P<scheme>https?)://(?P<host>[\w.-]+|\[[\da-f:.]+])(:\d+)?(/[\w./-]*)?", re.IGNORECASE
)


class UpstashStore:
    """The `Store` over Upstash's REST interface.

    `timeout` is the time limit of a single call in seconds. After `close` a call opens a new session. Raises
    ValueError for an invalid URL or token, and for a URL that would send the token unencrypted.
    """

    def __init__(self, url: str, token: str, *, timeout: float = 2.0) -> None:
        # imported here: it takes half a second, which a memory-only cache saves
        from upstash_redis.asyncio import Redis  # noqa: PLC0415  # see above

        from veo.cache.stores.upstash_transport import Transport  # noqa: PLC0415  # see above

        redis = Redis(
            checked_url(url),
            checked_token(token),
            rest_encoding=None,
            allow_telemetry=False,
            read_your_writes=False,
        )
        # the replaced client has not opened a session yet
        redis._http = Transport(timeout)  # type: ignore[assignment]  # noqa: SLF001  # same two methods
        self._redis: Any = redis  # Any: the SDK's types are wrong about what SET returns

    async def mget(self, keys: Sequence[str]) -> list[str | None]:
        """Read several values in one command; None for one that is absent or not text."""
        if not keys:
            return []
        values = await self._redis.mget(*keys)
        if type(values) is not list or len(values) != len(keys):
            unexpected("MGET")
        return [text("MGET", value) for value in values]

    async def set(self, key: str, value: str, px: int | None = None) -> None:
        """Write a value, without expiry if `px` is None."""
        if await self._redis.set(key, value, px=px) is not True:
            unexpected("SET")

    async def claim(self, key: str, value: str, px: int | None = None) -> str | None:
        """Write if absent, in one command, or in two if the server does not accept NX with GET."""
        from veo.cache.stores.upstash_transport import ErrorReply  # noqa: PLC0415  # as in the constructor

        expiry = () if px is None else ("PX", px)
        try:  # a raw command, because the SDK's `set` rejects nx with get
            return text("SET", await self._redis.execute(["SET", key, value, "NX", "GET", *expiry]))
        except ErrorReply as error:
            if error.kind != "failed":
                raise
        return await self._claim_in_two(key, value, px)

    async def _claim_in_two(self, key: str, value: str, px: int | None) -> str | None:
        if await self._redis.set(key, value, nx=True, px=px):
            return None
        existing = text("GET", await self._redis.get(key))
        if existing is None:
            raise StoreError("SET: the existing value expired before it could be read")
        return existing

    async def mset(self, values: Mapping[str, str]) -> None:
        """Write several values without expiry in one command."""
        if values and await self._redis.mset(values) is not True:
            unexpected("MSET")

    async def delete(self, key: str) -> bool:
        """Remove a key; return whether it existed."""
        return integer("DEL", await self._redis.delete(key)) == 1

    async def add(self, key: str, amount: int, px: int) -> int:
        """Add to an integer (0 if absent) and return the sum; the first addition sets the expiry."""
        total = integer("INCRBY", await self._redis.incrby(key, amount))
        if total == amount and not await self._redis.pexpire(key, px):
            unexpected("PEXPIRE")
        return total

    async def hset(self, key: str, field: str, value: str, px: int) -> None:
        """Write one field of a hash; a new field renews the expiry of the whole hash."""
        new = integer("HSET", await self._redis.hset(key, field, value))
        if new and not await self._redis.pexpire(key, px):
            unexpected("PEXPIRE")

    async def hgetall(self, key: str) -> dict[str, str]:
        """Read all fields of a hash in one command; an absent hash has none."""
        try:
            fields: dict[str, str] = await self._redis.hgetall(key)
        except (TypeError, IndexError):  # the SDK converts the reply to a dict without checking it
            unexpected("HGETALL")
        if not all(isinstance(part, str) for pair in fields.items() for part in pair):
            unexpected("HGETALL")
        return fields

    async def ping(self) -> None:
        """Check that the database answers."""
        if await self._redis.ping() != "PONG":
            unexpected("PING")

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        await self._redis.close()


def text(command: str, answer: object) -> str | None:
    """Return an answer that is text or null; raise StoreError for any other."""
    if answer is not None and not isinstance(answer, str):
        unexpected(command)
    return answer


def integer(command: str, answer: object) -> int:
    """Return an answer that is an integer; raise StoreError for any other, also for true and false."""
    if type(answer) is not int:
        unexpected(command)
    return answer


def unexpected(command: str) -> NoReturn:
    """Raise StoreError for an answer of a type that the command never returns."""
    raise StoreError(f"{command}: the answer has an unexpected type")


def checked_url(url: str) -> str:
    """Return the URL without a trailing slash; the ValueError names the setting and never quotes the URL."""
    form = URL_FORM.fullmatch(url)
    if form is None:
        raise ValueError("UPSTASH_REDIS_REST_URL must have the form https://name.upstash.io")
    if form["scheme"].lower() == "http" and not loopback(form["host"].strip("[]")):
        raise ValueError("UPSTASH_REDIS_REST_URL must begin with https:// unless its host is this machine")
    return url.rstrip("/")


def loopback(host: str) -> bool:
    """Check whether the host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def checked_token(token: str) -> str:
    """Return a token that fits an HTTP header; the ValueError names the setting, never quoting the token."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("UPSTASH_REDIS_REST_TOKEN is empty or contains an invalid character")
    return token
