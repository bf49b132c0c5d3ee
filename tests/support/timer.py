"""A clock for what reads the time without waiting for it."""


class Timer:
    """A clock that a test moves; in seconds."""

    now = 0.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now
