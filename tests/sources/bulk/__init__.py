"""The tests of the bulk files."""
