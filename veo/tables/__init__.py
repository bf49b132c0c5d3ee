"""The current figures, and the storage of refreshed tables."""
