"""Research by Perplexity: citations that match their numbers, sanitised text, and every failure."""

import json
import logging
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.anything import JSON
from tests.support.effort import tries
from tests.support.provider import Answered
from tests.support.providers.perplexity import (
    HTML,
    INSIGHTS,
    KEY,
    OVERVIEW,
    PAGES,
    PARKS,
    POINTS,
    RAIL,
    RENTS,
    PerplexityServer,
    message,
    refused,
    researched,
    response,
    searched,
    written,
)
from tests.support.servers import free_port
from veo.errors import BadAnswer, ProviderError, RateLimited, Unavailable
from veo.models import Persona
from veo.sources.http.client import Http
from veo.sources.http.deadline import within
from veo.sources.http.sanitize import plain, web_url
from veo.sources.providers.perplexity import PERPLEXITY, Perplexity, Research

pytestmark = pytest.mark.anyio

AREA = "Stratford, E15, Newham, London"
TODAY = date(2026, 11, 23)


def client(http: Http) -> Perplexity:
    return Perplexity(http, KEY, lambda: TODAY)


@pytest.fixture(scope="module")
def running() -> Iterator[PerplexityServer]:
    started = PerplexityServer()
    started.start()
    yield started
    started.stop()


@pytest.fixture
def server(running: PerplexityServer) -> PerplexityServer:
    running.reset()
    return running


@pytest.fixture
async def perplexity(server: PerplexityServer) -> AsyncIterator[Perplexity]:
    http = Http({PERPLEXITY.name: server.url})
    yield client(http)
    await http.close()


async def research_from(perplexity: Perplexity, server: PerplexityServer, answer: Any) -> Research:
    """Return the research for a student from an answer of the provider."""
    server.queue(Answered(body=answer))
    return await perplexity.research(AREA, "student")


async def sent(perplexity: Perplexity, server: PerplexityServer, *arguments: Any) -> dict[str, Any]:
    """Return the body of the request for research."""
    await perplexity.research(*arguments)
    body: dict[str, Any] = json.loads(server.requests[0].body)
    return body


def overview(text: str, pages: Mapping[int, str] = PAGES) -> dict[str, Any]:
    """Return an answer with an overview, after a search that returned these pages."""
    return response(searched(pages), message(written(overview=text)))


# The answer


async def test_research_is_a_text_with_points_insights_and_citations(perplexity: Perplexity) -> None:
    assert await perplexity.research(AREA, "student") == Research(
        content=OVERVIEW,
        summary_points=POINTS,
        persona_insights=INSIGHTS,
        citations=(RENTS, PARKS, RAIL),
        cost_usd=0.0034,
        model="perplexity/sonar",
        asked_on=TODAY,
    )


async def test_without_a_persona_there_are_no_insights(perplexity: Perplexity) -> None:
    assert (await perplexity.research(AREA, None)).persona_insights is None


async def test_insights_may_be_missing(perplexity: Perplexity, server: PerplexityServer) -> None:
    answer = response(searched(PAGES), message(written(persona_insights=None)))
    assert (await research_from(perplexity, server, answer)).persona_insights is None


async def test_a_text_in_several_parts_is_one(perplexity: Perplexity, server: PerplexityServer) -> None:
    text = written()
    answer = response(searched(PAGES), message(text[:50], text[50:]))
    assert (await research_from(perplexity, server, answer)).content == OVERVIEW


async def test_output_of_an_unknown_type_is_skipped(perplexity: Perplexity, server: PerplexityServer) -> None:
    unknown = {**searched({1: "https://other.example"}), **message("other"), "type": "thoughts"}
    answer = response(unknown, searched(PAGES), message(written()))
    answer["output"][2]["content"].append({"type": "refusal", "text": "no"})
    assert await research_from(perplexity, server, answer) == await perplexity.research(AREA, "student")


@pytest.mark.parametrize("fence", ["```json\n{}\n```", "```\n{}\n```", "\n```json{}```\n"])
async def test_a_fence_around_the_text_does_not_matter(
    perplexity: Perplexity, server: PerplexityServer, fence: str
) -> None:
    answer = response(searched(PAGES), message(fence.replace("{}", written())))
    assert (await research_from(perplexity, server, answer)).content == OVERVIEW


