"""The use case: which areas suit whom. Constraints → facts → score → explain, behind the cache.

The cached answer holds the best 20 areas; a caller is shown the first few, so that the top 3 are always
the beginning of the top 10, and one entry serves every length.
"""

import asyncio
import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from veo import scoring
from veo.cache import Cache, Hit
from veo.listing import CommuteSummary, Cost, Recommendation, Recommendations
from veo.models import Answer, FactorName, FrozenMap, Home, Journey, Location, Persona, Place, Tenure, Value
from veo.questions import PERSONAL, RAIL, RECOMMENDATIONS, SNAPSHOT, centre_notices
from veo.requests import RecommendationRequest
from veo.scoring import Criteria, MortgageTerms, Ranked, Ranking
from veo.sources.embedded import Snapshot
from veo.sources.places import Places
from veo.sources.rail import Rail, Routes

JOB_CENTRES = ("bank", "canary-wharf", "kings-cross", "westminster", "oxford-circus", "london-bridge")
"""The main job centres: without a destination, commute is to the nearest of them."""


class Query(Value):
    """A recommendation request made canonical: equal questions are equal, and make one key."""

    persona: Persona
    budget: int
    location_type: Tenure
    destination: str | None = None
    home: Home | None = None
    max_commute: float | None = None
    min_safety: float | None = None
    weights: FrozenMap[FactorName, float] | None = None
    include_business: bool = False
    terms: MortgageTerms | None = None

    @classmethod
    def of(cls, request: RecommendationRequest, places: Places, terms: MortgageTerms | None = None) -> Self:
        """Make a request canonical: what equals a default is left out, budgets are whole pounds."""
        default = scoring.DEFAULT_HOME[request.persona]
        ignored = request.location_type == "buy" or request.home == default
        borrowed = scoring.is_payment(request.budget, request.location_type) and terms != MortgageTerms()
        return cls(
            persona=request.persona,
            budget=int(request.budget),  # down: a payment of 49,999.60 is not a price of 50,000
            location_type=request.location_type,
            destination=places.destination(request.destination).code if request.destination else None,
            home=None if ignored else request.home,
            max_commute=request.max_commute,
            min_safety=request.min_safety,
            weights=FrozenMap(dict(sorted(request.weights.items()))) if request.weights else None,
            include_business=request.include_business,
            terms=terms if borrowed else None,
        )

    def key_parts(self) -> tuple[str | int | None, ...]:
        """Give the parts of the cache key: three when nothing else is set."""
        first = (self.persona, self.budget, self.location_type)
        extras = self.model_dump_json(
            include={"max_commute", "min_safety", "weights", "include_business", "terms"},
            exclude_none=True,
            exclude_defaults=True,
        )
        digest = () if extras == "{}" else (hashlib.sha256(extras.encode()).hexdigest()[:16],)
        if not digest and self.destination is None and self.home is None:
            return first
        return (*first, self.destination, self.home, *digest)


