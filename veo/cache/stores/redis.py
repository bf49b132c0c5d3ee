"""The shared tier on a server of the Redis protocol: Redis 7 or newer, Valkey, Dragonfly, Redis Cloud."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from veo.cache.stores.protocol import StoreError

CONNECTIONS = 64  # a further call waits for one within its own time limit
REPEATABLE = frozenset({"MGET", "MSET", "PING", "SET"})  # idempotent, with the same reply

T = TypeVar("T")


class RedisStore:
    """The `Store` over the Redis protocol.

    `timeout` is the time limit of a single call in seconds. `redis://` is allowed to any host, because such
    servers run in private networks; `rediss://` is the same over TLS. An idempotent command is sent once
    more when its connection turns out to be closed. After `close`, or on another event loop, a call
    reconnects. Raises ValueError for any other URL and ImportError without the optional extra.
    """

    def __init__(self, url: str, *, timeout: float = 2.0) -> None:
        try:
            import redis.asyncio as library  # noqa: PLC0415  # an optional extra
        except ImportError as error:
            raise ImportError("REDIS_URL needs an optional extra: pip install 'veo[redis]'") from error
        pool = library.BlockingConnectionPool.from_url(
            checked_url(url),
            max_connections=CONNECTIONS,
            timeout=None,  # like the two below: only `_bounded` limits the time
            socket_timeout=None,
            socket_connect_timeout=None,
            protocol=2,
            driver_info=None,
        )
        self._redis = library.Redis.from_pool(pool)
        self._timeout = timeout
        self._loop: asyncio.AbstractEventLoop | None = None

    async def mget(self, keys: Sequence[str]) -> list[str | None]:
        """Read several values in one command; None for one that is absent or not text."""
        if not keys:
            return []
        values = await self._bounded("MGET", lambda: self._redis.mget(list(keys)))
        return [text(value) for value in values]

    async def set(self, key: str, value: str, px: int | None = None) -> None:
        """Write a value, without expiry if `px` is None."""
        await self._bounded("SET", lambda: self._redis.set(key, value, px=px))

    async def claim(self, key: str, value: str, px: int | None = None) -> str | None:
        """Write the value if the key is absent and return None, else return the existing value."""
        existing = await self._bounded(
            "SET NX GET", lambda: self._redis.set(key, value, px=px, nx=True, get=True)
        )
        return text(existing)

    async def mset(self, values: Mapping[str, str]) -> None:
        """Write several values without expiry in one command."""
        if values:
            await self._bounded("MSET", lambda: self._redis.mset(dict(values)))

    async def delete(self, key: str) -> bool:
        """Remove a key; return whether it existed."""
        return bool(await self._bounded("DEL", lambda: self._redis.delete(key)))

    async def add(self, key: str, amount: int, px: int) -> int:
        """Add to an integer (0 if absent) and return the sum; the first addition sets the expiry."""
        total = int(await self._bounded("INCRBY", lambda: self._redis.incrby(key, amount)))
        if total == amount:
            await self._bounded("PEXPIRE", lambda: self._redis.pexpire(key, px))
        return total

    async def hset(self, key: str, field: str, value: str, px: int) -> None:
        """Write one field of a hash; a new field renews the expiry of the whole hash."""
        if await self._bounded("HSET", lambda: self._redis.hset(key, field, value)):
            await self._bounded("PEXPIRE", lambda: self._redis.pexpire(key, px))

    async def hgetall(self, key: str) -> dict[str, str]:
        """Read all fields of a hash in one command, leaving out those that are not text."""
        fields = await self._bounded("HGETALL", lambda: self._redis.hgetall(key))
        decoded = ((text(field), text(value)) for field, value in fields.items())
        return {field: value for field, value in decoded if field is not None and value is not None}

    async def ping(self) -> None:
        """Check that the server answers."""
        await self._bounded("PING", self._redis.ping)

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        await self._redis.aclose()

    async def _bounded(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        from redis import exceptions  # noqa: PLC0415  # an optional extra

        self._follow_loop()
        try:
            async with asyncio.timeout(self._timeout):
                try:
                    return await call()
                except exceptions.ConnectionError as error:
                    # a subclass is a reply, such as a wrong password, not a closed connection
                    if type(error) is not exceptions.ConnectionError or name not in REPEATABLE:
                        raise
                return await call()
        except TimeoutError:
            raise StoreError(f"{name}: no answer within {self._timeout} s", "unreachable") from None
        except exceptions.ResponseError as error:
            raise StoreError(f"{name}: {error}"[:200], kind(error)) from None
        except (exceptions.RedisError, OSError, UnicodeError) as error:
            raise StoreError(f"{name}: {type(error).__name__}", kind(error)) from None

    def _follow_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # connections are bound to the loop on which they were opened
            self._redis.connection_pool.reset()  # type: ignore[no-untyped-call]  # redis-py has no type for it
            self._loop = loop


def kind(error: Exception) -> Literal["unreachable", "refused", "failed"]:
    """Return the kind of a fault by its redis-py exception class."""
    from redis import exceptions  # noqa: PLC0415  # an optional extra

    refusals = (
        exceptions.AuthenticationError,
        exceptions.NoPermissionError,
        exceptions.ReadOnlyError,
    )
    if isinstance(error, refusals):
        return "refused"
    if isinstance(error, (exceptions.ConnectionError, exceptions.TimeoutError, OSError)):
        return "unreachable"
    return "failed"


def text(value: Any) -> str | None:
    """Return stored bytes as text, or None when they are absent or not UTF-8."""
    try:
        return None if value is None else str(value, "utf-8")
    except UnicodeDecodeError:
        return None


def checked_url(url: str) -> str:
    """Return a valid URL; raise a ValueError that names the setting and never quotes the password."""
    message = "REDIS_URL must have the form redis://[user:password@]host[:port][/db] or rediss://…"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("redis", "rediss") and parts.hostname and not parts.query
        parts.port  # noqa: B018  # raises for a port that is not a number
    except ValueError:
        raise ValueError(message) from None
    if not usable or not (parts.path.strip("/") or "0").isdecimal():
        raise ValueError(message)
    return url