async def test_a_model_that_is_not_named_is_the_requested_one(
    perplexity: Perplexity, server: PerplexityServer
) -> None:
    answer = researched() | {"model": None}
    assert (await research_from(perplexity, server, answer)).model == "perplexity/sonar"


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"cost": None},
        {"cost": {"total_cost": None}},
        {"cost": {"total_cost": "0.0034"}},
        {"cost": {"total_cost": True}},
        {"cost": {"total_cost": -0.1}},
        {"cost": {"total_cost": 10**400}},
    ],
    ids=lambda usage: repr(usage)[:50],
)
async def test_a_cost_that_is_not_stated_is_unknown(
    perplexity: Perplexity, server: PerplexityServer, usage: Any
) -> None:
    answer = json.dumps(researched() | {"usage": usage})
    assert (await research_from(perplexity, server, answer)).cost_usd is None


# Citations


async def test_citations_are_in_the_order_of_their_numbers(
    perplexity: Perplexity, server: PerplexityServer
) -> None:
    answer = overview(OVERVIEW, {3: RAIL, 1: RENTS, 2: PARKS})
    assert (await research_from(perplexity, server, answer)).citations == (RENTS, PARKS, RAIL)


async def test_a_citation_is_renumbered_when_a_page_before_it_is_removed(
    perplexity: Perplexity, server: PerplexityServer
) -> None:
    answer = overview("Trains [3] and rents [1].", {1: "javascript:alert(1)", 2: PARKS, 3: RAIL})
    research = await research_from(perplexity, server, answer)
    assert (research.content, research.citations) == ("Trains [2] and rents.", (PARKS, RAIL))


async def test_a_page_returned_twice_is_cited_once(perplexity: Perplexity, server: PerplexityServer) -> None:
    answer = overview("Rents [1, 3] and more [3], parks [2].", {1: RENTS, 2: PARKS, 3: RENTS})
    research = await research_from(perplexity, server, answer)
    assert (research.content, research.citations) == (
        "Rents [1] and more [1], parks [2].",
        (RENTS, PARKS),
    )


async def test_a_number_that_two_pages_share_cites_neither(
    perplexity: Perplexity, server: PerplexityServer
) -> None:
    text = message(written(overview="Rents [1], parks [2]."))
    answer = response(searched({1: RENTS, 2: PARKS}), searched({1: RAIL}), text)
    research = await research_from(perplexity, server, answer)
    assert (research.content, research.citations) == ("Rents, parks [3].", (RENTS, RAIL, PARKS))


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("Rents [1][2].", "Rents [1][2]."),
        ("Rents [1, 2].", "Rents [1][2]."),
        ("Rents [web:1].", "Rents [1]."),
        ("Rents [[1]](https://other.example).", "Rents [1]."),
        ("Rents [1](https://other.example).", "Rents [1]."),
        ("Rents [9].", "Rents."),
        ("[9] Rents.", "Rents."),
        ("Rents [9, 2].", "Rents [2]."),
        ("Rents [2026] and [estimate].", "Rents [2026] and [estimate]."),
    ],
)
async def test_a_number_in_brackets_is_recognised_in_every_form(
    perplexity: Perplexity, server: PerplexityServer, text: str, content: str
) -> None:
    assert (await research_from(perplexity, server, overview(text))).content == content


async def test_of_too_many_pages_the_cited_ones_are_kept(
    perplexity: Perplexity, server: PerplexityServer
) -> None:
    many = {number: f"https://page.example/{number}" for number in range(1, 31)}
    research = await research_from(perplexity, server, overview("Rents [30] and parks [2].", many))
    assert research.content == "Rents [20] and parks [2]."
    assert research.citations == tuple(many[number] for number in (*range(1, 20), 30))


async def test_a_page_that_only_the_insights_cite_is_kept_too(
    perplexity: Perplexity, server: PerplexityServer
) -> None:
    many = {number: f"https://page.example/{number}" for number in range(1, 31)}
    answer = response(searched(many), message(written(persona_insights="A campus [30].")))
    assert (await research_from(perplexity, server, answer)).persona_insights == "A campus [20]."


