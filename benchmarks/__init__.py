"""Benchmarks relative to a floor measured on the same machine: ratios and medians, never pass or fail."""
