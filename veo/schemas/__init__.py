"""The requests of all questions, and the response to recommendations with its cached form."""
