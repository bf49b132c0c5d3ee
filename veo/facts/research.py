"""What the web says of an area, by a model that must cite: never a source of figures."""

from veo.facts.boundaries import timestamp
from veo.models import Answer, District, Persona
from veo.schemas.responses import Overview, ResearchData
from veo.sources.providers.perplexity import PERPLEXITY_ESTIMATE_USD, Perplexity
from veo.spend_caps import SpendCaps

WRITTEN = "Written by a language model from the pages cited; check them before you rely on it."


async def live_research(
    client: Perplexity, spend_caps: SpendCaps, district: District, persona: Persona | None
) -> Answer[ResearchData]:
    """Pay for research on an area, and settle what it cost. Raises source errors."""
    area = f"{district.name}, {district.code}, {district.borough}, London"
    async with spend_caps.paying("perplexity", PERPLEXITY_ESTIMATE_USD) as account:
        found = await client.research(area, persona)
    if found.cost_usd is not None:
        await spend_caps.settle("perplexity", found.cost_usd - PERPLEXITY_ESTIMATE_USD, account)
    return Answer(
        data=ResearchData(
            area_code=district.code,
            research_type="area" if persona is None else f"area for a {persona}",
            overview=Overview(
                content=found.content, citations=found.citations, summary_points=found.summary_points
            ),
            persona_insights=found.persona_insights,
            timestamp=timestamp(),
        ),
        sources=("Perplexity",),
        notices=(WRITTEN,),
    )
