"""Who may change the cache: the bearer of the admin token, compared in constant time."""

import hashlib
import hmac

from starlette.exceptions import HTTPException
from starlette.requests import Request

from veo.settings import Settings

LONGEST = 4_096  # bytes of a token: nobody has a longer one


def is_admin(request: Request) -> bool:
    """Tell whether a request bears the admin token."""
    wanted, given = _wanted(request), _given(request)
    return wanted is not None and given is not None and hmac.compare_digest(given, wanted)


def require_admin(request: Request) -> None:
    """Raise HTTPException: 403 when no token is configured, 401 without it or with a wrong one."""
    if _wanted(request) is None:
        raise HTTPException(403, "The admin endpoints are off: VEO_ADMIN_TOKEN is not set")
    if not is_admin(request):
        raise HTTPException(401, "The admin token is missing or wrong", {"WWW-Authenticate": "Bearer"})


def fingerprint(settings: Settings) -> str:
    """Give what tells the configured token apart from others in a log, and nothing of the token itself."""
    token = "" if settings.admin_token is None else settings.admin_token.get_secret_value()
    return hashlib.sha256(b"veo admin " + token.encode()).hexdigest()[:8]


def _wanted(request: Request) -> bytes | None:
    token = request.app.state.runtime.settings.admin_token
    return None if token is None else token.get_secret_value().encode()


def _given(request: Request) -> bytes | None:
    """Give the bytes of the one bearer token; starlette has read a header as Latin-1."""
    sent = request.headers.getlist("authorization")
    scheme, _, token = (sent[0] if len(sent) == 1 else "").partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= LONGEST:
        return None
    return token.encode("latin-1")
