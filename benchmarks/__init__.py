"""Measurements beside a floor of the same machine: ratios and medians, never a verdict of a test."""
