"""Explain the rank of an area: what each factor adds or takes away, in words and figures."""

from collections.abc import Mapping

from veo.models import FactorName, Figure, Figures, FrozenMap, Journey, Value
from veo.scoring.boroughs import FALLBACK_COLUMNS
from veo.scoring.factors import COLUMNS, Reference, is_business
from veo.scoring.phrases import NEAREST_CENTRE, Subject, phrase
from veo.scoring.rank import CAP, Criteria, Ranked
from veo.scoring.words import FACTOR_WORDS, PERSONA_WORDS, area_name, listed

MIDDLE = 50
"""The score of a factor that neither raises nor lowers the total."""

AVERAGE = (45, 55)
"""The range of scores that are neither a strength nor a weakness."""

STRENGTHS, WEAKNESSES = 3, 2


class Explanation(Value):
    """Reasons in words, and the figures behind them.

    `contributions` are the points of the total that each factor adds or takes away, compared with a score
    of 50; `figures` are those behind the shown factors, by column of the embedded table.
    """

    strengths: tuple[str, ...]
    weaknesses: tuple[str, ...]
    explanation: str
    contributions: FrozenMap[FactorName, float]
    figures: Figures


def explain(
    reference: Reference,
    criteria: Criteria,
    item: Ranked,
    journey: Journey | None = None,
    place: str = NEAREST_CENTRE,
) -> Explanation:
    """Explain one ranked area from its figures; `journey` leads to `place`, a display name."""
    subject = Subject(item, criteria, reference, journey, place)
    points = contributions(item.scores, criteria.weights)
    notable = {name: value for name, value in points.items() if _is_notable(name, value, item)}
    ordered = sorted(notable, key=lambda name: -notable[name])
    best = [name for name in ordered if notable[name] > 0][:STRENGTHS]
    over: list[FactorName] = ["affordability"] if item.over > 0 else []
    worst = [*over, *(name for name in reversed(ordered) if notable[name] < 0)][:WEAKNESSES]
    return Explanation(
        strengths=tuple(phrase(name, subject) for name in best),
        weaknesses=tuple(phrase(name, subject) for name in worst),
        explanation=" ".join((_summary(criteria, item, best, worst), *_caveats(subject))),
        contributions=FrozenMap({name: round(value, 1) for name, value in points.items()}),
        figures=shown_figures(reference, item),
    )


def contributions(
    scores: Mapping[FactorName, float], weights: Mapping[FactorName, float]
) -> dict[FactorName, float]:
    """Return w·(s - 50) per factor; the values add up to the total less 50."""
    total = sum(weights[name] for name in scores)
    return {name: weights[name] / total * (score - MIDDLE) for name, score in scores.items()}


def shown_figures(reference: Reference, item: Ranked) -> Figures:
    """Return the figures behind the shown factors, the borough's mean where the district's own is missing."""
    figures: dict[str, Figure] = {}
    for factor in item.scores:
        for column in COLUMNS.get(factor, ()):
            figure = reference.boroughs.figure(item.district, column)
            if figure is not None:
                figures[column] = figure
    return FrozenMap(figures)


def _is_notable(factor: FactorName, points: float, item: Ranked) -> bool:
    """Check whether a factor is far enough from average, and contradicts nothing that is shown."""
    low, high = AVERAGE
    return not low <= item.scores[factor] <= high and not _contradicted(factor, points, item)


def _contradicted(factor: FactorName, points: float, item: Ranked) -> bool:
    """Check whether the score for affordability contradicts or repeats the shown cost.

    The score uses the rent of the main borough, and the shown cost that of all the district's boroughs, so
    the two can differ. Being over budget is always the first weakness and is not repeated.
    """
    return factor == "affordability" and (item.over > 0 or points < 0)


def _summary(criteria: Criteria, item: Ranked, best: list[FactorName], worst: list[FactorName]) -> str:
    """Return a sentence with the score, what helps it most and what lowers it most."""
    who = PERSONA_WORDS[criteria.persona]
    sides = [f"helped most by {listed([FACTOR_WORDS[name] for name in best])}"] if best else []
    sides += [f"held back by {listed([FACTOR_WORDS[name] for name in worst])}"] if worst else []
    score = f"{area_name(item.district)} ({item.district.code}) scores {item.shown_total} for {who}"
    return f"{', '.join((score, *sides))}."


def _caveats(subject: Subject) -> list[str]:
    """Return the caveats of a score: a deduction, a cap, borough averages, a business district."""
    item, boroughs, caveats = subject.item, subject.boroughs, []
    if item.over > 0:
        caveats.append(f"Being over budget takes {min(item.deduction, 100):.1f} points off the score.")
    if item.capped_by is not None and item.total > CAP:
        caveats.append(
            f"The score is capped at {CAP} because of its low score for {FACTOR_WORDS[item.capped_by]}."
        )
    borrowed = [
        FACTOR_WORDS[name]
        for name in item.scores
        if name in FALLBACK_COLUMNS and boroughs.uses_borough_mean(item.district, name)
    ]
    if borrowed:
        caveats.append(f"The borough's average stands in for {listed(borrowed)}.")
    if is_business(item.district):
        caveats.append("A business district: with few residents, figures per resident mean little.")
    return caveats
