"""What a run came to: hit rate, times, errors, and which of the given limits it did not keep."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from veo.devtools.loadtest.runner import Sample

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run has to keep; None asks nothing. Times in milliseconds, the hit rate from 0 to 1."""

    min_hit_rate: float | None = None
    max_p95_ms: float | None = None
    max_cached_p95_ms: float | None = None
    max_errors: int | None = None


def percentile(sorted_values: Sequence[float], percent: float) -> float:
    """Give the nearest-rank percentile: the smallest value that `percent` % of all do not exceed."""
    return sorted_values[max(0, math.ceil(percent / 100 * len(sorted_values)) - 1)]


def measured(samples: Sequence[Sample], asked: int, seconds: float) -> dict[str, Any]:
    """Give what a run of `asked` requests came to, as JSON data; times are in milliseconds."""
    answered = [sample for sample in samples if sample.error is None]
    cached = [sample for sample in answered if sample.cached]
    return {
        "requests": asked,
        "sent": len(samples),
        "seconds": round(seconds, 2),
        "perSecond": round(len(samples) / seconds, 1) if seconds else 0.0,
        "answered": len(answered),
        "hitRate": round(len(cached) / len(answered), 4) if answered else None,
        "stale": sum(sample.stale for sample in answered),
        "computationsSaved": len(cached),
        "latency": {
            "all": _latency(answered),
            "cached": _latency(cached),
            "uncached": _latency([sample for sample in answered if not sample.cached]),
        },
        "errors": dict(Counter(sample.error for sample in samples if sample.error is not None)),
        "stoppedEarly": len(samples) < asked,
    }


def _latency(samples: Sequence[Sample]) -> dict[str, float]:
    times = sorted(sample.seconds * 1000 for sample in samples)
    return {f"p{p}": round(percentile(times, p), 2) for p in PERCENTILES} if times else {}


def missed(found: Mapping[str, Any], limits: Limits) -> list[str]:
    """Say which limits a run did not keep; what could not be measured does not keep its limit."""
    values = {
        "min_hit_rate": found["hitRate"],
        "max_p95_ms": found["latency"]["all"].get("p95"),
        "max_cached_p95_ms": found["latency"]["cached"].get("p95"),
        "max_errors": sum(found["errors"].values()) + found["requests"] - found["sent"],
    }
    said = []
    for field in fields(limits):
        limit, value = getattr(limits, field.name), values[field.name]
        low = field.name.startswith("min")
        if limit is not None and (value is None or (value < limit if low else value > limit)):
            option = f"--{field.name.replace('_', '-')}"
            said.append(f"{option} {limit:g}: it was {'not measured' if value is None else f'{value:g}'}")
    return said
