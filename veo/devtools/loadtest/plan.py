"""The requests of a load test: reproducible by seed, with a Zipf distribution over the questions."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from itertools import accumulate, cycle, islice, pairwise, product
from random import Random
from typing import Any, NamedTuple

import httpx

from veo.devtools.zipf import cumulative
from veo.errors import InvalidQuestion
from veo.models import PERSONAS

PORTS = 65_535
KINDS = ("recommendations", "areas", "commutes")


class Question(NamedTuple):
    """One request: a POST if it has a body, else a GET."""

    kind: str
    path: str
    body: Mapping[str, Any] | None = None


def checked_url(url: str, *, mine: bool) -> str:
    """Return the URL without a trailing slash.

    Raise InvalidQuestion for a malformed URL, and for any host but this machine unless `mine` is set.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        parsed = httpx.URL("")
    plain = not (parsed.query or parsed.fragment or parsed.userinfo)
    if parsed.scheme not in ("http", "https") or not parsed.host or not plain or (parsed.port or 0) > PORTS:
        raise InvalidQuestion("URL: must have the form http://host:port or https://host")
    if not mine and not _loopback(parsed.host):
        raise InvalidQuestion(
            f"URL: {parsed.host} is not this machine; add --yes-this-is-mine to load-test another"
        )
    return str(parsed).rstrip("/")


def _loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def parse_mix(text: str) -> dict[str, float]:
    """Parse `recommendations=60,areas=25,commutes=15` into relative shares, which may have any sum.

    Raise InvalidQuestion for anything else.
    """
    form = f"mix: must be shares such as recommendations=60,areas=25,commutes=15, of {', '.join(KINDS)}"
    shares: dict[str, float] = {}
    for part in text.split(","):
        kind, _, share = part.strip().partition("=")
        try:
            number = float(share)
        except ValueError:
            raise InvalidQuestion(form) from None
        if kind not in KINDS or kind in shares or not (0 <= number < math.inf):
            raise InvalidQuestion(form)
        shares[kind] = number
    if not 0 < sum(shares.values()) < math.inf:
        raise InvalidQuestion(form)
    return {kind: share for kind, share in shares.items() if share}


def distinct_questions(
    districts: Sequence[str], destinations: Sequence[str], mix: Mapping[str, float], count: int, seed: int
) -> list[Question]:
    """Return `count` different questions in the proportions of the mix, the most popular first.

    There are fewer if a kind runs out of different questions.
    """
    rng = Random(seed)  # noqa: S311 - a load, no secret
    areas = rng.sample(list(districts), len(districts))
    makers: Mapping[str, Iterator[Question]] = {
        "recommendations": _recommendations(destinations),
        "areas": (Question("areas", f"/api/areas/{code}") for code in areas),
        "commutes": (_commute(code, end) for end, code in product(destinations, areas)),
    }
    total, ends = sum(mix.values()), accumulate(mix.values())
    bounds = [
        0,
        *(round(end / total * count) for end in ends),
    ]  # rounding the sums keeps the total at `count`
    spans = zip(mix, pairwise(bounds), strict=True)
    questions = [question for kind, (start, end) in spans for question in islice(makers[kind], end - start)]
    rng.shuffle(questions)
    return questions


def _recommendations(destinations: Sequence[str]) -> Iterator[Question]:
    for (budget, end), persona in zip(product(range(800, 3_000, 50), destinations), cycle(PERSONAS)):
        body = {"persona": persona, "budget": budget, "locationType": "rent", "destination": end}
        yield Question("recommendations", "/api/recommendations", body)


def _commute(origin: str, destination: str) -> Question:
    return Question("commutes", "/api/commute/calculate", {"origin": origin, "destination": destination})


def plan(questions: Sequence[Question], requests: int, skew: float, seed: int) -> list[Question]:
    """Draw requests by Zipf's law; the first question is the most popular."""
    rng = Random(seed)  # noqa: S311 - a load, no secret
    return rng.choices(questions, cum_weights=cumulative(len(questions), skew), k=requests)
