"""The tables of figures in use, and how refreshed ones are stored."""
