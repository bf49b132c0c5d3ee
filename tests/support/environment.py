"""A process as it is with nothing configured, whatever the machine's environment says."""

import logging
from collections.abc import Iterator

import pytest
from pydantic import AliasChoices

from veo.settings import Settings


def variables() -> dict[str, str]:
    """Give the field of Settings behind every environment variable, also the second names."""
    found = {}
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        for variable in alias.choices if isinstance(alias, AliasChoices) else [alias]:
            found[str(variable)] = name
    return found


@pytest.fixture
def nothing_configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Unset every variable, and leave logging as it was."""
    for variable in variables():
        monkeypatch.delenv(variable, raising=False)
    logger = logging.getLogger("veo")
    before = logger.handlers, logger.level, logger.propagate
    yield monkeypatch
    logger.handlers, logger.level, logger.propagate = before