async def test_every_text_is_plain_and_short(perplexity: Perplexity, server: PerplexityServer) -> None:
    long = "<b>word</b> " * 1000
    text = written(overview=long, summary_points=[long] * 3, persona_insights=long)
    research = await research_from(perplexity, server, response(searched(PAGES), message(text)))
    texts = (research.content, *research.summary_points, research.persona_insights or "")
    assert [len(shown) for shown in texts] == [3000, 300, 300, 300, 1500]
    assert {part for shown in texts for part in shown.removesuffix("…").split()} == {"word"}


async def test_the_numbers_in_every_text_are_replaced(
    perplexity: Perplexity, server: PerplexityServer
) -> None:
    text = written(overview="A [7].", summary_points=["B [7].", "C [8].", "D."], persona_insights="E [8].")
    research = await research_from(
        perplexity, server, response(searched({7: RENTS, 8: PARKS}), message(text))
    )
    assert (research.content, research.summary_points, research.persona_insights) == (
        "A [1].",
        ("B [1].", "C [2].", "D."),
        "E [2].",
    )


async def test_the_pages_of_annotations_come_last(perplexity: Perplexity, server: PerplexityServer) -> None:
    answer = response(message(written(), annotated=[RAIL, RENTS]), searched({1: RENTS, 2: PARKS}))
    assert (await research_from(perplexity, server, answer)).citations == (RENTS, PARKS, RAIL)


@pytest.mark.parametrize("number", [None, "1", True, 1.5])
async def test_a_page_without_a_number_is_cited_after_the_others(
    perplexity: Perplexity, server: PerplexityServer, number: Any
) -> None:
    answer = overview(OVERVIEW)
    answer["output"][0]["results"][0]["id"] = number
    assert (await research_from(perplexity, server, answer)).citations == (PARKS, RAIL, RENTS)


@pytest.mark.parametrize(
    "answer",
    [
        response(message(written())),
        response(searched({}), message(written())),
        response(searched({1: "ftp://files.example", 2: "data:text/html,x"}), message(written())),
    ],
    ids=["no search", "no results", "no web address"],
)
async def test_a_text_without_a_source_is_a_bad_answer(
    perplexity: Perplexity, server: PerplexityServer, answer: dict[str, Any]
) -> None:
    with pytest.raises(BadAnswer, match="no citations"):
        await research_from(perplexity, server, answer)


# The request


async def test_the_model_is_pinned_and_nothing_is_stored(
    perplexity: Perplexity, server: PerplexityServer
) -> None:
    body = await sent(perplexity, server, AREA, None)
    assert (body["model"], body["store"], body["max_steps"], body["max_output_tokens"]) == (
        "perplexity/sonar",
        False,
        4,
        1200,
    )


async def test_the_request_names_the_area(perplexity: Perplexity, server: PerplexityServer) -> None:
    assert (await sent(perplexity, server, AREA, None))["input"] == f"Area: {AREA}."


@pytest.mark.parametrize(
    ("persona", "reader"),
    [
        ("student", "a university student"),
        ("parent", "a parent of school-age children"),
        ("developer", "a property developer"),
    ],
)
async def test_the_request_names_the_reader(
    perplexity: Perplexity, server: PerplexityServer, persona: Persona, reader: str
) -> None:
    body = await sent(perplexity, server, AREA, persona)
    assert body["input"] == f"Area: {AREA}.\nReader: {reader}."


async def test_the_request_names_what_to_cover(perplexity: Perplexity, server: PerplexityServer) -> None:
    body = await sent(perplexity, server, AREA, None, ("rents", "parks"))
    assert body["input"].endswith("\nCover: rents, parks.")


async def test_the_search_is_limited_to_a_year_and_london_without_social_media(
    perplexity: Perplexity, server: PerplexityServer
) -> None:
    assert (await sent(perplexity, server, AREA, None))["tools"] == [
        {
            "type": "web_search",
            "filters": {
                "search_recency_filter": "year",
                "search_domain_filter": ["-reddit.com", "-facebook.com", "-x.com"],
            },
            "search_context_size": "low",
            "user_location": {"country": "GB", "city": "London"},
        }
    ]


