"""The tests of the web endpoints."""
