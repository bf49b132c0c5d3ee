"""One module for each provider asked within a request."""
