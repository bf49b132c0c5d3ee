"""The use case: which areas suit whom. Constraints → facts → score → explain, behind the cache.

The cached answer holds the best 20 areas; a caller is shown the first few, so that the top 3 are always
the beginning of the top 10, and one entry serves every length.
"""

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple, ParamSpec, Self, TypeVar

from veo import scoring
from veo.cache import Cache, Hit
from veo.facts.commute import NO_JOURNEY
from veo.facts.sources import RAIL, SNAPSHOT, Located, Sources
from veo.identity_memo import IdentityMemo
from veo.models import Answer, FactorName, FrozenMap, Home, Persona, Tenure, Value
from veo.schemas.recommendations import CommuteSummary, Cost, Recommendation, Recommendations
from veo.schemas.requests import RecommendationRequest
from veo.scoring import Criteria, MortgageTerms, Ranked, Ranking
from veo.services.live_commutes import Commutes, Shortlist
from veo.services.questions import PERSONAL, RECOMMENDATIONS, Questions
from veo.sources.embedded.place_resolver import Places
from veo.sources.providers import tfl
from veo.tables.current import FigureSet

P = ParamSpec("P")
T = TypeVar("T")

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


class Draft(NamedTuple):
    """A ranking in the making: by the rail graph, then by live minutes where every area has them."""

    query: Query
    current: FigureSet
    ends: tuple[Located, ...]
    commutes: Commutes
    criteria: Criteria
    ranking: Ranking


