"""The environment variables that configure Veo, so that tests can unset them."""

from pydantic import AliasChoices

from veo.settings import Settings


def settings_variables() -> dict[str, str]:
    """Return the field of `Settings` for each environment variable, including its aliases."""
    fields = {}
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        for variable in alias.choices if isinstance(alias, AliasChoices) else [alias]:
            fields[str(variable)] = name
    return fields
