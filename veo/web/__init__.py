"""The web endpoints: `create_app` returns the ASGI app.

A request passes `request_log` (its id and log line), `security_headers`, `errors` (exception → response) and
`rate_limit`; its handler in `routes` reads it with `body` and answers with `envelope`. `routes.PUBLIC` lists
the public endpoints and `admin.ADMIN` those of the admin; `html_pages` serves the files in `pages/`.
"""

from veo.web.app import create_app

__all__ = ["create_app"]
