"""Results of a load test: hit rate, response times, errors, and the limits that were exceeded."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from veo.devtools.loadtest.runner import Sample

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for a run; None sets no limit. Times are in milliseconds, the hit rate is from 0 to 1."""

    min_hit_rate: float | None = None
    max_p95_ms: float | None = None
    max_cached_p95_ms: float | None = None
    max_errors: int | None = None


def percentile(sorted_values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile: the smallest value that `percent` % of all do not exceed."""
    return sorted_values[max(0, math.ceil(percent / 100 * len(sorted_values)) - 1)]


def summarise(samples: Sequence[Sample], planned: int, seconds: float) -> dict[str, Any]:
    """Return the figures of a run of `planned` requests as JSON data; latencies are in milliseconds."""
    answered = [sample for sample in samples if sample.error is None]
    cached = [sample for sample in answered if sample.cached]
    return {
        "requests": planned,
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
        "stoppedEarly": len(samples) < planned,
    }


def _latency(samples: Sequence[Sample]) -> dict[str, float]:
    times = sorted(sample.seconds * 1000 for sample in samples)
    return {f"p{p}": round(percentile(times, p), 2) for p in PERCENTILES} if times else {}


def missed_limits(figures: Mapping[str, Any], limits: Limits) -> list[str]:
    """Return a message for each missed limit; a limit without a measured value counts as missed."""
    values = {
        "min_hit_rate": figures["hitRate"],
        "max_p95_ms": figures["latency"]["all"].get("p95"),
        "max_cached_p95_ms": figures["latency"]["cached"].get("p95"),
        "max_errors": sum(figures["errors"].values()) + figures["requests"] - figures["sent"],
    }
    messages = []
    for field in fields(limits):
        limit, value = getattr(limits, field.name), values[field.name]
        low = field.name.startswith("min")
        if limit is not None and (value is None or (value < limit if low else value > limit)):
            option = f"--{field.name.replace('_', '-')}"
            messages.append(f"{option} {limit:g}: it was {'not measured' if value is None else f'{value:g}'}")
    return messages
