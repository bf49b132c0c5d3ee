"""Every variable that the app reads, once, at the edge. `secrets.example` documents them for deployers."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one process: frozen, and secrets never show in a repr."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, env_prefix="VEO_", populate_by_name=True
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

    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field((), validation_alias="VEO_CORS_ORIGINS")

    mortgage_rate: float = Field(0.05, validation_alias="VEO_MORTGAGE_RATE", ge=0, lt=1)
    mortgage_years: int = Field(25, validation_alias="VEO_MORTGAGE_YEARS", ge=1, le=50)
    mortgage_deposit: float = Field(0.10, validation_alias="VEO_MORTGAGE_DEPOSIT", ge=0, lt=1)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", validation_alias="VEO_LOG_LEVEL")
    log_format: Literal["text", "json"] = Field("text", validation_alias="VEO_LOG_FORMAT")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(origin.strip().rstrip("/") for origin in value.split(",") if origin.strip())
        return value

    @cached_property
    def prefix(self) -> str:
        """Give what stands before the version in every key of the shared tier."""
        return f"veo:{self.namespace}:" if self.namespace else "veo:"
