"""Work on a running deployment: savings, lifetimes, cache administration, refresh and warm-up."""
