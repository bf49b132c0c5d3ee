"""The cache policy of one family of cached answers."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

Parts = tuple[str | int | None, ...]

_FAMILY = re.compile(r"[a-z][a-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The lifetimes and limits of one family; every field but the first three has a default.

    `key` is a template over the arguments (`"area:{code}"`), or a function of them that returns the parts
    after the family. `under` names another family whose keys and flushes these entries share. `tags` are
    additional groups to flush by, also templates or a function of the arguments; `flushed_with` names kinds
    of tags (`"area"`) whose flush includes the whole family.

    `fresh_for` is the logical life; for `stale_if_error` after it, a value may still answer for a failing
    source (as in RFC 5861). `lifetime` may shorten `fresh_for` for one value. `fleet_once` calls the source
    at most once across the fleet. `shared=False` stores values in this container's memory only, `sensitive`
    stores them nowhere, and `cache_if` rejects single values. `content` returns the part of a value that
    decides whether a refresh changed it, as counted by the ledger. `stale_on` are the failures for which a
    stale value may answer (timeouts always are); `negative_on` are the definite "there is none" answers,
    cached for `negative_for`.

    `beta` scales how early XFetch refreshes, `jitter` is the largest share by which a life is shortened, and
    `local_for` is the time after which memory checks the shared tier again. `soft_timeout` limits the wait of
    a caller who has a stale value, `hard_timeout` that of any other. `throttle` is the first pause after a
    failure, `throttle_at_most` the longest one.

    Raises ValueError, naming the field, for an inconsistent policy.
    """

    family: str
    key: str | Callable[..., Parts]
    fresh_for: timedelta
    stale_if_error: timedelta = timedelta(hours=24)
    under: str | None = None
    tags: tuple[str, ...] | Callable[..., tuple[str, ...]] = ()
    flushed_with: tuple[str, ...] = ()
    fleet_once: bool = False
    shared: bool = True
    sensitive: bool = False
    cache_if: Callable[[Any], bool] | None = None
    lifetime: Callable[[Any], timedelta | None] | None = None
    content: Callable[[Any], Any] | None = None
    stale_on: tuple[type[Exception], ...] = (OSError,)
    negative_on: tuple[type[Exception], ...] = ()
    negative_for: timedelta = timedelta(seconds=30)
    beta: float = 1.0
    jitter: float = 0.10
    local_for: timedelta | None = None
    soft_timeout: timedelta = timedelta(seconds=1)
    hard_timeout: timedelta = timedelta(seconds=30)
    throttle: timedelta = timedelta(seconds=15)
    throttle_at_most: timedelta = timedelta(seconds=120)

    def __post_init__(self) -> None:
        for name in ("family", "under"):
            text = getattr(self, name)
            if text is not None and not _FAMILY.fullmatch(text):
                raise ValueError(f"{name}: {text!r} is not two or more of a-z, 0-9, - and _")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, timedelta) and value < timedelta(0):
                raise ValueError(f"{field.name}: {value} is negative")
        for name, valid, rule in (
            ("fresh_for", bool(self.fresh_for), "must be more than 0"),
            ("throttle", bool(self.throttle), "must be more than 0"),
            ("hard_timeout", bool(self.hard_timeout), "must be more than 0"),
            ("soft_timeout", self.soft_timeout <= self.hard_timeout, "is longer than hard_timeout"),
            ("throttle", self.throttle <= self.throttle_at_most, "is longer than throttle_at_most"),
            ("jitter", 0 <= self.jitter < 1, "must be at least 0 and less than 1"),
            ("beta", self.beta >= 0, "is negative"),
            ("local_for", (self.local_for or timedelta()) <= self.fresh_for, "is longer than fresh_for"),
            (
                "fresh_for",
                not self.fleet_once or self.fresh_for > self.give_up,
                "must be longer than a lease, which may last twice hard_timeout",
            ),
        ):
            if not valid:
                raise ValueError(f"{name}: {getattr(self, name)} {rule}")

    @property
    def root(self) -> str:
        """Return the first part of every key, which is also the tag that flushes the whole family."""
        return self.under or self.family

    @property
    def give_up(self) -> timedelta:
        """Return the time after which a running compute is cancelled."""
        return 2 * self.hard_timeout

    @property
    def local_life(self) -> timedelta:
        """Return the time after which memory checks the shared tier again."""
        if self.local_for is not None:
            return self.local_for
        return min(self.fresh_for / 4, timedelta(minutes=15))

    @property
    def kept_for(self) -> timedelta:
        """Return the longest time for which an entry is stored."""
        return self.fresh_for + self.stale_if_error
