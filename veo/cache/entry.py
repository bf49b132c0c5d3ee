"""One cached answer, and its envelope in the shared tier.

    {"v":1,"m":"fingerprint","c":…,"f":…,"s":…,"d":…,"g":{…},"e":null,"n":0,"u":{…},"p":…}

v envelope version · m schema fingerprint · c computed at · f fresh until · s usable on error until (all in
Unix milliseconds) · d cost of the compute in milliseconds · g generation stamps seen before the compute ·
e validator of the upstream (ETag) · n 1 for a negative answer, then p is its error · u the calls that the
compute made, by source, absent for none · p the payload, last by contract: the head is cut off and judged
before the payload is validated.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from veo.cache.codec import Codec

VERSION = 1
STEEPEST = 36.75  # -ln(2**-53): the largest draw XFetch can make
LATEST = 2**53  # milliseconds; beyond it JavaScript and floats lose count
_CUT = ',"p":'

Stamps = Mapping[str, str | None]


class Entry:
    """A value with its times, in seconds of this container's wall clock.

    `computed`, `fresh` and `usable` are c, f and s; `cost` is the seconds the compute took, `calls` what it
    asked of each source; `told` are the hits that are in the family's counters already. `quiet_until` is the
    time before which nothing about the entry needs to be looked at, provided that `epoch` is the cache's
    current one: the memory hit compares these two and no more.
    """

    __slots__ = (
        "calls", "codec", "computed", "cost", "epoch", "etag", "fresh", "hits", "hits_at_turn", "local_until",
        "negative", "quiet_until", "stamps", "told", "usable", "value", "weight",
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
        stamps: Stamps = {},  # noqa: B006 - never changed
        etag: str | None = None,
        negative: bool = False,
    ) -> None:
        self.value, self.codec = value, codec
        self.computed, self.fresh, self.usable, self.cost = computed, fresh, usable, cost
        self.calls, self.stamps, self.etag, self.negative = calls, stamps, etag, negative
        self.local_until = fresh
        self.quiet_until = -math.inf
        self.epoch = -1
        self.hits = self.hits_at_turn = self.told = 0
        self.weight = 0

    def newer_than(self, other: "Entry | None") -> bool:
        """Tell whether this entry wins over another: later computed, ties by fresher."""
        return other is None or (self.computed, self.fresh) > (other.computed, other.fresh)

    def early(self, now: float, beta: float, draw: float) -> bool:
        """Tell by XFetch whether this caller should refresh ahead of expiry; `draw` is from (0, 1]."""
        return now - self.cost * beta * math.log(draw) >= self.fresh

    def quiet_before(self, beta: float) -> float:
        """Give the time before which `early` cannot be true."""
        return self.fresh - STEEPEST * self.cost * beta


_compact = json.JSONEncoder(separators=(",", ":")).encode  # made once: a miss is to cost little


def encode(entry: Entry, payload: str) -> str:
    """Give the envelope as JSON text."""
    head = {
        "v": VERSION,
        "m": entry.codec.fingerprint,
        "c": _ms(entry.computed),
        "f": _ms(entry.fresh),
        "s": _ms(entry.usable),
        "d": _ms(entry.cost),
        "g": {tag: stamp for tag, stamp in entry.stamps.items() if stamp is not None},
        "e": entry.etag,
        "n": int(entry.negative),
        **({"u": dict(entry.calls)} if entry.calls else {}),
    }
    return f"{_compact(head)[:-1]}{_CUT}{payload}}}"


def read_head(text: str) -> tuple[dict[str, Any], str] | None:
    """Cut an envelope into its head and its payload; None for anything that is not an envelope of ours."""
    head_text, cut, payload = text.partition(_CUT)
    if not cut or not payload.endswith("}"):
        return None
    try:
        head = json.loads(head_text + "}")
    except (ValueError, RecursionError):
        return None
    if not isinstance(head, dict) or head.get("v") != VERSION or not _well_formed(head):
        return None
    return head, payload[:-1]


def decode(text: str, codec: Codec, negative: Codec, now: float) -> Entry | None:
    """Give the entry that an envelope holds, or None: another schema, unusable by now, or undecodable.

    Its times are brought to this container's clock: what remains is never more than the life the entry
    was given, however far the clocks of two containers are apart.
    """
    parts = read_head(text)
    if parts is None:
        return None
    head, payload = parts
    computed, fresh, usable = head["c"] / 1000, head["f"] / 1000, head["s"] / 1000
    used = negative if head["n"] else codec
    if head["m"] != used.fingerprint or usable <= now:
        return None
    try:
        value = used.load(payload)
    except Exception:  # noqa: BLE001 - a validator of the value's own may raise anything
        return None
    return Entry(
        value,
        used,
        computed=computed,
        fresh=now + min(fresh - now, fresh - computed),
        usable=now + min(usable - now, usable - computed),
        cost=head["d"] / 1000,
        calls=head.get("u", {}),
        stamps=head["g"],
        etag=head["e"],
        negative=bool(head["n"]),
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _well_formed(head: Mapping[str, Any]) -> bool:
    times = [head.get(name) for name in "cfsd"]
    stamps = head.get("g")
    return (
        all(type(time) is int and 0 <= time < LATEST for time in times)
        and isinstance(stamps, dict)
        and isinstance(head.get("m"), str)
        and head.get("n") in (0, 1)
        and (head.get("e") is None or isinstance(head["e"], str))
        and _counts(head.get("u", {}))
    )


def _counts(calls: object) -> bool:
    return isinstance(calls, dict) and all(type(n) is int and 0 <= n < LATEST for n in calls.values())
