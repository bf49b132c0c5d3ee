"""The web endpoints: `create_app` gives the ASGI app.

The way of a request: access (id, log line) → errors (everything that is raised) → routes (ask, answer)
→ body (what was sent) → respond (the envelope). `routes.PUBLIC` is the table of what can be asked.
`site` serves the pages, whose files stand in `pages/`.
"""

from veo.web.app import create_app

__all__ = ["create_app"]
