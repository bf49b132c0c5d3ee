"""The HTTP client of the providers, and how an answer is judged and cleaned."""
