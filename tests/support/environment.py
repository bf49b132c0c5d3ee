"""The variables of a process, so that it can be as it is with nothing configured."""

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
