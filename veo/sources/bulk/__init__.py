"""The publishers' files that the monthly refresh reads."""
