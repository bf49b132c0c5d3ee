"""A clock for code that reads the time but does not sleep."""


class Timer:
    """A clock in seconds that a test advances by setting `now`."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now
