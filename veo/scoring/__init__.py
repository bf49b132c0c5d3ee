"""Scoring: rank areas for a persona and explain the ranking. Pure functions without I/O.

reference = Reference(snapshot.districts.values())       once per table
criteria = Criteria(persona=…, weights=effective_weights(…), budget=budget_of(…), …)
ranking = rank(reference, criteria)                      limits, scores, order
stability = robustness(ranking.field, criteria.weights)  one per area of the answer
reasons = explain(reference, criteria, ranking.items[0], journey, place)
messages = notices(ranking, criteria, count)             for the areas that are shown
"""

from veo.scoring.constraints import BUYING_IGNORES_HOME, Budget, MortgageTerms, budget_of, cost_of, is_payment
from veo.scoring.explain import Explanation, explain
from veo.scoring.factors import Reference, is_business
from veo.scoring.figure_percentiles import FigurePercentiles
from veo.scoring.notices import assumptions, notices
from veo.scoring.personas import DEFAULT_HOME, PERSONAS_BY_NAME, PersonaConfig, effective_weights
from veo.scoring.rank import Criteria, Ranked, Ranking, rank
from veo.scoring.robustness import Robustness, robustness
from veo.scoring.words import area_name

__all__ = [
    "BUYING_IGNORES_HOME",
    "DEFAULT_HOME",
    "PERSONAS_BY_NAME",
    "Budget",
    "Criteria",
    "Explanation",
    "FigurePercentiles",
    "MortgageTerms",
    "PersonaConfig",
    "Ranked",
    "Ranking",
    "Reference",
    "Robustness",
    "area_name",
    "assumptions",
    "budget_of",
    "cost_of",
    "effective_weights",
    "explain",
    "is_business",
    "is_payment",
    "notices",
    "rank",
    "robustness",
]
