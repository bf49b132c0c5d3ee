"""The tests of the development tools."""
