"""A load test of a running Veo: plan → runner → results.

Hits and stale answers are counted by the response's own `metadata.cached` and `metadata.stale`.
"""
