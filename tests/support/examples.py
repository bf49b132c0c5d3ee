"""Answers the documented example questions, and stores the answers for the OpenAPI document.

Run `python -m tests.support.examples` when an answer changes.
"""

import asyncio
import json

from tests.support.web import client, example_requests
from veo.settings import Settings
from veo.web import create_app
from veo.web.openapi import EXAMPLES, document
from veo.web.routes import PUBLIC


def settings() -> Settings:
    """Return settings that ask no real provider, whatever the environment says."""
    return Settings(cache="memory", live="off")


async def answers() -> dict[str, object]:
    """Return the answer to every example question, by method and path."""
    app = create_app(settings())
    async with client(app) as web:
        requests = example_requests(document(PUBLIC))
        return {name: (await web.send(request)).json() for name, request in requests.items()}


if __name__ == "__main__":
    EXAMPLES.write_text(
        json.dumps(asyncio.run(answers()), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
