"""What a load test asks: the same questions for the same seed, a few of them often."""

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
    """One request: a POST when it has a body."""

    kind: str
    path: str
    body: Mapping[str, Any] | None = None


def checked(url: str, *, mine: bool) -> str:
    """Give the address without a slash at its end.

    Raises InvalidQuestion for what is no address of a web server, and for another machine than this one
    unless it is said to be `mine`.
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
            f"URL: {parsed.host} is not this machine; a load test of another needs --yes-this-is-mine"
        )
    return str(parsed).rstrip("/")


def _loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def mixed(text: str) -> dict[str, float]:
    """Read `recommendations=60,areas=25,commutes=15`: shares, which need not add up to anything.

    Raises InvalidQuestion for anything else.
    """
    form = f"mix: must be shares such as recommendations=60,areas=25,commutes=15, each of {', '.join(KINDS)}"
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


def universe(
    districts: Sequence[str], destinations: Sequence[str], mix: Mapping[str, float], count: int, seed: int
) -> list[Question]:
    """Give `count` different questions, of each kind its share, in the order in which they are popular.

    There may be fewer, when a kind has not so many.
    """
    rng = Random(seed)  # noqa: S311 - a load, no secret
    areas = rng.sample(list(districts), len(districts))
    makers: Mapping[str, Iterator[Question]] = {
        "recommendations": _recommendations(destinations),
        "areas": (Question("areas", f"/api/areas/{code}") for code in areas),
        "commutes": (_commute(code, end) for end, code in product(destinations, areas)),
    }
    whole, ends = sum(mix.values()), accumulate(mix.values())
    until = [0, *(round(end / whole * count) for end in ends)]  # so that all together are `count`
    counts = zip(mix, pairwise(until), strict=True)
    made = [question for kind, (start, end) in counts for question in islice(makers[kind], end - start)]
    rng.shuffle(made)
    return made


def _recommendations(destinations: Sequence[str]) -> Iterator[Question]:
    for (budget, end), persona in zip(product(range(800, 3_000, 50), destinations), cycle(PERSONAS)):
        body = {"persona": persona, "budget": budget, "locationType": "rent", "destination": end}
        yield Question("recommendations", "/api/recommendations", body)


def _commute(origin: str, destination: str) -> Question:
    return Question("commutes", "/api/commute/calculate", {"origin": origin, "destination": destination})


def plan(questions: Sequence[Question], requests: int, skew: float, seed: int) -> list[Question]:
    """Draw the requests by Zipf's law: the first question is asked most."""
    rng = Random(seed)  # noqa: S311 - a load, no secret
    return rng.choices(questions, cum_weights=cumulative(len(questions), skew), k=requests)
