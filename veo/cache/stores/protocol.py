"""What the cache asks of a shared tier, and the one error it may raise."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol


class StoreError(Exception):
    """The shared tier did not do what it was asked.

    `kind` says how: `unreachable` (refused, reset, timed out), `refused` (credentials, read-only or
    plan limit: it will not mend by itself soon), `failed` (any other answer). The text never holds a
    token or a URL's query.
    """

    def __init__(self, message: str, kind: Literal["unreachable", "refused", "failed"] = "failed") -> None:
        super().__init__(message)
        self.kind = kind


class Store(Protocol):
    """A key-value tier with expiry. Every method raises StoreError and nothing else on a fault.

    Values are text. `px` is a physical life in milliseconds, at least 1. Bounding the time of a call is
    the caller's part; a cancelled call leaves the store usable.
    """

    async def mget(self, keys: Sequence[str]) -> list[str | None]:
        """Read several values in one command; None for what is absent or not text."""
        ...

    async def set(self, key: str, value: str, px: int | None = None) -> None:
        """Write a value, for ever when `px` is None."""
        ...

    async def claim(self, key: str, value: str, px: int | None = None) -> str | None:
        """Write only when absent; give None when written, else the value that stands."""
        ...

    async def mset(self, values: Mapping[str, str]) -> None:
        """Write several values without expiry in one command."""
        ...

    async def delete(self, key: str) -> bool:
        """Remove a key; tell whether it was there."""
        ...

    async def add(self, key: str, amount: int, px: int) -> int:
        """Add to a whole number, absent is 0, and give the sum; the first addition sets the life `px`."""
        ...

    async def hset(self, key: str, field: str, value: str, px: int) -> None:
        """Write one field of a hash; a field that is new gives the whole of it the life `px`."""
        ...

    async def hgetall(self, key: str) -> dict[str, str]:
        """Read all fields of a hash in one command; what is absent has none."""
        ...

    async def pttl(self, key: str) -> int:
        """Give the remaining life in milliseconds, -1 without expiry, -2 when absent."""
        ...

    async def ping(self) -> None:
        """Prove that the store answers (connects where needed)."""
        ...

    async def close(self) -> None:
        """Give back connections; safe to call twice."""
        ...
