"""Logging for the entry points: text or JSON lines, each with the id of its request.

Secrets are redacted from every line, whichever library wrote it: the configured ones, and texts that look
like one.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, TextIO
from urllib.parse import quote, urlsplit

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""The id of the current request, `-` for background work."""

TEXT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
REDACTED = "***"
SHORTEST_SECRET = 8  # characters: redacting a shorter secret would hide common words
_ENCODED = json.JSONEncoder(default=str).encode
_BUILT_IN = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "color_message"}
_LOOKS_SECRET = re.compile(
    r"(?P<before>\bbearer\s+|[?&](?:app_key|api_key|key|token|access_token)=|\brediss?://[^\s:@/]*:)[^\s&\"'@\\]+",
    re.IGNORECASE,
)
_HINTS = ("bearer", "key=", "token=", "redis")
"""Every match of `_LOOKS_SECRET` contains one of these; finding a text is far cheaper than a pattern."""


class JsonFormatter(logging.Formatter):
    """Formats one JSON object a line: time, level, logger, message, and the caller's `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line of JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in record.__dict__.items() if name not in _BUILT_IN},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _ENCODED(line)


class RedactingFormatter(logging.Formatter):
    """Redacts secrets in the whole output of another formatter, tracebacks included."""

    def __init__(self, formatter: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self.inner = formatter
        spellings = {text for secret in secrets for text in _spellings(secret)}
        self._spellings = sorted(spellings, key=len, reverse=True)
        self._configured = re.compile("|".join(map(re.escape, self._spellings)))

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without secrets."""
        line = self.inner.format(record)
        folded = line.casefold()
        if any(hint in folded for hint in _HINTS):
            line = _LOOKS_SECRET.sub(rf"\g<before>{REDACTED}", line)
        return self._configured.sub(REDACTED, line) if any(text in line for text in self._spellings) else line


def configure(
    level: str,
    form: Literal["auto", "text", "json"],
    stream: TextIO | None = None,
    *,
    secrets: Iterable[str] = (),
    others: tuple[str, ...] = (),
) -> None:
    """Send Veo's log to a stream only (stderr by default); a second call replaces the first.

    `auto` is text at a terminal and JSON elsewhere. `others` names loggers to include, at warning or above.
    """
    stream = stream or sys.stderr
    if form == "auto":
        form = "text" if stream is not None and stream.isatty() else "json"
    handler = logging.StreamHandler(stream)
    handler.addFilter(_add_request_id)
    handler.setFormatter(RedactingFormatter(JsonFormatter() if form == "json" else _text(), secrets))
    for name in ("veo", *others):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level if name == "veo" else max(logging.WARNING, logging.getLevelName(level)))
        logger.propagate = False


def _spellings(secret: str) -> set[str]:
    """Return a secret, and the password if it is a URL, as plain text, URL-encoded and in JSON."""
    try:
        password = urlsplit(secret).password or ""
    except ValueError:
        password = ""
    plain = {secret, password}
    texts = {*plain, *(quote(text, safe="") for text in plain), *(json.dumps(text)[1:-1] for text in plain)}
    return {text for text in texts if len(text) >= SHORTEST_SECRET}


def _add_request_id(record: logging.LogRecord) -> bool:
    record.request_id = request_id.get()
    return True


def _text() -> logging.Formatter:
    formatter = logging.Formatter(TEXT)
    formatter.converter = time.gmtime
    return formatter
