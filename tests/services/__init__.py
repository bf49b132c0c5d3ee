"""The tests of the services."""
