"""The errors of Veo.

VeoError
├── InvalidQuestion      what was asked makes no sense: every bad field, each with its accepted form
│   └── UnknownPlace     a destination, outcode or postcode that is not known, with the nearest known ones
├── NotFound             a well-formed thing that does not exist
└── SourceError          an upstream could not answer
    ├── SourceUnavailable  it is not configured
    ├── CapReached       it would cost more than a day may cost
    └── ProviderError    it was asked, and failed
        ├── Unavailable  not reachable, too slow, or a 5xx
        │   └── NotAsked  resting after failures: nothing was sent
        ├── RateLimited  it asks to be left alone for a while
        ├── BadAnswer    refused, or not what it documents
        └── NotFoundThere  it says that there is no such thing

The web turns each into one HTTP answer, in one place (`veo.web.errors`).
"""

UNSTATED_REST = 30.0  # seconds that a provider rests which is asked too often and does not say how long


class VeoError(Exception):
    """Base of everything that Veo raises on purpose."""


class InvalidQuestion(VeoError):
    """The question is malformed; `errors` holds one `"<field>: <message>"` per bad field."""

    def __init__(self, *errors: str) -> None:
        super().__init__(*errors)
        self.errors = errors

    def __str__(self) -> str:
        return "; ".join(self.errors)


class UnknownPlace(InvalidQuestion):
    """A place that Veo does not know; `suggestions` holds the nearest known names."""

    def __init__(self, field: str, text: str, suggestions: tuple[str, ...]) -> None:
        hint = f"; did you mean {', '.join(suggestions)}?" if suggestions else ""
        super().__init__(
            f"{field}: {text[:60]!r} is not a London destination, postcode district or postcode{hint}"
        )
        self.args = (field, text, suggestions)  # what pickle makes it of again, in another process
        self.field = field
        self.suggestions = suggestions


class NotFound(VeoError):
    """A well-formed thing that does not exist."""


class SourceError(VeoError):
    """An upstream failed to answer; `service` names it."""

    def __init__(self, service: str, message: str) -> None:
        super().__init__(service, message)
        self.service = service
        self.message = message

    def __str__(self) -> str:
        return self.message


class SourceUnavailable(SourceError):
    """A source is not configured or not reachable; `missing` names what would switch it on."""

    def __init__(self, service: str, missing: str) -> None:
        super().__init__(service, f"{service} is not configured: {missing} is not set")
        self.args = (service, missing)
        self.missing = missing


class CapReached(SourceError):
    """Asking would cost more than a day may cost; `missing` names the setting that says how much."""

    def __init__(self, service: str, missing: str) -> None:
        super().__init__(service, f"{service}: the day's budget is spent; {missing} says how much it is")
        self.args = (service, missing)
        self.missing = missing


class ProviderError(SourceError):
    """A provider was asked and failed; `status` is its HTTP status, None when there was none.

    The message holds neither query strings nor headers, which may hold a key.
    """

    def __init__(self, service: str, message: str, status: int | None = None) -> None:
        super().__init__(service, f"{service}: {message}")
        self.args = (service, message, status)
        self.status = status


class Unavailable(ProviderError):
    """Not reachable, too slow, or a 5xx."""


class NotAsked(Unavailable):
    """Nothing was sent to it: it rests after failures or a refusal, or cannot be reached."""


class RateLimited(ProviderError):
    """The provider asks to be left alone for `retry_after` seconds, `UNSTATED_REST` if it names no time."""

    def __init__(
        self, service: str, message: str, status: int | None = None, retry_after: float = UNSTATED_REST
    ) -> None:
        super().__init__(service, message, status)
        self.args = (service, message, status, retry_after)
        self.retry_after = retry_after


class BadAnswer(ProviderError):
    """The provider refused the request, or its answer is not what it documents."""


class NotFoundThere(ProviderError):
    """The provider says that there is no such thing."""