async def test_the_schema_of_the_text_is_strict(perplexity: Perplexity, server: PerplexityServer) -> None:
    response_format = (await sent(perplexity, server, AREA, None))["response_format"]
    schema = response_format["json_schema"]["schema"]
    assert (response_format["type"], response_format["json_schema"]["strict"]) == ("json_schema", True)
    assert schema["required"] == ["overview", "summary_points", "persona_insights"]
    assert schema["additionalProperties"] is False
    points = schema["properties"]["summary_points"]
    assert (points["type"], points["minItems"], points["maxItems"]) == ("array", 3, 6)


async def test_the_key_is_sent_as_a_bearer(perplexity: Perplexity, server: PerplexityServer) -> None:
    await perplexity.research(AREA, None)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


# Failures


@pytest.mark.parametrize("status", ["in_progress", "queued", "cancelled", "requires_action", "incomplete"])
async def test_an_answer_that_is_not_finished_is_unavailable(
    perplexity: Perplexity, server: PerplexityServer, status: str
) -> None:
    with pytest.raises(Unavailable, match="did not complete"):
        await research_from(perplexity, server, researched() | {"status": status})


@pytest.mark.parametrize("status", [None, "done", 7, ["completed"]], ids=repr)
async def test_an_undocumented_status_is_a_bad_answer(
    perplexity: Perplexity, server: PerplexityServer, status: Any
) -> None:
    with pytest.raises(BadAnswer):
        await research_from(perplexity, server, researched() | {"status": status})


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        ({"message": KEY, "code": "server_error"}, Unavailable, "perplexity: failed: server_error"),
        ({"message": KEY, "type": "server_error"}, Unavailable, "perplexity: failed: server_error"),
        ({"message": KEY, "code": "invalid_request"}, BadAnswer, "perplexity: failed: invalid_request"),
        ({"message": KEY, "code": "rate_limit_exceeded"}, RateLimited, "perplexity: failed: rate_limit"),
        ({"message": KEY, "code": KEY}, Unavailable, "perplexity: failed"),
        ({"message": KEY, "code": 500}, Unavailable, "perplexity: failed"),
        ({"message": KEY}, Unavailable, "perplexity: failed"),
        (KEY, Unavailable, "perplexity: failed"),
        (None, Unavailable, "perplexity: failed"),
    ],
)
async def test_the_error_of_a_failed_run_contains_its_code_alone(
    perplexity: Perplexity, server: PerplexityServer, error: Any, kind: type[ProviderError], message: str
) -> None:
    with pytest.raises(kind) as raised:
        await research_from(perplexity, server, response(status="failed", error=error))
    assert str(raised.value).startswith(message)
    assert KEY not in repr(raised.value)


async def test_a_rate_limited_service_is_paused(perplexity: Perplexity, server: PerplexityServer) -> None:
    answer = response(status="failed", error={"code": "rate_limit_exceeded"})
    with pytest.raises(RateLimited):
        await research_from(perplexity, server, answer)
    with pytest.raises(RateLimited):
        await research_from(perplexity, server, answer)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Stratford is nice [1].",
        "[]",
        "null",
        written()[:-5],
        f"Here it is: {written()}",
        "```json\nnothing\n```",
        "[" * 100_000,
        written(overview=None),
        written(overview=7),
        written(overview=""),
        written(overview="\u200b\u202e"),
        written(overview="\ud800"),
        written(overview="[9]"),
        written(summary_points=None),
        written(summary_points="one"),
        written(summary_points=["one [1]", "two"]),
        written(summary_points=["one"] * 7),
        written(summary_points=["one", "two", 3]),
        written(summary_points=["one", "two", " "]),
        written(persona_insights=["one"]),
        written(verdict="buy"),
        json.dumps({"overview": OVERVIEW, "summary_points": POINTS}),
    ],
    ids=lambda text: text[:60],
)
async def test_a_text_that_does_not_follow_the_schema_is_a_bad_answer(
    perplexity: Perplexity, server: PerplexityServer, text: str
) -> None:
    with pytest.raises(BadAnswer):
        await research_from(perplexity, server, response(searched(PAGES), message(text)))


