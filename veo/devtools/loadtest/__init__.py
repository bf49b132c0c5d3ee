"""A load test of a running Veo: plan → runner → results.

Where an answer came from is its own word: `metadata.cached` and `metadata.stale`.
"""
