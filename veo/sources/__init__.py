"""The sources of figures: embedded tables, one file for each live provider, and their HTTP client."""
