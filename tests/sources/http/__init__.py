"""The tests of the providers' HTTP client."""
