"""How far the order depends on the exact weights: perturb them and count the changes."""

from collections.abc import Mapping, Sequence
from operator import mul
from random import Random
from typing import Literal

from veo.models import FactorName, Value
from veo.scoring.rank import ANSWER, Ranked

DRAWS = 200
SPREAD = 0.3
"""Each weight is multiplied by a factor between 1 - SPREAD and 1 + SPREAD, drawn uniformly."""

SEED = 20_261_123
"""Fixed, so that the same question gives the same answer."""

BANDS = (5, 10, 20)
ROBUST_SHARE = 0.8


class Robustness(Value):
    """The `share` of draws in which an area stays within the best `band` (5, 10 or 20) of its answer."""

    band: int
    share: float
    verdict: Literal["robust", "sensitive"]


def robustness(field: Sequence[Ranked], weights: Mapping[FactorName, float]) -> tuple[Robustness, ...]:
    """Return the robustness of each area of an answer, in order, against the competing field."""
    rows = [_row(item, weights) for item in field]
    bands = [next(band for band in BANDS if position < band) for position in range(min(len(field), ANSWER))]
    stays = [0] * len(bands)
    random = Random(SEED)  # noqa: S311  # a repeatable sample, not a secret
    for _ in range(DRAWS):
        drawn = [weight * random.uniform(1 - SPREAD, 1 + SPREAD) for weight in weights.values()]
        weight = sum(drawn)
        keys = [item.shown(sum(map(mul, row, drawn)) / weight) for item, row in zip(field, rows, strict=True)]
        order = sorted(range(len(keys)), key=keys.__getitem__, reverse=True)
        for position, index in enumerate(order[:ANSWER]):
            if index < len(bands) and position < bands[index]:
                stays[index] += 1
    return tuple(_robustness(band, stayed / DRAWS) for band, stayed in zip(bands, stays, strict=True))


def _row(item: Ranked, weights: Mapping[FactorName, float]) -> list[float]:
    """Return the scores in the order of the weights.

    A missing factor counts as the area's own total, which is equivalent to leaving it out.
    """
    return [item.scores.get(name, item.total) for name in weights]


def _robustness(band: int, share: float) -> Robustness:
    return Robustness(band=band, share=share, verdict="robust" if share >= ROBUST_SHARE else "sensitive")
