"""All settings, read once from the environment. `secrets.example` documents them for deployers."""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Price = Annotated[float, Field(ge=0, le=1_000)]  # US dollars a call


SHORTEST_TOKEN = 16  # characters of the admin token


class Settings(BaseSettings):
    """The settings of one process; they are frozen, and a repr hides the secrets."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        env_prefix="VEO_",
        populate_by_name=True,
        hide_input_in_errors=True,  # the input may be a secret
    )

    upstash_url: str | None = Field(
        None, validation_alias=AliasChoices("UPSTASH_REDIS_REST_URL", "KV_REST_API_URL")
    )
    upstash_token: SecretStr | None = Field(
        None, validation_alias=AliasChoices("UPSTASH_REDIS_REST_TOKEN", "KV_REST_API_TOKEN")
    )
    redis_url: SecretStr | None = Field(None, validation_alias="REDIS_URL")
    namespace: str = Field("", validation_alias="VEO_NAMESPACE", pattern=r"^[a-z0-9-]{0,32}$")
    cache: Literal["auto", "memory", "off"] = Field("auto", validation_alias="VEO_CACHE")
    commands_per_day: int = Field(10_000, validation_alias="VEO_COMMANDS_PER_DAY", ge=1)

    live: Literal["auto", "off"] = Field("auto", validation_alias="VEO_LIVE")
    deadline: float = Field(6.0, validation_alias="VEO_DEADLINE_S", gt=0, le=25)
    tfl_key: SecretStr | None = Field(None, validation_alias="TFL_APP_KEY")
    google_key: SecretStr | None = Field(None, validation_alias="GOOGLE_MAPS_API_KEY")
    perplexity_key: SecretStr | None = Field(None, validation_alias="PERPLEXITY_API_KEY")
    google_usd_per_day: float = Field(
        2.0, validation_alias="VEO_GOOGLE_USD_PER_DAY", ge=0, allow_inf_nan=False
    )
    perplexity_usd_per_day: float = Field(
        2.0, validation_alias="VEO_PERPLEXITY_USD_PER_DAY", ge=0, allow_inf_nan=False
    )
    upstreams: dict[str, str] = Field({}, validation_alias="VEO_UPSTREAMS")
    tables: Path = Field(Path("~/.cache/veo"), validation_alias="VEO_TABLES")

    admin_token: SecretStr | None = Field(None, validation_alias="VEO_ADMIN_TOKEN")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field((), validation_alias="VEO_CORS_ORIGINS")

    rate_limit: int = Field(1_200, validation_alias="VEO_RATE_LIMIT", ge=0)
    trusted_proxy_hops: int = Field(0, validation_alias="VEO_TRUSTED_PROXY_HOPS", ge=0, le=10)

    mortgage_rate: float = Field(0.05, validation_alias="VEO_MORTGAGE_RATE", ge=0, lt=1)
    mortgage_years: int = Field(25, validation_alias="VEO_MORTGAGE_YEARS", ge=1, le=50)
    mortgage_deposit: float = Field(0.10, validation_alias="VEO_MORTGAGE_DEPOSIT", ge=0, lt=1)

    price_tfl_usd: Price = Field(0.0, validation_alias="VEO_PRICE_TFL_USD")
    price_google_usd: Price = Field(0.005, validation_alias="VEO_PRICE_GOOGLE_USD")
    price_perplexity_usd: Price = Field(0.01, validation_alias="VEO_PRICE_PERPLEXITY_USD")
    price_modal_usd: Price = Field(0.002, validation_alias="VEO_PRICE_MODAL_USD")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", validation_alias="VEO_LOG_LEVEL")
    log_format: Literal["auto", "text", "json"] = Field("auto", validation_alias="VEO_LOG_FORMAT")
    otel_endpoint: str | None = Field(None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")

    @field_validator("admin_token", mode="before")
    @classmethod
    def _long_enough(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if len(token := value.strip()) < SHORTEST_TOKEN:  # HTTP strips spaces around a header
            raise ValueError(f"must be at least {SHORTEST_TOKEN} characters without spaces around them")
        return token

    @field_validator("upstreams")
    @classmethod
    def _check(cls, value: dict[str, str]) -> dict[str, str]:
        for name, url in value.items():
            if not re.fullmatch(r"https://[\w.-]+(:\d+)?(/[\w./-]*)?|http://127\.0\.0\.1:\d+", url):
                raise ValueError(
                    f"{name}: must be an https:// address without a query, or http://127.0.0.1:port"
                )
        return value

    @field_validator("otel_endpoint")
    @classmethod
    def _collector(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[\w.-]+(:\d+)?(/[\w./-]*)?", value):
            raise ValueError("must be an address such as http://127.0.0.1:4318, without a query")
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        origins = tuple(origin.strip().rstrip("/") for origin in value.split(",") if origin.strip())
        for origin in origins:
            if not re.fullmatch(r"https?://[^/\s?#]+", origin):
                raise ValueError("must be origins such as https://veo.example, separated by commas")
        return origins

    @cached_property
    def prefix(self) -> str:
        """Return the start of every key in the shared tier, before the version."""
        return f"veo:{self.namespace}:" if self.namespace else "veo:"

    def secrets(self) -> tuple[str, ...]:
        """Return all secrets in plain text, for the redaction of logs."""
        values = [getattr(self, name) for name in type(self).model_fields]
        return tuple(value.get_secret_value() for value in values if isinstance(value, SecretStr))
