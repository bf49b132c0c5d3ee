"""One cached answer, and its envelope in the shared tier.

    {"v":1,"m":"fingerprint","c":…,"f":…,"s":…,"d":…,"g":{…},"e":null,"n":0,"u":{…},"p":…}

v envelope version · m schema fingerprint · c computed at · f fresh until · s usable on error until (all in
Unix milliseconds) · d cost of the compute in milliseconds · g tag versions read before the compute ·
e validator of the upstream (ETag) · n 1 for a negative answer, whose p is the error · u calls made by the
compute, by source, absent if none · p the payload. The payload is always last, so that the head can be cut
off and checked before the payload is validated.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from veo.cache.codec import Codec

VERSION = 1
MAX_NEGATIVE_LOG = 36.75  # -ln(2**-53), for the smallest draw that XFetch can get
MAX_INTEGER = 2**53  # larger integers are not exact as floats or in JavaScript
_PAYLOAD_KEY = ',"p":'

TagVersionMap = Mapping[str, str | None]


class Entry:
    """A value with its times, in seconds of this container's wall clock.

    `computed`, `fresh` and `usable` are c, f and s of the envelope, `versions` is g. `cost` is the duration
    of the compute in seconds, `calls` the number of calls it made to each source. `counted_hits` of the
    `hits` are already included in the family's counters. Until `trusted_until` a memory hit needs no further
    check if `epoch` is still that of the cache: the hot path compares these two and nothing else.
    """

    __slots__ = (
        "calls", "codec", "computed", "cost", "counted_hits", "epoch", "etag", "fresh", "hits",
        "hits_at_check", "local_until", "negative", "trusted_until", "usable", "value", "versions", "weight",
    )  # fmt: skip

    def __init__(
        self,
        value: Any,
        codec: Codec,
        *,
        computed: float,
        fresh: float,
        usable: float,
        cost: float = 0.0,
        calls: Mapping[str, int] = {},
        versions: TagVersionMap = {},  # noqa: B006 - never changed
        etag: str | None = None,
        negative: bool = False,
    ) -> None:
        self.value, self.codec = value, codec
        self.computed, self.fresh, self.usable, self.cost = computed, fresh, usable, cost
        self.calls, self.versions, self.etag, self.negative = calls, versions, etag, negative
        self.local_until = fresh
        self.trusted_until = -math.inf
        self.epoch = -1
        self.hits = self.hits_at_check = self.counted_hits = 0
        self.weight = 0

    def newer_than(self, other: "Entry | None") -> bool:
        """Check whether this entry was computed later than another or, at the same time, is fresh longer."""
        return other is None or (self.computed, self.fresh) > (other.computed, other.fresh)

    def needs_early_refresh(self, now: float, beta: float, draw: float) -> bool:
        """Check by XFetch whether this caller should refresh before expiry; `draw` is from (0, 1]."""
        return now - self.cost * beta * math.log(draw) >= self.fresh

    def earliest_refresh(self, beta: float) -> float:
        """Return the time before which `needs_early_refresh` is never true."""
        return self.fresh - MAX_NEGATIVE_LOG * self.cost * beta


_compact = json.JSONEncoder(separators=(",", ":")).encode  # built once, because every miss needs it


def encode(entry: Entry, payload: str) -> str:
    """Return the envelope as JSON text."""
    head = {
        "v": VERSION,
        "m": entry.codec.fingerprint,
        "c": _ms(entry.computed),
        "f": _ms(entry.fresh),
        "s": _ms(entry.usable),
        "d": _ms(entry.cost),
        "g": {tag: version for tag, version in entry.versions.items() if version is not None},
        "e": entry.etag,
        "n": int(entry.negative),
        **({"u": dict(entry.calls)} if entry.calls else {}),
    }
    return f"{_compact(head)[:-1]}{_PAYLOAD_KEY}{payload}}}"


def read_head(text: str) -> tuple[dict[str, Any], str] | None:
    """Split an envelope into its head and its payload; return None if the text is no valid envelope."""
    head_text, separator, payload = text.partition(_PAYLOAD_KEY)
    if not separator or not payload.endswith("}"):
        return None
    try:
        head = json.loads(head_text + "}")
    except (ValueError, RecursionError):
        return None
    if not isinstance(head, dict) or head.get("v") != VERSION or not _well_formed(head):
        return None
    return head, payload[:-1]


def decode(text: str, codec: Codec, negative: Codec, now: float) -> Entry | None:
    """Return the entry of an envelope, or None if it is undecodable, of another schema or past its use.

    Its times are converted to this container's clock: however far two clocks differ, the remaining life is
    never longer than the life the entry was given.
    """
    parts = read_head(text)
    if parts is None:
        return None
    head, payload = parts
    computed, fresh, usable = head["c"] / 1000, head["f"] / 1000, head["s"] / 1000
    entry_codec = negative if head["n"] else codec
    if head["m"] != entry_codec.fingerprint or usable <= now:
        return None
    try:
        value = entry_codec.load(payload)
    except Exception:  # noqa: BLE001 - a custom validator of the value may raise anything
        return None
    return Entry(
        value,
        entry_codec,
        computed=computed,
        fresh=now + min(fresh - now, fresh - computed),
        usable=now + min(usable - now, usable - computed),
        cost=head["d"] / 1000,
        calls=head.get("u", {}),
        versions=head["g"],
        etag=head["e"],
        negative=bool(head["n"]),
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _well_formed(head: Mapping[str, Any]) -> bool:
    times = [head.get(name) for name in "cfsd"]
    return (
        all(type(time) is int and 0 <= time < MAX_INTEGER for time in times)
        and isinstance(head.get("g"), dict)
        and isinstance(head.get("m"), str)
        and head.get("n") in (0, 1)
        and (head.get("e") is None or isinstance(head["e"], str))
        and _are_counts(head.get("u", {}))
    )


def _are_counts(calls: object) -> bool:
    return isinstance(calls, dict) and all(type(n) is int and 0 <= n < MAX_INTEGER for n in calls.values())
