"""What an answer to a GET tells the caches on its way, from the entry's own age and freshness.

A content delivery network in front becomes a third tier for free. A flush cannot reach it: that is why
nothing may be kept there for longer than `LONGEST`, however long it is fresh here.
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
from veo.web.request_log import elapsed

LONGEST = 3600  # seconds
WHILE_REVALIDATING = 60  # seconds for which the old answer may be shown while a new one is fetched
ON_ERROR = 3600  # seconds: what every shared family promises at least


def cached_response(request: Request, answer: bytes, hit: Hit[Answer[Any]]) -> Response:
    """Give an answer with what caches may do with it; 304 without a body when the caller has it already."""
    headers = headers_of(request, hit)
    if "ETag" in headers and _has(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(answer, headers=headers, media_type=JSON)


def headers_of(request: Request, hit: Hit[Answer[Any]]) -> Mapping[str, str]:
    """Tell where an answer came from; of a GET also how long it is good, and by what it is known again."""
    headers = {
        "Cache-Status": _status(hit),
        "Server-Timing": f'cache;desc="{hit.origin}", total;dur={elapsed(request.scope) * 1000:.1f}',
    }
    if request.method not in {"GET", "HEAD"}:
        return headers
    asked = request.query_params
    if not hit.computed or "no_cache" in asked:  # the next answer may be a better one, or is to be asked anew
        return {**headers, "Cache-Control": "no-store"}
    age, left = int(hit.age), int(max(0.0, min(LONGEST, hit.fresh - time.time())))
    whose = "private" if "weights" in asked else "public"  # what one person weighs is kept for nobody else
    control = f"{whose}, max-age={age + left}, stale-while-revalidate={WHILE_REVALIDATING}"
    return {
        **headers,
        "ETag": _etag(request, hit),
        "Cache-Control": f"{control}, stale-if-error={ON_ERROR}",
        "Age": str(age),
    }


def _status(hit: Hit[Answer[Any]]) -> str:
    """Say it in the words of RFC 9211."""
    if not hit.cached:
        return "veo; fwd=miss" + ("; stored" if hit.computed else "")
    return f"veo; hit; ttl={int(hit.fresh - time.time())}; detail={hit.origin}"


def _etag(request: Request, hit: Hit[Answer[Any]]) -> str:
    """Give a weak validator: the same answer has another time and duration in its metadata every time."""
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    parts = (__version__, path, query, f"{hit.computed:.3f}", str(hit.stale))
    return f'W/"{hashlib.sha256("|".join(parts).encode(errors="replace")).hexdigest()[:20]}"'


def _has(request: Request, etag: str) -> bool:
    """Tell whether one of the validators that the caller sent is this one."""
    sent = request.headers.get("if-none-match", "")
    opaque = etag.removeprefix("W/")
    return sent.strip() == "*" or opaque in (part.strip().removeprefix("W/") for part in sent.split(","))
