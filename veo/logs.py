"""Logging for an entry point: lines for people or JSON for machines, each with the id of its request.

No line holds a secret, whoever wrote it: what is configured as one is blotted out, and what looks like one.
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
"""The request that is being answered; work in the background belongs to none."""

TEXT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
HIDDEN = "***"
SHORTEST = 8  # characters of a secret that is looked for: a shorter one would blot out common words
_ENCODED = json.JSONEncoder(default=str).encode
_BUILT_IN = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "color_message"}
_TELLING = re.compile(
    r"(?P<before>\bbearer\s+|[?&](?:app_key|api_key|key|token|access_token)=|\brediss?://[^\s:@/]*:)[^\s&\"'@\\]+",
    re.IGNORECASE,
)
_HINTS = ("bearer", "key=", "token=", "redis")
"""What a line must hold for `_TELLING` to match: to look for a text is far cheaper."""


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and whatever the caller gave as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
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


class Discreet(logging.Formatter):
    """Blots secrets out of whole lines, with their traceback and whatever else a formatter puts there."""

    def __init__(self, formatter: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self.inner = formatter
        self._forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, self._forms)))

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        line = self.inner.format(record)
        folded = line.casefold()
        if any(hint in folded for hint in _HINTS):
            line = _TELLING.sub(rf"\g<before>{HIDDEN}", line)
        return self._known.sub(HIDDEN, line) if any(form in line for form in self._forms) else line


def configure(
    level: str,
    form: Literal["auto", "text", "json"],
    stream: TextIO | None = None,
    *,
    secrets: Iterable[str] = (),
    of: tuple[str, ...] = (),
) -> None:
    """Send what Veo logs to a stream (stderr by default), and to nothing else; calling again replaces.

    `auto` is text at a terminal and JSON elsewhere. `of` names loggers to take along, from warnings on.
    """
    stream = stream or sys.stderr
    if form == "auto":
        form = "text" if stream is not None and stream.isatty() else "json"
    handler = logging.StreamHandler(stream)
    handler.addFilter(_stamp)
    handler.setFormatter(Discreet(JsonFormatter() if form == "json" else _text(), secrets))
    for name in ("veo", *of):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level if name == "veo" else max(logging.WARNING, logging.getLevelName(level)))
        logger.propagate = False


def _forms(secret: str) -> set[str]:
    """Give the ways in which a secret may be written: as it is, in a URL, in JSON, and a URL's password."""
    try:
        password = urlsplit(secret).password or ""
    except ValueError:
        password = ""
    plain = {secret, password}
    forms = {*plain, *(quote(text, safe="") for text in plain), *(json.dumps(text)[1:-1] for text in plain)}
    return {form for form in forms if len(form) >= SHORTEST}


def _stamp(record: logging.LogRecord) -> bool:
    record.request_id = request_id.get()
    return True


def _text() -> logging.Formatter:
    formatter = logging.Formatter(TEXT)
    formatter.converter = time.gmtime
    return formatter
