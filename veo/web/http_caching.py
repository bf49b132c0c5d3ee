"""HTTP caching headers of the responses to GET, derived from a cache entry's age and freshness.

They make a content delivery network a third cache tier. A flush cannot reach it, so nothing may stay fresh
there for longer than `MAX_AGE`, however long it is fresh in the cache.
"""

import hashlib
import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from veo import __version__
from veo.cache import Hit
from veo.models import Answer
from veo.web.body import JSON
from veo.web.request_log import elapsed_seconds

MAX_AGE = 3600  # seconds
STALE_WHILE_REVALIDATE = 60  # seconds for which the old answer may be served while a new one is fetched
STALE_IF_ERROR = 3600  # seconds: every family in L2 allows at least this


def cached_response(request: Request, answer: bytes, hit: Hit[Answer[Any]]) -> Response:
    """Return an answer with its caching headers, or 304 if the caller has it already."""
    headers = caching_headers(request, hit)
    if "ETag" in headers and _etag_matches(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(answer, headers=headers, media_type=JSON)


def caching_headers(request: Request, hit: Hit[Answer[Any]]) -> Mapping[str, str]:
    """Return where an answer came from; for a GET also its lifetime and its validator."""
    headers = {
        "Cache-Status": _cache_status(hit),
        "Server-Timing": f'cache;desc="{hit.origin}", total;dur={elapsed_seconds(request.scope) * 1000:.1f}',
    }
    if request.method not in {"GET", "HEAD"}:
        return headers
    parameters = request.query_params
    if not hit.computed or "no_cache" in parameters:  # a fallback, or a request to bypass caches
        return {**headers, "Cache-Control": "no-store"}
    age, left = int(hit.age), int(max(0.0, min(MAX_AGE, hit.fresh - time.time())))
    visibility = "private" if "weights" in parameters else "public"  # weights are personal
    control = f"{visibility}, max-age={age + left}, stale-while-revalidate={STALE_WHILE_REVALIDATE}"
    return {
        **headers,
        "ETag": _etag(request, hit),
        "Cache-Control": f"{control}, stale-if-error={STALE_IF_ERROR}",
        "Age": str(age),
    }


def _cache_status(hit: Hit[Answer[Any]]) -> str:
    """Return the value of `Cache-Status` (RFC 9211)."""
    if not hit.cached:
        return "veo; fwd=miss" + ("; stored" if hit.computed else "")
    return f"veo; hit; ttl={int(hit.fresh - time.time())}; detail={hit.origin}"


def _etag(request: Request, hit: Hit[Answer[Any]]) -> str:
    """Return a weak validator, because time and duration in the metadata differ with each response."""
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    parts = (__version__, path, query, f"{hit.computed:.3f}", str(hit.stale))
    return f'W/"{hashlib.sha256("|".join(parts).encode(errors="replace")).hexdigest()[:20]}"'


def _etag_matches(request: Request, etag: str) -> bool:
    """Check whether the caller sent this validator, by the weak comparison of RFC 9110."""
    sent = request.headers.get("if-none-match", "")
    opaque = etag.removeprefix("W/")
    return sent.strip() == "*" or opaque in (part.strip().removeprefix("W/") for part in sent.split(","))
