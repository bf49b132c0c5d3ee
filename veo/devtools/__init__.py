"""Tools for development: smoke test, load test, simulation."""
