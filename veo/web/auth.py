"""Authorisation of the admin endpoints by a bearer token, compared in constant time."""

import hashlib
import hmac

from starlette.exceptions import HTTPException
from starlette.requests import Request

from veo.settings import Settings

MAX_TOKEN_LENGTH = 4_096  # characters


def is_admin(request: Request) -> bool:
    """Check whether a request carries the admin token."""
    expected, sent = _configured_token(request), _bearer_token(request)
    return expected is not None and sent is not None and hmac.compare_digest(sent, expected)


def require_admin(request: Request) -> None:
    """Raise HTTPException: 403 if no token is configured, 401 if the request's is missing or wrong."""
    if _configured_token(request) is None:
        raise HTTPException(403, "The admin endpoints are off: VEO_ADMIN_TOKEN is not set")
    if not is_admin(request):
        raise HTTPException(401, "The admin token is missing or wrong", {"WWW-Authenticate": "Bearer"})


def fingerprint(settings: Settings) -> str:
    """Return a short hash that identifies the configured token in the log without revealing it."""
    token = "" if settings.admin_token is None else settings.admin_token.get_secret_value()
    return hashlib.sha256(b"veo admin " + token.encode()).hexdigest()[:8]


def _configured_token(request: Request) -> bytes | None:
    token = request.app.state.runtime.settings.admin_token
    return None if token is None else token.get_secret_value().encode()


def _bearer_token(request: Request) -> bytes | None:
    """Return the one bearer token, as the bytes that were sent: Starlette decodes headers as Latin-1."""
    headers = request.headers.getlist("authorization")
    scheme, _, token = (headers[0] if len(headers) == 1 else "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= MAX_TOKEN_LENGTH:
        return None
    return token.encode("latin-1")
