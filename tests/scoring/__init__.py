"""The tests of the scoring."""
