"""Recommendations: constraints → facts → score → explain, behind the cache.

The cached answer holds the best 20 areas, and a response shows the first few. So the top 3 are always the
beginning of the top 10, and one entry serves every length.
"""

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple, ParamSpec, Self, TypeVar

from veo import scoring
from veo.cache import Cache, Hit, bind_cached_methods, cached
from veo.facts.commute import NO_JOURNEY
from veo.facts.sources import RAIL, SNAPSHOT, Located, Sources
from veo.identity_memo import IdentityMemo
from veo.models import Answer, FactorName, FrozenMap, Home, Persona, Tenure, Value
from veo.schemas.recommendations import CommuteSummary, Cost, Recommendation, Recommendations
from veo.schemas.requests import MOST_AREAS, RecommendationRequest
from veo.scoring import Criteria, MortgageTerms, Ranked, Ranking
from veo.services.live_commutes import LiveCommutes, ModelledCommutes
from veo.services.questions import Questions
from veo.services.registry import PERSONAL, RECOMMENDATIONS
from veo.sources.embedded.place_resolver import Places
from veo.sources.providers import tfl
from veo.tables.current import FigureSet

P = ParamSpec("P")
T = TypeVar("T")

JOB_CENTRES = ("bank", "canary-wharf", "kings-cross", "westminster", "oxford-circus", "london-bridge")
"""The main job centres: without a destination, commutes lead to the nearest of them."""


class Query(Value):
    """A recommendation request in canonical form: equivalent requests have the same key."""

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
        """Return the canonical form of a request: without default values, the budget in whole pounds."""
        is_default_home = request.home == scoring.DEFAULT_HOME[request.persona]
        is_payment = scoring.is_payment(request.budget, request.location_type)
        return cls(
            persona=request.persona,
            budget=int(request.budget),  # rounded down: a payment of 49,999.60 is not a price of 50,000
            location_type=request.location_type,
            destination=places.destination(request.destination).code if request.destination else None,
            home=None if is_default_home or request.location_type == "buy" else request.home,
            max_commute=request.max_commute,
            min_safety=request.min_safety,
            weights=FrozenMap(dict(sorted(request.weights.items()))) if request.weights else None,
            include_business=request.include_business,
            terms=terms if is_payment and terms != MortgageTerms() else None,
        )

    def key_parts(self) -> tuple[str | int | None, ...]:
        """Return the parts of the cache key: only the first three if nothing else is set."""
        required = (self.persona, self.budget, self.location_type)
        extras = self.model_dump_json(
            include={"max_commute", "min_safety", "weights", "include_business", "terms"},
            exclude_none=True,
            exclude_defaults=True,
        )
        digest = () if extras == "{}" else (hashlib.sha256(extras.encode()).hexdigest()[:16],)
        if not digest and self.destination is None and self.home is None:
            return required
        return (*required, self.destination, self.home, *digest)


class Draft(NamedTuple):
    """A ranking by the rail graph, to be rescored by live minutes if every area has them."""

    query: Query
    current: FigureSet
    destinations: tuple[Located, ...]
    commutes: ModelledCommutes
    criteria: Criteria
    ranking: Ranking


