"""Logging for an entry point: lines for people or JSON for machines, each with the id of its request."""

import json
import logging
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, TextIO

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""The request that is being answered; work in the background belongs to none."""

TEXT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
_BUILT_IN = {*logging.makeLogRecord({}).__dict__, "message", "asctime"}


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
        return json.dumps(line, default=str)


def configure(level: str, form: Literal["text", "json"], stream: TextIO | None = None) -> None:
    """Send what Veo logs to a stream (stderr by default), and to nothing else; calling again replaces."""
    handler = logging.StreamHandler(stream)
    handler.addFilter(_stamp)
    handler.setFormatter(JsonFormatter() if form == "json" else _text())
    logger = logging.getLogger("veo")
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False


def _stamp(record: logging.LogRecord) -> bool:
    record.request_id = request_id.get()
    return True


def _text() -> logging.Formatter:
    formatter = logging.Formatter(TEXT)
    formatter.converter = time.gmtime
    return formatter
