"""Perplexity's Agent API on the loopback interface, as Perplexity documents it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.provider import Answered, LoopbackProvider, Received

KEY = "pplx-key-of-the-tests"
HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"
RENTS = "https://www.ons.gov.uk/housing/rents"
PARKS = "https://www.newham.gov.uk/parks"
RAIL = "https://tfl.gov.uk/elizabeth-line"
PAGES = {1: RENTS, 2: PARKS, 3: RAIL}
OVERVIEW = "Stratford lies in Newham [2]. Private rents rose by 4.1% in the year to August 2026 [1]."
POINTS = ("The Elizabeth line stops here [3].", "Newham runs 22 parks [2].", "Crime counts were not found.")
INSIGHTS = "A university campus opened in 2023 [2]."


def written(**changes: Any) -> str:
    """Return the text of the model; `changes` replace fields."""
    text = {"overview": OVERVIEW, "summary_points": list(POINTS), "persona_insights": INSIGHTS}
    return json.dumps(text | changes)


def searched(pages: Mapping[int, str]) -> dict[str, Any]:
    """Return the output item of one search."""
    results = [
        {
            "id": number,
            "title": f"Page {number}",
            "url": url,
            "snippet": "…",
            "date": "2026-09-16",
            "last_updated": "2026-10-01",
            "source": "web",
        }
        for number, url in pages.items()
    ]
    return {"type": "search_results", "queries": ["stratford e15"], "results": results}


def message(*texts: str, annotated: Sequence[str] = ()) -> dict[str, Any]:
    """Return the output item of a message with one part per text."""
    notes = [
        {"type": "url_citation", "url": url, "title": "", "start_index": 0, "end_index": 1}
        for url in annotated
    ]
    content = [{"type": "output_text", "text": text, "annotations": notes} for text in texts]
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content}


def response(*output: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a completed answer of the Agent API; `changes` replace fields."""
    cost = {
        "currency": "USD",
        "input_cost": 0.0004,
        "output_cost": 0.0005,
        "tool_calls_cost": 0.0025,
        "total_cost": 0.0034,
    }
    answer = {
        "id": "resp_1",
        "object": "response",
        "model": "perplexity/sonar",
        "status": "completed",
        "created_at": 1795500000,
        "output": list(output),
        "error": None,
        "usage": {
            "input_tokens": 400,
            "output_tokens": 500,
            "total_tokens": 900,
            "cost": cost,
            "tool_calls_details": {"web_search": {"invocation": 1}},
        },
    }
    return answer | changes


def researched() -> dict[str, Any]:
    """Return the documented answer on Stratford."""
    return response(searched(PAGES), message(written()))


def refused(status: int) -> Answered:
    """Return an HTTP error, whose message repeats the key."""
    return Answered(status, {"error": {"message": f"key {KEY} is bad", "type": "error", "code": status}})


class PerplexityServer(LoopbackProvider):
    """Answers every valid request with research on Stratford."""

    provider_names = ("perplexity",)

    def answer(self, request: Received) -> Answered:
        """Check the key and the body as Perplexity does."""
        if (request.method, request.path) != ("POST", "/v1/agent"):
            return refused(404)
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return refused(401)
        body = json.loads(request.body)
        if not isinstance(body.get("input"), str) or "model" not in body:
            return refused(422)
        return Answered(body=researched())
