"""The questions: their registry, their cached answers, and the recommendations built on them."""
