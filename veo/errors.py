"""The errors of Veo.

VeoError
├── InvalidQuestion      what was asked makes no sense: every bad field, each with its accepted form
│   └── UnknownPlace     a destination, outcode or postcode that is not known, with the nearest known ones
├── NotFound             a well-formed thing that does not exist
└── SourceError          an upstream could not answer
    └── SourceUnavailable  it is not configured, or cannot be reached

The web turns each into one HTTP answer, in one place (`veo.web.errors`).
"""


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