class Recommender:
    """Answers recommendation requests."""

    def __init__(self, cache: Cache, sources: Sources, questions: Questions, terms: MortgageTerms) -> None:
        self._sources, self._questions = sources, questions
        # one thread: ranking is CPU-bound, and a burst of new questions must not block the event loop
        self._ranking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="veo-ranking")
        self._queries: IdentityMemo[RecommendationRequest, None, Query] = IdentityMemo(
            lambda request, _: Query.of(request, sources.places, terms)
        )
        self.cache = cache
        bind_cached_methods(self)

    @cached(RECOMMENDATIONS)
    async def ranking(self, query: Query) -> Answer[Recommendations]:
        """Rank the districts for a query."""
        return await self._compute(query)

    @cached(PERSONAL)
    async def personal_ranking(self, query: Query) -> Answer[Recommendations]:
        """Rank the districts by the weights of one person, which stay in this container."""
        return await self._compute(query)

    async def recommend(self, request: RecommendationRequest) -> Hit[Answer[Recommendations]]:
        """Return the best areas for a request; answers to personal weights stay in this container.

        Raises InvalidQuestion for an unknown destination, or if every weight is zero.
        """
        query = self.query(request)
        return await (self.ranking if query.weights is None else self.personal_ranking).lookup(query)

    def query(self, request: RecommendationRequest) -> Query:
        """Return the canonical form of a request, under the configured mortgage terms."""
        return self._queries.get(request, None)

    async def _compute(self, query: Query) -> Answer[Recommendations]:
        deadline = self._questions.deadline()
        current = await self._sources.figures.current()
        places = [self._sources.places.destination(name) for name in _destinations(query)]
        located = await asyncio.gather(*(self._questions.located(place, deadline) for place in places))
        draft = await self._in_thread(self._draft, query, current, tuple(located))
        live = await self._live_commutes(draft, deadline)
        return await self._in_thread(self._answer, draft, live)

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        del kwargs  # run_in_executor takes none
        return await asyncio.get_running_loop().run_in_executor(self._ranking, work, *args)

    def _draft(self, query: Query, current: FigureSet, destinations: tuple[Located, ...]) -> Draft:
        """Rank by the rail graph, which takes milliseconds for all districts."""
        commutes = ModelledCommutes(self._sources.rail, [located.place for located in destinations])
        districts = current.snapshot.districts.values()
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
        ranking = scoring.rank(current.reference, criteria, districts)
        return Draft(query, current, destinations, commutes, criteria, ranking)

    async def _live_commutes(self, draft: Draft, deadline: float) -> LiveCommutes:
        """Look up the live minutes of the shortlist in one cache read, and ask TfL for the missing ones."""
        if self._sources.live is None:
            return LiveCommutes(enabled=False)
        codes = [item.district.code for item in draft.ranking.items]
        calls = [
            (code, draft.commutes.nearest(item.district.location).code)
            for code, item in zip(codes, draft.ranking.items, strict=True)
        ]
        remaining = max(0.0, deadline - asyncio.get_running_loop().time())
        results = await self._questions.cached.commute.lookups(calls, within=remaining)
        hits = {code: hit for code, hit in zip(codes, results, strict=True) if isinstance(hit, Hit)}
        return LiveCommutes(
            enabled=True,
            areas=len(codes),
            answers={code: hit.value for code, hit in hits.items() if tfl.SOURCE in hit.value.sources},
            stale=sum(hit.stale for hit in hits.values()),
            # a modelled journey without this notice was cached while live sources were off: TfL was not asked
            unknown=sum(NO_JOURNEY in hit.value.notices for hit in hits.values()),
        )

    def _answer(self, draft: Draft, live: LiveCommutes) -> Answer[Recommendations]:
        """Compose the answer; areas are rescored by live minutes if every one has them."""
        if live.complete:
            draft = _rescored(draft, live)
        query, criteria, ranking = draft.query, draft.criteria, draft.ranking
        stability = scoring.robustness(ranking.field, criteria.weights)
        destination = None if query.destination is None else draft.destinations[0]
        return Answer(
            data=Recommendations(
                persona=query.persona,
                budget=query.budget,
                location_type=query.location_type,
                home=criteria.home,
                destination=None if destination is None else destination.place.label,
                weights=criteria.weights,
                recommendations=tuple(
                    self._recommendation(rank, item, robustness, draft, live)
                    for rank, (item, robustness) in enumerate(zip(ranking.items, stability, strict=True), 1)
                ),
                notices_by_count=tuple(
                    scoring.notices(ranking, criteria, count) for count in range(1, MOST_AREAS + 1)
                ),
            ),
            sources=_sources(ranking, live),
            notices=(*(() if destination is None else destination.notices), *live.notices()),
            assumptions=_assumptions(draft, live),
            attribution=live.attribution(),
            partial=live.partial or any(located.partial for located in draft.destinations),
        )

    def _recommendation(
        self,
        rank: int,
        item: Ranked,
        robustness: scoring.Robustness,
        draft: Draft,
        live: LiveCommutes,
    ) -> Recommendation:
        district, criteria = item.district, draft.criteria
        limit = criteria.budget.limit
        place = draft.commutes.nearest(district.location)
        modelled = draft.commutes.journey(district.location)
        shown = live.journey(district.code) or modelled
        scored = shown if live.complete else modelled  # the explanation must match the score
        reasons = scoring.explain(draft.current.reference, criteria, item, scored, place.label)
        over = max(0.0, item.cost.value / limit - 1) * 100
        return Recommendation(
            rank=rank,
            name=scoring.area_name(district),
            area_code=district.code,
            score=item.shown_total,
            factors=FrozenMap({name: round(score, 1) for name, score in item.scores.items()}),
            strengths=reasons.strengths,
            weaknesses=reasons.weaknesses,
            explanation=reasons.explanation,
            contributions=reasons.contributions,
            coverage=round(item.coverage, 2),
            robustness=robustness,
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
                minutes=round(shown.minutes),
                legs=shown.rounded(),
                source=shown.source,
            ),
            figures=FrozenMap({name: figure for name, figure in reasons.figures.items() if name != "cost"}),
        )


def _destinations(query: Query) -> tuple[str, ...]:
    """Return the destination of a query, else the main job centres."""
    return JOB_CENTRES if query.destination is None else (query.destination,)


def _rescored(draft: Draft, live: LiveCommutes) -> Draft:
    """Rank the shortlist again by live minutes; the areas behind it keep their places."""
    minutes = {code: float(answer.data.duration) for code, answer in live.answers.items()}
    criteria = draft.criteria.model_copy(update={"minutes": FrozenMap({**draft.criteria.minutes, **minutes})})
    shortlisted = [item.district for item in draft.ranking.items]
    ranked = scoring.rank(draft.current.reference, criteria, shortlisted)
    behind = draft.ranking.field[len(shortlisted) :]
    # if live minutes exclude an area, no area without live minutes takes its place
    items = ranked.field if len(ranked.field) < len(shortlisted) else (*ranked.field, *behind)
    ranking = replace(
        draft.ranking, field=items, nearest_commute=ranked.nearest_commute or draft.ranking.nearest_commute
    )
    return draft._replace(criteria=criteria, ranking=ranking)


def _sources(ranking: Ranking, live: LiveCommutes) -> tuple[str, ...]:
    figures = (figure for item in ranking.items for figure in item.district.figures.values())
    live_sources = (tfl.SOURCE,) if live.answers else ()
    return (SNAPSHOT, RAIL, *live_sources, *sorted({figure.source for figure in figures}))


def _assumptions(draft: Draft, live: LiveCommutes) -> tuple[str, ...]:
    query = draft.query
    home = (scoring.BUYING_IGNORES_HOME,) if query.location_type == "buy" else ()
    nearest = () if query.destination is not None else ("Commute is to the nearest of the main job centres.",)
    days = sorted({date for answer in live.answers.values() if (date := answer.data.date)})
    departure = (f"TfL's times are for leaving at 08:30 on {' and '.join(days)}.",) if days else ()
    return (*scoring.assumptions(draft.ranking, draft.criteria), *home, *nearest, *departure)