class Recommender:
    """Answers recommendation requests. Built once; the reference of all districts is computed here."""

    def __init__(
        self, cache: Cache, snapshot: Snapshot, rail: Rail, places: Places, terms: MortgageTerms
    ) -> None:
        self._snapshot, self._rail, self._places, self._terms = snapshot, rail, places, terms
        self._reference = scoring.Reference(snapshot.districts.values())
        # one thread: ranking is pure CPU, and many new questions at once must not hold up the event loop
        self._ranking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="veo-ranking")
        self.cached = cache.aside(RECOMMENDATIONS)(self._compute)
        self.cached_personal = cache.aside(PERSONAL)(self._compute)

    async def recommend(self, request: RecommendationRequest) -> Hit[Answer[Recommendations]]:
        """Give the best areas for a request; answers to personal weights stay in this container.

        Raises InvalidQuestion for a destination that is not known or weights that weigh nothing.
        """
        query = self.query(request)
        return await (self.cached if query.weights is None else self.cached_personal).lookup(query)

    def query(self, request: RecommendationRequest) -> Query:
        """Make a request canonical, under the terms of a mortgage that hold here."""
        return Query.of(request, self._places, self._terms)

    async def _compute(self, query: Query) -> Answer[Recommendations]:
        return await asyncio.get_running_loop().run_in_executor(self._ranking, self._rank, query)

    def _rank(self, query: Query) -> Answer[Recommendations]:
        criteria, routes = self._criteria(query)
        ranking = scoring.rank(self._reference, criteria, self._snapshot.districts.values())
        stability = scoring.robustness(ranking.field, criteria.weights)
        place = None if query.destination is None else self._places.destination(query.destination)
        return Answer(
            data=Recommendations(
                persona=query.persona,
                budget=query.budget,
                location_type=query.location_type,
                home=criteria.home,
                destination=None if place is None else place.label,
                weights=criteria.weights,
                recommendations=tuple(
                    self._recommendation(position, item, steady, criteria, routes)
                    for position, (item, steady) in enumerate(zip(ranking.items, stability, strict=True), 1)
                ),
                said_for=tuple(scoring.notices(ranking, criteria, asked) for asked in range(1, 21)),
            ),
            sources=self._sources(ranking),
            notices=() if place is None else centre_notices(place),
            assumptions=self._assumptions(query, ranking, criteria, place),
        )

    def _criteria(self, query: Query) -> "tuple[Criteria, Commutes]":
        if query.destination is None:
            ends = [self._places.destination(centre) for centre in JOB_CENTRES]
        else:
            ends = [self._places.destination(query.destination)]
        commutes = Commutes(self._rail, ends)
        districts = self._snapshot.districts.values()
        criteria = Criteria(
            persona=query.persona,
            weights=scoring.effective_weights(query.persona, query.weights),
            budget=scoring.budget_of(query.budget, query.location_type, query.terms or MortgageTerms()),
            home=query.home or scoring.DEFAULT_HOME[query.persona],
            minutes=FrozenMap({d.code: commutes.minutes(d.location) for d in districts}),
            max_commute=query.max_commute,
            min_safety=query.min_safety,
            include_business=query.include_business,
        )
        return criteria, commutes

    def _recommendation(
        self,
        position: int,
        item: Ranked,
        steady: scoring.Robustness,
        criteria: Criteria,
        commutes: "Commutes",
    ) -> Recommendation:
        district, limit = item.district, criteria.budget.limit
        place, journey = commutes.journey(district.location)
        reasons = scoring.explain(self._reference, criteria, item, journey, place.label)
        over = max(0.0, item.cost.value / limit - 1) * 100
        return Recommendation(
            rank=position,
            name=scoring.area_name(district),
            area_code=district.code,
            score=item.shown_total,
            factors=FrozenMap({name: round(score, 1) for name, score in item.scores.items()}),
            strengths=reasons.strengths,
            weaknesses=reasons.weaknesses,
            explanation=reasons.explanation,
            contributions=reasons.contributions,
            coverage=round(item.coverage, 2),
            robustness=steady,
            location=district.location,
            borough=district.borough,
            cost=Cost(
                figure=item.cost.model_copy(update={"value": round(item.cost.value)}),
                limit=round(limit),
                home=criteria.home if criteria.budget.tenure == "rent" else None,
                over_budget_pct=round(over, 1),
            ),
            commute=CommuteSummary(
                destination=place.label,
                minutes=round(journey.minutes),
                legs=journey.rounded(),
                source=journey.source,
            ),
            figures=FrozenMap({name: figure for name, figure in reasons.figures.items() if name != "cost"}),
        )

    def _sources(self, ranking: Ranking) -> tuple[str, ...]:
        figures = (figure for item in ranking.items for figure in item.district.figures.values())
        return (SNAPSHOT, RAIL, *sorted({figure.source for figure in figures}))

    def _assumptions(
        self, query: Query, ranking: Ranking, criteria: Criteria, place: Place | None
    ) -> tuple[str, ...]:
        home = (scoring.BUYING_IGNORES_HOME,) if query.location_type == "buy" else ()
        nearest = () if place is not None else ("Commute is to the nearest of the main job centres.",)
        return (*scoring.assumptions(ranking, criteria), *home, *nearest)


class Commutes:
    """The ways to one or several ends; each district is served by the nearest of them."""

    def __init__(self, rail: Rail, ends: Iterable[Place]) -> None:
        self._routes: list[tuple[Place, Routes]] = [(end, rail.routes_to(end.location)) for end in ends]

    def minutes(self, start: Location) -> float:
        """Give the minutes to the nearest end."""
        return min(routes.minutes(start) for _, routes in self._routes)

    def journey(self, start: Location) -> tuple[Place, Journey]:
        """Give the nearest end and the way there."""
        place, routes = min(self._routes, key=lambda way: way[1].minutes(start))
        return place, routes.journey(start)
