"""The errors of Veo.

VeoError
├── InvalidQuestion        malformed: names every bad field and its accepted form
│   └── UnknownPlace       no such destination, outcode or postcode: suggests similar names
├── NotFound               well-formed, but does not exist
└── SourceError            a source could not answer
    ├── SourceUnavailable  not configured
    ├── CapReached         the daily spend cap is reached
    └── ProviderError      a request to a provider failed
        ├── Unavailable    unreachable, too slow, or HTTP 5xx
        │   └── NotAsked   not sent, as the circuit breaker is open or a rate limit applies
        ├── RateLimited    too many requests: pause for a while
        ├── BadAnswer      rejected, or a response of an undocumented form
        └── NotFoundThere  the provider has no such thing

`veo.web.errors` maps each of them to an HTTP response.
"""

DEFAULT_RETRY_AFTER = 30.0  # seconds to pause after a rate limit that states no time


class VeoError(Exception):
    """The base of all errors that Veo raises on purpose."""


class InvalidQuestion(VeoError):
    """A malformed question; `errors` holds one `"<field>: <message>"` for each bad field."""

    def __init__(self, *errors: str) -> None:
        super().__init__(*errors)
        self.errors = errors

    def __str__(self) -> str:
        return "; ".join(self.errors)


class UnknownPlace(InvalidQuestion):
    """A place that Veo does not know; `suggestions` holds the most similar names."""

    def __init__(self, field: str, text: str, suggestions: tuple[str, ...]) -> None:
        hint = f"; did you mean {', '.join(suggestions)}?" if suggestions else ""
        super().__init__(
            f"{field}: {text[:60]!r} is not a London destination, postcode district or postcode{hint}"
        )
        self.args = (field, text, suggestions)  # the arguments with which pickle rebuilds the error
        self.field = field
        self.suggestions = suggestions


class NotFound(VeoError):
    """Something well-formed that does not exist."""


class SourceError(VeoError):
    """A source could not answer; `service` is its name."""

    def __init__(self, service: str, message: str) -> None:
        super().__init__(service, message)
        self.service = service
        self.message = message

    def __str__(self) -> str:
        return self.message


class SourceUnavailable(SourceError):
    """A source that is not configured; `missing` is the setting that enables it."""

    def __init__(self, service: str, missing: str) -> None:
        super().__init__(service, f"{service} is not configured: {missing} is not set")
        self.args = (service, missing)
        self.missing = missing


class CapReached(SourceError):
    """The daily spend cap of a source is reached; `missing` is the setting with the cap."""

    def __init__(self, service: str, missing: str) -> None:
        super().__init__(service, f"{service}: the daily spend cap of {missing} is reached")
        self.args = (service, missing)
        self.missing = missing


class ProviderError(SourceError):
    """A request to a provider failed; `status` is the HTTP status, None without a response.

    The message has no query strings or headers, which may contain a key.
    """

    def __init__(self, service: str, message: str, status: int | None = None) -> None:
        super().__init__(service, f"{service}: {message}")
        self.args = (service, message, status)
        self.status = status


class Unavailable(ProviderError):
    """The provider is unreachable, too slow, or answers with HTTP 5xx."""


class NotAsked(Unavailable):
    """No request was sent: the circuit breaker is open, a rate limit applies, or connecting failed."""


class RateLimited(ProviderError):
    """The provider limits requests; wait `retry_after` seconds, by default `DEFAULT_RETRY_AFTER`."""

    def __init__(
        self, service: str, message: str, status: int | None = None, retry_after: float = DEFAULT_RETRY_AFTER
    ) -> None:
        super().__init__(service, message, status)
        self.args = (service, message, status, retry_after)
        self.retry_after = retry_after


class BadAnswer(ProviderError):
    """The provider rejected the request, or its response is not of the documented form."""


class NotFoundThere(ProviderError):
    """The provider has no such thing."""