@pytest.mark.parametrize(
    "answer",
    [[], None, "text", {}, response(), response(output=None), response(output="x"), response(output=[None])],
    ids=lambda answer: repr(answer)[:60],
)
async def test_a_damaged_answer_is_a_bad_answer(
    perplexity: Perplexity, server: PerplexityServer, answer: Any
) -> None:
    with pytest.raises(BadAnswer):
        await research_from(perplexity, server, json.dumps(answer))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused(400), BadAnswer),
        (refused(401), BadAnswer),
        (refused(403), BadAnswer),
        (refused(404), BadAnswer),
        (refused(422), BadAnswer),
        (refused(429)._replace(headers={"Retry-After": "60"}), RateLimited),
        (refused(500), Unavailable),
        (Answered(502, HTML, "text/html"), Unavailable),
        (refused(503), Unavailable),
        (Answered(200, HTML, "text/html"), BadAnswer),
        (Answered(200, json.dumps(researched())[:-20]), BadAnswer),
        (Answered(200, researched(), cut=True), ProviderError),
    ],
    ids=lambda value: (
        f"{value.status}-{value.content_type}" if isinstance(value, Answered) else value.__name__
    ),
)
async def test_an_http_failure_is_a_provider_error(
    perplexity: Perplexity, server: PerplexityServer, answer: Answered, kind: type[ProviderError]
) -> None:
    server.always(answer)
    with pytest.raises(kind) as raised:
        await perplexity.research(AREA, "student")
    assert KEY not in repr(raised.value)


async def test_a_wrong_key_is_a_bad_answer(server: PerplexityServer) -> None:
    http = Http({PERPLEXITY.name: server.url})
    with pytest.raises(BadAnswer) as raised:
        await Perplexity(http, "pplx-wrong", lambda: TODAY).research(AREA, None)
    assert raised.value.status == 401
    await http.close()


async def test_a_slow_answer_is_unavailable(perplexity: Perplexity, server: PerplexityServer) -> None:
    server.always(Answered(body=researched(), delay=60))
    with pytest.raises(Unavailable):
        async with within(0.1):
            await perplexity.research(AREA, None)


