"""The protocol of a shared-tier store, and the one error it may raise."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol


class StoreError(Exception):
    """A call of the shared tier failed.

    `kind` is `unreachable` (connection refused or reset, or timed out), `refused` (credentials, read-only
    or plan limit: retrying soon cannot help) or `failed` (any other fault). The message never contains a
    token or a URL's query.
    """

    def __init__(self, message: str, kind: Literal["unreachable", "refused", "failed"] = "failed") -> None:
        super().__init__(message)
        self.kind = kind


class Store(Protocol):
    """A key-value store with expiry. On a fault every method raises StoreError and nothing else.

    Values are text. `px` is the time to live in milliseconds, at least 1. Callers set time limits; a
    cancelled call leaves the store usable.
    """

    async def mget(self, keys: Sequence[str]) -> list[str | None]:
        """Read several values in one command; None for one that is absent or not text."""
        ...

    async def set(self, key: str, value: str, px: int | None = None) -> None:
        """Write a value, without expiry if `px` is None."""
        ...

    async def claim(self, key: str, value: str, px: int | None = None) -> str | None:
        """Write the value if the key is absent and return None, else return the existing value."""
        ...

    async def mset(self, values: Mapping[str, str]) -> None:
        """Write several values without expiry in one command."""
        ...

    async def delete(self, key: str) -> bool:
        """Remove a key; return whether it existed."""
        ...

    async def add(self, key: str, amount: int, px: int) -> int:
        """Add to an integer (0 if absent) and return the sum; the first addition sets the expiry."""
        ...

    async def hset(self, key: str, field: str, value: str, px: int) -> None:
        """Write one field of a hash; a new field renews the expiry of the whole hash."""
        ...

    async def hgetall(self, key: str) -> dict[str, str]:
        """Read all fields of a hash in one command; an absent hash has none."""
        ...

    async def ping(self) -> None:
        """Check that the store answers, connecting if needed."""
        ...

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        ...
