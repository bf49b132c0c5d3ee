"""Veo: London postcode districts for a student, a parent or a developer."""
