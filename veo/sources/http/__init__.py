"""The HTTP client that all providers share, and how it checks and sanitises their answers."""
