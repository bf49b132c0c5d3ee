"""Web research on an area, by a model that must cite its pages; never a source of figures."""

from pydantic import Field

from veo.facts.boundaries import timestamp
from veo.models import Answer, District, Persona, SnakeValue, absent
from veo.sources.providers.perplexity import PERPLEXITY_ESTIMATE_USD, Perplexity
from veo.spend_caps import SpendCaps

WRITTEN = "Written by a language model from the pages cited; check them before you rely on it."


class Overview(SnakeValue):
    """The text of the research; every statement has its citation."""

    content: str
    citations: tuple[str, ...]
    summary_points: tuple[str, ...]


class ResearchData(SnakeValue):
    """Web research on an area."""

    area_code: str
    postcode: str | None = Field(default=None, exclude_if=absent)
    research_type: str
    overview: Overview
    persona_insights: str | None = Field(default=None, exclude_if=absent)
    timestamp: str


async def live_research(
    client: Perplexity, spend_caps: SpendCaps, district: District, persona: Persona | None
) -> Answer[ResearchData]:
    """Pay for research on an area, and correct the spend counter by its actual cost. Raises source errors."""
    area = f"{district.name}, {district.code}, {district.borough}, London"
    async with spend_caps.paying("perplexity", PERPLEXITY_ESTIMATE_USD) as counter:
        research = await client.research(area, persona)
    if research.cost_usd is not None:
        await spend_caps.settle("perplexity", research.cost_usd - PERPLEXITY_ESTIMATE_USD, counter)
    return Answer(
        data=ResearchData(
            area_code=district.code,
            research_type="area" if persona is None else f"area for a {persona}",
            overview=Overview(
                content=research.content,
                citations=research.citations,
                summary_points=research.summary_points,
            ),
            persona_insights=research.persona_insights,
            timestamp=timestamp(),
        ),
        sources=("Perplexity",),
        notices=(WRITTEN,),
    )
