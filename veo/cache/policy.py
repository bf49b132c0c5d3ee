"""What one family of cached answers wants of the cache."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

Parts = tuple[str | int | None, ...]

_FAMILY = re.compile(r"[a-z][a-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The lifetimes and limits of one family; everything but the first three has a default.

    `under` names another family whose keys and flushes these entries share.

    `key` is a template over the arguments (`"area:{code}"`) or a function of them that gives the parts
    after the family. `tags` are further groups to flush by, likewise: templates or a function;
    `flushed_with` names kinds of tags (`"area"`) whose flush takes the whole family along.

    `fresh_for` is the logical life; `stale_if_error` how long after it a value may still answer for a
    failing source (as in RFC 5861). `lifetime` may shorten or lengthen `fresh_for` for one value.
    `paid` asks the source at most once across the fleet. `shared=False` keeps values in this
    container's memory, `sensitive` keeps them nowhere, `cache_if` refuses single values. `content` is what
    of a value counts when the ledger tells whether a refresh brought anything new.
    `stale_on` are the failures of a source that a stale value may hide (timeouts always are);
    `negative_on` the definite "there is none" that is remembered for `negative_for`.

    Raises ValueError, naming the field, for a policy that makes no sense.
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
        for name, sound, rule in (
            ("fresh_for", bool(self.fresh_for), "must be longer than nothing"),
            ("throttle", bool(self.throttle), "must be longer than nothing"),
            ("hard_timeout", bool(self.hard_timeout), "must be longer than nothing"),
            ("soft_timeout", self.soft_timeout <= self.hard_timeout, "is longer than hard_timeout"),
            ("throttle", self.throttle <= self.throttle_at_most, "is longer than throttle_at_most"),
            ("jitter", 0 <= self.jitter < 1, "is not a share from 0 up to, not including, 1"),
            ("beta", self.beta >= 0, "is negative"),
            ("local_for", (self.local_for or timedelta()) <= self.fresh_for, "is longer than fresh_for"),
            (
                "fresh_for",
                not self.fleet_once or self.fresh_for > self.give_up,
                "is within the fleet's lease",
            ),
        ):
            if not sound:
                raise ValueError(f"{name}: {getattr(self, name)} {rule}")

    @property
    def root(self) -> str:
        """Give what every key begins with, by which a whole family is flushed."""
        return self.under or self.family

    @property
    def give_up(self) -> timedelta:
        """Give the time after which a compute that still runs is cancelled."""
        return 2 * self.hard_timeout

    @property
    def local_life(self) -> timedelta:
        """Give the time after which memory looks at the shared tier again."""
        if self.local_for is not None:
            return self.local_for
        return min(self.fresh_for / 4, timedelta(minutes=15))

    @property
    def kept_for(self) -> timedelta:
        """Give the longest physical life of an entry."""
        return self.fresh_for + self.stale_if_error
