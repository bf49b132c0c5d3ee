"""The floor of a web response: routes that return ready bytes, under the same server as Veo.

`python -m benchmarks.bare FOLDER PORT` serves each file of a folder under its name, for GET and POST. It
writes no log, so the cost of Veo's log line per request counts against Veo.
"""

import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def route(path: Path) -> Route:
    """Return the route of one file."""
    content = path.read_bytes()

    async def answer(request: Request) -> Response:
        await request.body()
        return Response(content, media_type="application/json")

    return Route(f"/{path.name}", answer, methods=["GET", "POST"])


def main() -> None:
    """Serve until the process is ended."""
    app = Starlette(routes=[route(path) for path in Path(sys.argv[1]).iterdir()])
    uvicorn.run(app, port=int(sys.argv[2]), access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
