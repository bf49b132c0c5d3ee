"""Why an area stands where it does: what each factor adds or takes away, in words and figures."""

from collections.abc import Mapping

from veo.models import FactorName, Figure, Figures, FrozenMap, Journey, Value
from veo.scoring.boroughs import STAND_INS
from veo.scoring.factors import COLUMNS, Reference, is_business
from veo.scoring.phrases import NEAREST_CENTRE, Subject, phrase
from veo.scoring.rank import CAP, Criteria, Ranked
from veo.scoring.words import FACTOR_WORDS, PERSONA_WORDS, area_name, listed

MIDDLE = 50
"""The score of a factor that neither helps nor harms."""

AVERAGE = (45, 55)
"""From where to where a score is about average: no strength and no weakness."""

STRENGTHS, WEAKNESSES = 3, 2


class Explanation(Value):
    """Reasons in words, and the figures behind them.

    `contributions` are points of the total that a factor adds (or takes away) against a score of 50;
    `figures` are those behind the shown factors, by column of the embedded table.
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
    """Explain one ranked area from its figures alone; `journey` leads to `place`, a name for readers."""
    subject = Subject(item, criteria, reference, journey, place)
    points = contributions(item.scores, criteria.weights)
    spoken = {name: value for name, value in points.items() if _speaks(name, value, item)}
    ordered = sorted(spoken, key=lambda name: -spoken[name])
    best = [name for name in ordered if spoken[name] > 0][:STRENGTHS]
    over: list[FactorName] = ["affordability"] if item.over > 0 else []
    worst = [*over, *(name for name in reversed(ordered) if spoken[name] < 0)][:WEAKNESSES]
    return Explanation(
        strengths=tuple(phrase(name, subject) for name in best),
        weaknesses=tuple(phrase(name, subject) for name in worst),
        explanation=" ".join((_verdict(criteria, item, best, worst), *_caveats(subject))),
        contributions=FrozenMap({name: round(value, 1) for name, value in points.items()}),
        figures=shown_figures(reference, item),
    )


def contributions(
    scores: Mapping[FactorName, float], weights: Mapping[FactorName, float]
) -> dict[FactorName, float]:
    """Give w·(s - 50) per factor; they add up to the total less 50."""
    total = sum(weights[name] for name in scores)
    return {name: weights[name] / total * (score - MIDDLE) for name, score in scores.items()}


def shown_figures(reference: Reference, item: Ranked) -> Figures:
    """Collect the figures behind the factors shown, a borough's where it stands in."""
    figures: dict[str, Figure] = {}
    for factor in item.scores:
        for column in COLUMNS.get(factor, ()):
            figure = reference.boroughs.figure(item.district, column)
            if figure is not None:
                figures[column] = figure
    return FrozenMap(figures)


def _speaks(factor: FactorName, points: float, item: Ranked) -> bool:
    """Tell whether a factor is far enough from average, and contradicts nothing that is shown."""
    low, high = AVERAGE
    return not low <= item.scores[factor] <= high and not _contradicted(factor, points, item)


def _contradicted(factor: FactorName, points: float, item: Ranked) -> bool:
    """Return whether affordability would say what the shown cost, the district's own blend, does not.

    It is scored on the main borough's rent; where a district spans boroughs the two can differ. What is
    over budget is always the first weakness, and never said a second time.
    """
    return factor == "affordability" and (item.over > 0 or points < 0)


def _verdict(criteria: Criteria, item: Ranked, best: list[FactorName], worst: list[FactorName]) -> str:
    """Give the score, what helps most and what harms most."""
    who = PERSONA_WORDS[criteria.persona]
    sides = [f"helped most by {listed([FACTOR_WORDS[name] for name in best])}"] if best else []
    sides += [f"held back by {listed([FACTOR_WORDS[name] for name in worst])}"] if worst else []
    score = f"{area_name(item.district)} ({item.district.code}) scores {item.shown_total} for {who}"
    return f"{', '.join((score, *sides))}."


def _caveats(subject: Subject) -> list[str]:
    """Say what a reader of the score must know: a cap, borough averages, a business district."""
    item, boroughs, said = subject.item, subject.boroughs, []
    if item.over > 0:
        said.append(f"Being over budget takes {min(item.deduction, 100):.1f} points off the score.")
    if item.capped_by is not None and item.total > CAP:
        said.append(
            f"The score is capped at {CAP} because of its low score for {FACTOR_WORDS[item.capped_by]}."
        )
    borrowed = [
        FACTOR_WORDS[name]
        for name in item.scores
        if name in STAND_INS and boroughs.stood_in(item.district, name)
    ]
    if borrowed:
        said.append(f"The borough's average stands in for {listed(borrowed)}.")
    if is_business(item.district):
        said.append("A business district: with few residents, figures per resident mean little.")
    return said
