"""No secret is ever printed, logged or answered, whatever fails."""

import io
import logging
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.support.gateway import Gateway
from tests.support.provider import Answered
from tests.support.providers import google, perplexity, tfl
from tests.support.upstreams import Upstreams
from tests.support.web import client
from veo import logs
from veo.settings import Settings
from veo.web import create_app

pytestmark = pytest.mark.anyio

ADMIN, STORE_TOKEN = "a-password-for-the-admin", "token-of-the-tests"
SECRETS = (ADMIN, tfl.KEY, google.KEY, perplexity.KEY, STORE_TOKEN)
ECHO = " ".join(SECRETS)
PROVIDERS = [
    Answered(401, ECHO, "text/plain"),
    Answered(403, {"error": {"message": ECHO}}),
    Answered(429, {"message": ECHO}, headers={"Retry-After": "0"}),
    Answered(500, ECHO, "text/html"),
    Answered(200, ECHO, "text/plain"),
    Answered(200, {"results": ECHO, "status": ECHO, "output": ECHO}),
    Answered(cut=True),
]
STORE: list[dict[str, Any]] = [
    {"status": 401, "error": f"WRONGPASS {STORE_TOKEN}"},  # it knows no other
    {"status": 500, "body": ECHO.encode()},
    {"body": f'{{"result":["{ECHO}"]}}'.encode()},
    {"body": ECHO.encode()},
]
ASKED: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/api/areas/E15?destination=UCL", {}),
    ("GET", "/api/crime/E1", {}),
    ("GET", "/api/boundaries/postcode?postcode=E15%201AZ&no_cache=true", {}),
    ("GET", "/api/maps/area/E15/image", {}),
    ("GET", "/api/research/area?area_code=E15", {}),
    ("POST", "/api/maps/area", {"json": {"areaCode": "N1"}}),
    ("POST", "/api/commute/calculate", {"json": {"origin": "E15", "destination": "UCL"}}),
    ("GET", "/api/health", {}),
    ("GET", "/admin/cache/stats", {"headers": {"Authorization": f"Bearer {ADMIN}"}}),
    ("GET", "/admin/cache/stats", {"headers": {"Authorization": f"Bearer {ADMIN}x"}}),
    ("POST", "/admin/cache/flush", {"headers": {"Authorization": f"Bearer {ADMIN}"}, "json": {"all": True}}),
    ("GET", f"/api/unknown?key={ADMIN}", {}),
]


@pytest.fixture(scope="module")
def providers() -> Iterator[Upstreams]:
    served = Upstreams()
    served.start()
    yield served
    served.stop()


async def all_output(settings: Settings, caplog: pytest.LogCaptureFixture) -> str:
    """Send every request, and return all answers and all log records before redaction."""
    output = [repr(settings), str(settings)]
    app = create_app(settings)
    with caplog.at_level(logging.DEBUG):
        async with client(app) as web:
            for method, url, more in ASKED:
                answer: httpx.Response = await web.request(method, url, **more)
                output += [answer.text, str(answer.headers)]
        await app.state.runtime.close()
    records = [caplog.text, *(str(record.__dict__) for record in caplog.records if record.name != "httpx")]
    return "\n".join([*output, *records])


@pytest.mark.parametrize("fault", STORE, ids=["refused", "500", "another type", "no JSON"])
async def test_a_faulty_store_reveals_no_secret(
    providers: Upstreams,
    database: Gateway,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    fault: dict[str, Any],
) -> None:
    providers.reset()
    database.fault(times=50, **fault)
    store = {"upstash_url": database.url, "upstash_token": SecretStr(database.token)}
    settings = providers.settings(cache="auto", admin_token=ADMIN, **store)
    output = await all_output(settings, caplog) + "".join(capfd.readouterr())
    assert [secret for secret in SECRETS if secret in output] == []


@pytest.mark.parametrize("provider", PROVIDERS, ids=range(len(PROVIDERS)))
async def test_a_provider_that_quotes_a_key_does_not_reveal_it(
    providers: Upstreams,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    provider: Answered,
) -> None:
    providers.reset()
    for server in providers.servers.values():
        server.always(provider)
    output = await all_output(providers.settings(admin_token=ADMIN), caplog)
    output += "".join(capfd.readouterr())
    assert [secret for secret in SECRETS if secret in output] == []


# ---- the last line of defence ------------------------------------------------------------------------

PASSWORD = "p@ss/word-of-the-tests"
URL = "rediss://default:p%40ss%2Fword-of-the-tests@cache.example:6379"


def line(form: str, message: str, *args: object, secrets: tuple[str, ...] = (), **extra: object) -> str:
    """Return the log line of a message."""
    stream = io.StringIO()
    logger = logging.getLogger("veo")
    before = logger.handlers, logger.level, logger.propagate
    try:
        logs.configure("INFO", form, stream, secrets=secrets)  # type: ignore[arg-type]  # one of the forms
        logger.warning(message, *args, extra=extra)
    finally:
        logger.handlers, logger.level, logger.propagate = before
    return stream.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "written",
    [ADMIN, f"<{ADMIN}>", f'{{"token":"{ADMIN}"}}', f"https://x.example/?q={ADMIN}", ADMIN + ADMIN],
)
def test_a_configured_secret_is_redacted_of_a_line(form: str, written: str) -> None:
    assert ADMIN not in line(form, "said %s", written, secrets=(ADMIN,))


def test_a_configured_secret_is_redacted_in_extra_fields() -> None:
    assert ADMIN not in line("json", "said", secrets=(ADMIN,), headers={"x": [ADMIN]})


@pytest.mark.parametrize("written", ['quo"te-of-the-tests', "back\\slash-of-the-tests", "naïve-of-the-tests"])
def test_a_secret_is_found_as_json_writes_it(written: str) -> None:
    shown = line("json", "said", secrets=(written,), token=written)
    assert "of-the-tests" not in shown


@pytest.mark.parametrize("written", [URL, "p%40ss%2Fword-of-the-tests"])
def test_a_password_within_a_configured_url_is_redacted(written: str) -> None:
    assert "word-of-the-tests" not in line("text", "said %s", written, secrets=(URL,))


def test_a_secret_in_a_traceback_is_redacted() -> None:
    try:
        int(ADMIN)
    except ValueError:
        record = logging.LogRecord("veo", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    shown = logs.RedactingFormatter(logs.JsonFormatter(), (ADMIN,)).format(record)
    assert (ADMIN in shown, "ValueError: invalid literal" in shown) == (False, True)


@pytest.mark.parametrize(
    "written",
    [
        "Authorization: Bearer abcdefgh12345678",
        "https://api.example/x?app_key=abcdefgh12345678&y=1",
        "https://api.example/x?y=1&key=abcdefgh12345678",
        "rediss://default:abcdefgh12345678@cache.example",
        "AUTHORIZATION: BEARER abcdefgh12345678",
        "https://api.example/x?Access_Token=abcdefgh12345678",
    ],
)
def test_what_looks_like_a_secret_is_redacted_even_if_not_configured(written: str) -> None:
    assert "abcdefgh12345678" not in line("text", "said %s", written)


def test_what_is_no_secret_stays() -> None:
    assert line("text", "a bearer of news, key=E15").endswith("a bearer *** news, key=E15\n")


def test_every_secret_setting_is_known_as_one() -> None:
    secret = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    values = {name: f"secret-value-of-{name}" for name in secret}
    assert set(Settings(**values).secrets()) == set(values.values())  # type: ignore[arg-type]  # all are SecretStr
