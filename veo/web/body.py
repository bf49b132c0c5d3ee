"""What a caller sent: a JSON body of bounded size, or a query string."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 64 * 1024
JSON = "application/json"


async def json_body(request: Request) -> bytes:
    """Read a body, and no more of it than `MOST_BYTES`.

    No content type at all counts as JSON. Raises HTTPException: 415 for another type, 413 for too much.
    """
    kind = request.headers.get("content-type") or JSON
    if kind.partition(";")[0].strip().lower() != JSON:
        raise HTTPException(415, f"The body must be {JSON}")
    body = bytearray()
    async for chunk in request.stream():
        if len(body) + len(chunk) > MOST_BYTES:
            raise HTTPException(413, f"The body must be at most {MOST_BYTES:,} bytes")
        body += chunk
    return bytes(body)


def query(request: Request) -> dict[str, str]:
    """Give the parameters of the query string; an empty one was left empty in a form, so it is absent."""
    return {name: value for name, value in request.query_params.items() if value}
