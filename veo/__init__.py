"""Veo: London postcode districts for a student, a parent or a developer."""

__version__ = "0.1.0"