async def test_a_server_that_does_not_listen_is_unavailable() -> None:
    http = Http({PERPLEXITY.name: f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(Unavailable):
        await client(http).research(AREA, None)
    await http.close()


# The key


async def test_the_key_is_not_in_the_repr(perplexity: Perplexity) -> None:
    assert KEY not in repr(perplexity)


async def test_the_key_is_not_logged(
    perplexity: Perplexity, server: PerplexityServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await perplexity.research(AREA, None)
    server.queue(refused(401))
    with pytest.raises(BadAnswer):
        await perplexity.research(AREA, None)
    assert KEY not in caplog.text


# Any answer


@given(field=st.sampled_from(sorted(researched())), junk=JSON)
@tries(60)
async def test_any_answer_becomes_research_or_a_provider_error(
    server: PerplexityServer, field: str, junk: Any
) -> None:
    await survives(server, researched() | {field: junk})


@given(item=st.integers(0, 1), field=st.sampled_from(["type", "results", "content"]), junk=JSON)
@tries(60)
async def test_any_output_becomes_research_or_a_provider_error(
    server: PerplexityServer, item: int, field: str, junk: Any
) -> None:
    answer = researched()
    answer["output"][item][field] = junk
    await survives(server, answer)


@given(number=JSON, url=JSON, text=st.text(max_size=200))
@tries(80)
async def test_any_page_and_text_become_research_or_a_provider_error(
    server: PerplexityServer, number: Any, url: Any, text: str
) -> None:
    answer = overview(f"Rents [1]. {text}")
    answer["output"][0]["results"][1] |= {"id": number, "url": url}
    await survives(server, answer)


async def survives(server: PerplexityServer, answer: dict[str, Any]) -> None:
    """Check that a new client turns an answer into valid research or a documented error."""
    server.queue(Answered(body=json.dumps(answer)))
    http = Http({PERPLEXITY.name: server.url})
    with suppress(BadAnswer, Unavailable):
        research = await client(http).research(AREA, "student")
        numbers = {int(number) for number in re.findall(r"\[(\d{1,3})\]", research.content)}
        assert numbers <= set(range(1, len(research.citations) + 1))
    await http.close()


# Sanitised text and addresses


@pytest.mark.parametrize(
    ("text", "sanitised"),
    [
        ("Rents  rose\n\tby 4%", "Rents rose by 4%"),
        ("a\x00b\x1bc\u200bd\ufefff", "abcdf"),
        ("\u202eevil\u2066", "evil"),
        ("lone \ud800 half", "lone half"),
        ("<b>Rents</b> rose", "Rents rose"),
        ("<script>alert(1)</script>", "alert(1)"),
        ("<scr<b>ipt>", "\u2039scr ipt\u203a"),
        ("<scr\u200bipt>x", "x"),
        ("crime < average > none", "crime \u2039 average \u203a none"),
        ("see [the council](https://newham.gov.uk)", "see the council"),
        ('see [rents](https://ons.gov.uk "ONS")', "see rents"),
        ("[click](javascript:alert(1))", "click"),
        ("[click](javascript:alert((1)))", "[click] (javascript:alert((1)))"),
        ("[click]<b>(javascript:x)", "[click] (javascript:x)"),
        ("![map](data:image/svg+xml,x)", "map"),
        ("parks [2](https://newham.gov.uk)", "parks [2]"),
        ("", ""),
    ],
)
def test_a_text_becomes_plain_text(text: str, sanitised: str) -> None:
    assert plain(text, 100) == sanitised


@pytest.mark.parametrize(
    ("text", "sanitised"),
    [
        ("one two", "one two"),
        ("one two x", "one…"),
        ("one, two three", "one…"),
        ("abcdefghij", "abcdef…"),
        ("sixsix seven", "sixsix…"),
    ],
)
def test_a_long_text_is_cut_at_a_word(text: str, sanitised: str) -> None:
    assert plain(text, 7) == sanitised


@given(text=st.text(st.sampled_from("ab1 <>[]()!/\"'\n\u202e\u200b\ud800é")), most=st.integers(1, 40))
def test_plain_text_is_short_and_has_no_mark_up(text: str, most: int) -> None:
    sanitised = plain(text, most)
    assert len(sanitised) <= most
    assert not re.search(r"[<>\n\u202e\u200b\ud800]|\]\(", sanitised)


@pytest.mark.parametrize(
    "url",
    [
        "https://www.ons.gov.uk",
        "http://newham.gov.uk:8080/a?b=c#d",
        "https://en.wikipedia.org/wiki/Stratford_(London)",
        "https://example.org/" + "x" * 480,
    ],
    ids=lambda url: url[:40],
)
def test_a_web_address_is_kept(url: str) -> None:
    assert web_url(url) == url


def test_spaces_around_an_address_are_removed() -> None:
    assert web_url(" https://ons.gov.uk\n") == "https://ons.gov.uk"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ons.gov.uk",
        "//ons.gov.uk",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://ons.gov.uk",
        "file:///etc/passwd",
        "http://",
        "https:///path",
        "https://user:word@ons.gov.uk",
        "https://ons.gov.uk@evil.example",
        "https://ons.gov.uk:port",
        "https://ons.gov.uk:99999",
        "http://[::1",
        "java\nscript:alert(1)",
        "https://ons.gov.uk/a b",
        "https://ons.gov.uk/\x00",
        "https://ons.gov.uk/\u202e",
        "https://ons.gov.uk/\ud800",
        'https://ons.gov.uk/"><script>',
        "https://ons.gov.uk\\@evil.example",
        "https://example.org/" + "x" * 481,
    ],
    ids=lambda url: repr(url)[:40],
)
def test_an_unsafe_address_is_none(url: str) -> None:
    assert web_url(url) is None