class Recommender:
    """Answers recommendation requests. Built once; the reference of all districts is computed here."""

    def __init__(self, cache: Cache, sources: Sources, questions: Questions, terms: MortgageTerms) -> None:
        self._sources, self._questions = sources, questions
        # one thread: ranking is pure CPU, and many new questions at once must not hold up the event loop
        self._ranking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="veo-ranking")
        self._queries: IdentityMemo[RecommendationRequest, None, Query] = IdentityMemo(
            lambda request, _: Query.of(request, sources.places, terms)
        )
        self.cached = cache.cached(RECOMMENDATIONS)(self._compute)
        self.cached_personal = cache.cached(PERSONAL)(self._compute)

    async def recommend(self, request: RecommendationRequest) -> Hit[Answer[Recommendations]]:
        """Give the best areas for a request; answers to personal weights stay in this container.

        Raises InvalidQuestion for a destination that is not known or weights that weigh nothing.
        """
        query = self.query(request)
        return await (self.cached if query.weights is None else self.cached_personal).lookup(query)

    def query(self, request: RecommendationRequest) -> Query:
        """Make a request canonical, under the terms of a mortgage that hold here."""
        return self._queries.of(request, None)

    async def _compute(self, query: Query) -> Answer[Recommendations]:
        until = self._questions.until()
        current = await self._sources.figures.current()
        places = [self._sources.places.destination(end) for end in _ends(query)]
        ends = await asyncio.gather(*(self._questions.located(place, until) for place in places))
        draft = await self._aside(self._draft, query, current, tuple(ends))
        live = await self._live(draft, until)
        return await self._aside(self._answer, draft, live)

    async def _aside(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        del kwargs  # an executor passes none on
        return await asyncio.get_running_loop().run_in_executor(self._ranking, work, *args)

    def _draft(self, query: Query, current: FigureSet, ends: tuple[Located, ...]) -> Draft:
        """Rank by the rail graph, which takes milliseconds for all districts."""
        commutes = Commutes(self._sources.rail, [end.place for end in ends])
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
        return Draft(query, current, ends, commutes, criteria, ranking)

    async def _live(self, draft: Draft, until: float) -> Shortlist:
        """Ask for live minutes of the shortlist: one read of the cache, its gaps within the time left."""
        if self._sources.live is None:
            return Shortlist(asked=False)
        codes = [item.district.code for item in draft.ranking.items]
        calls = [
            (code, draft.commutes.nearest(item.district.location).code)
            for code, item in zip(codes, draft.ranking.items, strict=True)
        ]
        left = max(0.0, until - asyncio.get_running_loop().time())
        found = await self._questions.cached_commute.lookups(calls, within=left)
        answered = {code: hit for code, hit in zip(codes, found, strict=True) if isinstance(hit, Hit)}
        return Shortlist(
            asked=True,
            areas=len(codes),
            known={code: hit.value for code, hit in answered.items() if tfl.SOURCE in hit.value.sources},
            stale=sum(hit.stale for hit in answered.values()),
            # a model without this notice was kept while live sources were off: TfL was not asked
            unknown=sum(NO_JOURNEY in hit.value.notices for hit in answered.values()),
        )

    def _answer(self, draft: Draft, live: Shortlist) -> Answer[Recommendations]:
        """Score by live minutes where every area has them, explain, and say what stayed on the snapshot."""
        if live.complete:
            draft = _rescored(draft, live)
        query, criteria, ranking = draft.query, draft.criteria, draft.ranking
        stability = scoring.robustness(ranking.field, criteria.weights)
        named = query.destination is not None
        return Answer(
            data=Recommendations(
                persona=query.persona,
                budget=query.budget,
                location_type=query.location_type,
                home=criteria.home,
                destination=draft.ends[0].place.label if named else None,
                weights=criteria.weights,
                recommendations=tuple(
                    self._recommendation(position, item, steady, draft, live)
                    for position, (item, steady) in enumerate(zip(ranking.items, stability, strict=True), 1)
                ),
                said_for=tuple(scoring.notices(ranking, criteria, asked) for asked in range(1, 21)),
            ),
            sources=_sources(ranking, live),
            notices=(*(draft.ends[0].notices if named else ()), *live.notices()),
            assumptions=_assumptions(draft, live),
            attribution=live.attribution(),
            partial=live.partial or any(end.partial for end in draft.ends),
        )

    def _recommendation(
        self,
        position: int,
        item: Ranked,
        steady: scoring.Robustness,
        draft: Draft,
        live: Shortlist,
    ) -> Recommendation:
        district, criteria = item.district, draft.criteria
        limit = criteria.budget.limit
        place = draft.commutes.nearest(district.location)
        journey = live.journey(district.code) or draft.commutes.journey(district.location)
        # reasons rest on what was scored: a live way that was not is only shown
        told = journey if live.complete else draft.commutes.journey(district.location)
        reasons = scoring.explain(draft.current.reference, criteria, item, told, place.label)
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


def _ends(query: Query) -> tuple[str, ...]:
    """Give where a commute may lead: the destination, else the main job centres."""
    return JOB_CENTRES if query.destination is None else (query.destination,)


def _rescored(draft: Draft, live: Shortlist) -> Draft:
    """Order the shortlist anew by live minutes; the field behind it stays where it was."""
    minutes = {code: float(answer.data.duration) for code, answer in live.known.items()}
    criteria = draft.criteria.model_copy(update={"minutes": FrozenMap({**draft.criteria.minutes, **minutes})})
    shortlisted = [item.district for item in draft.ranking.items]
    ranked = scoring.rank(draft.current.reference, criteria, shortlisted)
    behind = draft.ranking.field[len(shortlisted) :]
    # who is shut out by live minutes leaves the answer: nobody without them takes the place
    items = ranked.field if len(ranked.field) < len(shortlisted) else (*ranked.field, *behind)
    ranking = replace(
        draft.ranking, field=items, nearest_commute=ranked.nearest_commute or draft.ranking.nearest_commute
    )
    return draft._replace(criteria=criteria, ranking=ranking)


def _sources(ranking: Ranking, live: Shortlist) -> tuple[str, ...]:
    figures = (figure for item in ranking.items for figure in item.district.figures.values())
    of_tfl = (tfl.SOURCE,) if live.known else ()
    return (SNAPSHOT, RAIL, *of_tfl, *sorted({figure.source for figure in figures}))


def _assumptions(draft: Draft, live: Shortlist) -> tuple[str, ...]:
    query = draft.query
    home = (scoring.BUYING_IGNORES_HOME,) if query.location_type == "buy" else ()
    nearest = () if query.destination is not None else ("Commute is to the nearest of the main job centres.",)
    days = sorted({date for answer in live.known.values() if (date := answer.data.date)})
    leaving = (f"TfL's times are for leaving at 08:30 on {' and '.join(days)}.",) if days else ()
    return (*scoring.assumptions(draft.ranking, draft.criteria), *home, *nearest, *leaving)
