"""The tests of the shipped tables."""
